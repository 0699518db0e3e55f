//! The client's part: the kernel's own sockets, one kind of load a file. Every byte that comes back is
//! compared.

mod bulk;
mod connects;
mod datagrams;
mod held;
mod many;
mod small_services;
mod stream;

use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use serde::{Deserialize, Serialize};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use super::meter::Meter;
use super::sample::Sample;
use crate::fault::errno;

/// How long an answer may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// The lecture's message, and its buffer.
pub(super) const SMALL: usize = 14;
pub(super) const LARGE: usize = 1024;

/// What the server is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Load {
    /// One message under way, the next when it has come back.
    TcpRoundTrips {
        bytes: usize,
    },
    /// The same, so many a second.
    TcpPaced {
        per_second: u32,
    },
    UdpRoundTrips {
        bytes: usize,
    },
    /// So many datagrams under way.
    UdpWindow {
        in_flight: usize,
    },
    /// As much as goes, both ways at once.
    Bulk,
    /// So many connections, one message under way on each.
    Connections {
        count: usize,
    },
    /// Connect, echo, close, again.
    Connects {
        clients: usize,
    },
    /// So many connections; one of them at work, or each in turn.
    Held {
        connections: usize,
        in_turn: bool,
    },
    /// So many connections, and none at work.
    Idle {
        connections: usize,
    },
    /// RFC 863.
    Discard,
    /// RFC 864.
    Chargen,
}

impl Load {
    pub(super) fn is_udp(self) -> bool {
        matches!(self, Load::UdpRoundTrips { .. } | Load::UdpWindow { .. })
    }

    /// Connections at once.
    pub(super) fn connections(self) -> usize {
        match self {
            Load::Connections { count: n }
            | Load::Connects { clients: n }
            | Load::Held { connections: n, .. }
            | Load::Idle { connections: n } => n,
            _ => 1,
        }
    }
}

/// Where a load runs, and how long.
pub(super) struct Scene {
    pub(super) target: SocketAddr,
    pub(super) time: Duration,
    pub(super) meter: Meter,
    /// Connections made at most: somebody else's ports are not ours to use up.
    pub(super) most: u64,
}

impl Scene {
    /// While its system calls are counted a server is slow: the next request would be there before it looks
    /// for it, and it would have no need to wait. So the next one comes later.
    fn pause(&self) {
        if self.meter.counts_calls {
            thread::sleep(Duration::from_millis(1));
        }
    }

    pub(super) fn run(&self, load: Load) -> io::Result<Sample> {
        match load {
            Load::TcpRoundTrips { bytes } => stream::round_trips(self, bytes),
            Load::TcpPaced { per_second } => stream::paced(self, per_second),
            Load::UdpRoundTrips { bytes } => datagrams::round_trips(self, bytes),
            Load::UdpWindow { in_flight } => datagrams::window(self, in_flight),
            Load::Bulk => bulk::run(self),
            Load::Connections { count } => many::run(self, count),
            Load::Connects { clients } => connects::run(self, clients),
            Load::Held { connections, in_turn } => held::work(self, connections, in_turn),
            Load::Idle { connections } => held::idle(self, connections),
            Load::Discard => small_services::discard(self),
            Load::Chargen => small_services::chargen(self),
        }
    }
}

/// A connection on which nothing takes longer than our patience, `connect` included (man 7 socket,
/// `SO_SNDTIMEO`).
pub(super) fn connect(target: SocketAddr) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(target), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_write_timeout(Some(PATIENCE))?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.set_tcp_nodelay(true)?;
    socket.connect(&SockAddr::from(target)).map_err(|error| match errno(&error) {
        // So ends one that took too long (man 7 socket).
        Errno::EINPROGRESS => ErrorKind::TimedOut.into(),
        _ => error,
    })?;
    Ok(socket.into())
}

/// A socket for datagrams to and from there alone.
pub(crate) fn towards(target: SocketAddr, patience: Duration) -> io::Result<UdpSocket> {
    let any: IpAddr = if target.is_ipv4() { [0; 4].into() } else { [0; 16].into() };
    let socket = UdpSocket::bind((any, 0))?;
    socket.set_read_timeout(Some(patience))?;
    socket.connect(target)?;
    Ok(socket)
}

/// That what came back is what was sent.
pub(crate) fn same(received: &[u8], sent: &[u8]) -> io::Result<()> {
    if received == sent { Ok(()) } else { Err(differ()) }
}

fn differ() -> io::Error {
    io::Error::new(ErrorKind::InvalidData, "what came back is not what was sent")
}

/// Why there is no figure, in words.
pub(super) fn reason(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => format!("no answer within {PATIENCE:?}"),
        ErrorKind::ConnectionRefused => "refused: nobody listens there".into(),
        ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => "it reset the connection".into(),
        ErrorKind::UnexpectedEof => "it closed the connection".into(),
        ErrorKind::AddrNotAvailable => "no port is left here: TIME-WAIT holds them".into(),
        _ if errno(error) == Errno::EMFILE => {
            "too many open files: ulimit -n shows how many may be".into()
        }
        _ => error.to_string(),
    }
}

/// Until the time is over, with each step's time as seen by the clock once.
fn timed(
    time: Duration,
    mut step: impl FnMut() -> io::Result<()>,
    mut took: impl FnMut(Duration),
) -> io::Result<()> {
    let begin = Instant::now();
    let mut before = begin;
    while before - begin < time {
        step()?;
        let after = Instant::now();
        took(after - before);
        before = after;
    }
    Ok(())
}

/// Whether one connection is echoed on at all.
pub(super) fn is_served(target: SocketAddr) -> io::Result<()> {
    stream::Echo::new(connect(target)?, SMALL).round_trip()
}
