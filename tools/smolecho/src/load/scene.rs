//! What a load is, where it runs and how long.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::meter::Meter;
use crate::kernel::cause::{cause, is_timeout};
use crate::kernel::socket::{self, Setup};

/// How long an answer may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// The lecture's message, and its buffer.
pub(crate) const SMALL: usize = 14;
pub(crate) const LARGE: usize = 1024;

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
    pub(crate) fn is_udp(self) -> bool {
        matches!(self, Load::UdpRoundTrips { .. } | Load::UdpWindow { .. })
    }

    /// Connections at once.
    pub(crate) fn connections(self) -> usize {
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
pub(crate) struct Scene {
    pub(crate) target: SocketAddr,
    pub(crate) time: Duration,
    pub(crate) meter: Meter,
    /// Connections made at most: somebody else's ports are not ours to use up.
    pub(crate) most: u64,
}

impl Scene {
    /// While its system calls are counted a server is slow: the next request would be there before it looks
    /// for it, and it would have no need to wait. So the next one comes later.
    pub(super) fn pause(&self) {
        if self.meter.counts_calls {
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// A connection to the server; no call on it takes longer than [`PATIENCE`].
    pub(super) fn connect(&self) -> io::Result<TcpStream> {
        socket::connect(self.target, Setup::default(), PATIENCE)
    }
}

/// Why there is no figure, in words.
pub(crate) fn reason(error: &io::Error) -> String {
    if is_timeout(error) { format!("no answer within {PATIENCE:?}") } else { cause(error) }
}

/// Until the time is over, with each step's time as seen by the clock once.
pub(super) fn timed(
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
