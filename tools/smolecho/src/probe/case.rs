//! What a case is, and what can come of it.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// One thing that a server must do.
#[derive(Debug)]
pub(crate) struct Case {
    pub(super) name: &'static str,
    /// What a server does that is right.
    pub(super) expects: &'static str,
    /// Who says so.
    pub(super) rule: &'static str,
    pub(super) needs: Needs,
    pub(super) run: fn(&mut Scene) -> Result<String, Trouble>,
}

/// What must have worked for a case to mean anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Needs {
    Nothing,
    /// A connection over which bytes come back.
    Tcp,
    /// And that stays open for more.
    Stream,
    /// A datagram that comes back.
    Udp,
}

/// Why a case did not pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The server did this instead.
    Failed(String),
    /// It could not be tried here.
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
    /// Echoes until we close.
    Stream,
    /// Echoes one message and closes: the lecture's.
    Once,
}

/// A target, what is known of it by now, and how long the case may take.
#[derive(Debug)]
pub(super) struct Scene {
    pub(super) target: SocketAddr,
    /// Connections that it is to serve at once.
    pub(super) connections: u16,
    pub(super) deadline: Duration,
    pub(super) until: Instant,
    /// `None` while nobody has looked.
    pub(super) flow: Option<Flow>,
    pub(super) no_tcp: bool,
    pub(super) no_udp: bool,
}

impl Scene {
    /// What is left of the deadline; a case that has used it up fails in its next step.
    pub(super) fn left(&self) -> Duration {
        left(self.until)
    }

    pub(super) fn is_over(&self) -> bool {
        Instant::now() >= self.until
    }

    /// Why the case means nothing for this target, if so.
    pub(super) fn lacks(&self, needs: Needs) -> Option<&'static str> {
        match needs {
            Needs::Tcp | Needs::Stream if self.no_tcp => Some("the case tcp failed"),
            Needs::Stream if self.flow == Some(Flow::Once) => {
                Some("it closes after one answer, as the lecture's server does")
            }
            Needs::Udp if self.no_udp => Some("its datagrams are not answered"),
            _ => None,
        }
    }
}

/// Until then, and never nothing: a socket takes zero for ever.
pub(super) fn left(until: Instant) -> Duration {
    until.saturating_duration_since(Instant::now()).max(Duration::from_millis(1))
}
