//! Who is measured. A further variant of our server is one line in [`PEERS`].

mod kernel;
mod reflector;
mod tap;
mod usual;

use serde::{Deserialize, Serialize};

use crate::args::names;
use crate::fault::Fault;
use crate::load::scene::Load;

/// Connections at once that our server is started for, and what is asked of all.
pub(super) const MANY: usize = 1000;

/// And where they are held.
pub(super) const HELD: usize = 10_000;

/// A server, and what it can be asked.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    pub(super) server: Server,
    takes: fn(Load) -> bool,
}

/// How it is started.
#[derive(Clone, Copy, Debug)]
pub(super) enum Server {
    /// `smolecho serve` with these options, over a TAP that it makes.
    Ours(&'static [&'static str]),
    /// Of this program, too.
    Part(Other),
}

/// What else this program can be, to be compared with.
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
    other(KERNEL, "the kernel's sockets, epoll, over veth", Other::Kernel, |load| {
        !is_small_service(load)
    }),
    other(USUAL, "the usual loop over smoltcp, 72 sockets", Other::Usual, |load| {
        load.connections() <= usual::CONNECTIONS && !is_small_service(load) && !is_held(load)
    }),
    other(REFLECTOR, "a TAP that turns frames round: the limit", Other::Reflector, Load::is_udp),
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

/// The places of those with these names, or of all.
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

/// Becomes one of the others, until it is ended.
pub(super) fn serve(other: Other) -> Result<(), Fault> {
    match other {
        Other::Kernel => kernel::serve(),
        Other::Usual => usual::serve(),
        Other::Reflector => reflector::serve(),
    }
}
