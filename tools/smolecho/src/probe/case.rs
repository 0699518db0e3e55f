//! Cases, and their outcomes.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// One requirement on a server.
#[derive(Debug)]
pub(crate) struct Case {
    pub(super) name: &'static str,
    /// What a correct server does.
    pub(super) expects: &'static str,
    /// The rule's source.
    pub(super) rule: &'static str,
    pub(super) needs: Needs,
    pub(super) run: fn(&mut Scene) -> Result<String, Trouble>,
}

/// What must have worked before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Needs {
    Nothing,
    /// A connection that echoes.
    Tcp,
    /// A connection that stays open after an echo.
    Stream,
    /// A datagram that is echoed.
    Udp,
}

/// Why a case has not passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The server did this instead.
    Failed(String),
    /// The case could not be tried.
    NotRun(String),
}

impl Trouble {
    pub(super) fn failed<T>(observed: impl Into<String>) -> Result<T, Trouble> {
        Err(Trouble::Failed(observed.into()))
    }

    /// The case fails with the error.
    pub(super) fn unless<T>(outcome: io::Result<T>) -> Result<T, Trouble> {
        outcome.map_err(|error| Trouble::Failed(error.to_string()))
    }

    pub(super) fn not_run<T>(reason: impl Into<String>) -> Result<T, Trouble> {
        Err(Trouble::NotRun(reason.into()))
    }
}

/// How the server treats a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flow {
    /// Echoes until the client closes.
    Stream,
    /// Echoes one message and closes, like the lecture's server.
    Once,
}

/// The target, what earlier cases found out, and the time limit.
#[derive(Debug)]
pub(super) struct Scene {
    pub(super) target: SocketAddr,
    /// Connections that the server should serve at once.
    pub(super) connections: u16,
    pub(super) deadline: Duration,
    pub(super) until: Instant,
    /// `None` until a case has found out.
    pub(super) flow: Option<Flow>,
    pub(super) no_tcp: bool,
    pub(super) no_udp: bool,
}

impl Scene {
    /// The time left. After the deadline the next step of the case fails.
    pub(super) fn left(&self) -> Duration {
        left(self.until)
    }

    pub(super) fn is_over(&self) -> bool {
        Instant::now() >= self.until
    }

    /// Why the case does not apply to this target; `None` if it does.
    pub(super) fn lacks(&self, needs: Needs) -> Option<&'static str> {
        match needs {
            Needs::Tcp | Needs::Stream if self.no_tcp => Some("the case tcp failed"),
            Needs::Stream if self.flow == Some(Flow::Once) => {
                Some("it closes after one answer, like the lecture's server")
            }
            Needs::Udp if self.no_udp => Some("it does not answer datagrams"),
            _ => None,
        }
    }
}

/// The time left, never zero: a socket takes zero as no limit.
pub(super) fn left(until: Instant) -> Duration {
    until.saturating_duration_since(Instant::now()).max(Duration::from_millis(1))
}
