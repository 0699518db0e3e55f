//! The servers that are measured. One more variant of ours is one line in [`PEERS`].

mod kernel;
mod reflector;
mod tap;
mod usual;

use serde::{Deserialize, Serialize};

use crate::args::names;
use crate::fault::Fault;
use crate::load::scene::Load;

/// Connections of the largest load on every peer, for which ours is sized.
pub(super) const MANY: usize = 1000;

/// Connections of the loads that hold many idle ones.
pub(super) const HELD: usize = 10_000;

/// A server, and the loads that it takes.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    pub(super) server: Server,
    takes: fn(Load) -> bool,
}

/// How the server is started.
#[derive(Clone, Copy, Debug)]
pub(super) enum Server {
    /// `smolecho serve` with these options, on a TAP that it creates.
    Ours(&'static [&'static str]),
    /// A part of this program.
    Part(Other),
}

/// The other servers in this program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Other {
    Kernel,
    Usual,
    Reflector,
}

impl Peer {
    pub(super) fn takes(&self, load: Load) -> bool {
        (self.takes)(load)
    }
}

pub(super) const OURS: &str = "smolecho";
pub(super) const OURS_LARGE: &str = "smolecho-65521";
pub(super) const OURS_OFFLOAD: &str = "smolecho-offload";
pub(super) const OURS_HELD: &str = "smolecho-10000";
pub(super) const KERNEL: &str = "kernel";
pub(super) const USUAL: &str = "usual";
pub(super) const REFLECTOR: &str = "reflector";

pub(super) const PEERS: &[Peer] = &[
    ours(OURS, "smolecho serve, MTU 1500", &["--mtu", "1500"], is_usual),
    ours(OURS_LARGE, "smolecho serve, MTU 65521", &["--mtu", "65521"], is_usual),
    ours(
        OURS_OFFLOAD,
        "smolecho serve, MTU 1500, segmentation offload",
        &["--mtu", "1500", "--offload"],
        is_usual,
    ),
    ours(
        OURS_HELD,
        "smolecho serve with 10,000 connections of 2 KiB",
        &["--connections", "10016", "--buffer", "2048"],
        is_held,
    ),
    other(KERNEL, "kernel sockets with epoll, over a veth", Other::Kernel, |load| {
        !is_small_service(load)
    }),
    other(USUAL, "the common smoltcp echo loop, 72 sockets", Other::Usual, |load| {
        load.connections() <= usual::CONNECTIONS && !is_small_service(load) && !is_held(load)
    }),
    other(
        REFLECTOR,
        "returns frames without any stack: the fastest a TAP can be",
        Other::Reflector,
        Load::is_udp,
    ),
];

const fn ours(
    name: &'static str,
    about: &'static str,
    options: &'static [&'static str],
    takes: fn(Load) -> bool,
) -> Peer {
    Peer { name, about, server: Server::Ours(options), takes }
}

const fn other(
    name: &'static str,
    about: &'static str,
    server: Other,
    takes: fn(Load) -> bool,
) -> Peer {
    Peer { name, about, server: Server::Part(server), takes }
}

fn is_usual(load: Load) -> bool {
    !is_held(load)
}

fn is_held(load: Load) -> bool {
    matches!(load, Load::Held { .. } | Load::Idle { .. })
}

fn is_small_service(load: Load) -> bool {
    matches!(load, Load::Discard | Load::Chargen)
}

/// The indices of the peers with these names; all without names.
pub(super) fn chosen(names: &[String]) -> Result<Vec<usize>, Fault> {
    let place = |name: &String| {
        PEERS
            .iter()
            .position(|peer| peer.name == name)
            .ok_or_else(|| names::unknown("--peers", name, "peer"))
    };
    match names {
        [] => Ok((0..PEERS.len()).collect()),
        names => names.iter().map(place).collect(),
    }
}

/// Runs one of the other servers until the process is killed.
pub(super) fn serve(other: Other) -> Result<(), Fault> {
    match other {
        Other::Kernel => kernel::serve(),
        Other::Usual => usual::serve(),
        Other::Reflector => reflector::serve(),
    }
}
