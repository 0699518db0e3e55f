//! Loads, and the scene of one: server, time, meter.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::meter::Meter;
use crate::kernel::cause::{cause, is_timeout};
use crate::kernel::socket::{self, Setup};

/// The longest wait for an answer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// Bytes of the lecture's message, and of its buffer.
pub(crate) const SMALL: usize = 14;
pub(crate) const LARGE: usize = 1024;

/// A kind of load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Load {
    /// One message in flight; the next follows its echo.
    TcpRoundTrips {
        bytes: usize,
    },
    /// The same at a fixed rate.
    TcpPaced {
        per_second: u32,
    },
    UdpRoundTrips {
        bytes: usize,
    },
    /// This many datagrams in flight.
    UdpWindow {
        in_flight: usize,
    },
    /// As many bytes as possible, both ways at once.
    Bulk,
    /// This many connections with one message in flight each.
    Connections {
        count: usize,
    },
    /// Connect, echo, close, and again.
    Connects {
        clients: usize,
    },
    /// This many connections; one works, or each in turn.
    Held {
        connections: usize,
        in_turn: bool,
    },
    /// This many connections, all idle.
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

    /// The number of concurrent connections.
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

/// The scene of a load.
pub(crate) struct Scene {
    pub(crate) target: SocketAddr,
    pub(crate) time: Duration,
    pub(crate) meter: Meter,
    /// The most connections to make in sequence, to spare local ports on a server that is not ours.
    pub(crate) most: u64,
}

impl Scene {
    /// Lets the server go to sleep between requests: while its system calls are counted it is slow, and would
    /// otherwise find the next request without waiting.
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

/// Why there is no figure.
pub(crate) fn reason(error: &io::Error) -> String {
    if is_timeout(error) { format!("no answer within {PATIENCE:?}") } else { cause(error) }
}

/// Repeats `step` until the time is over; `took` gets the time of each step.
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
