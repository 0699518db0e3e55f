//! What the oracle says.

use std::fmt;

use smoltcp::time::Instant;

/// A rule that a run broke.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Virtual time of the poll after which it was noticed.
    pub at: Instant,
    /// The rule; the same text for the same kind of failure.
    pub what: &'static str,
    /// The connection, counters or frames concerned.
    pub details: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}: {}", self.what, self.at, self.details)
    }
}

/// Either all rules hold, or the one that does not, with details.
pub(crate) type Verdict = Result<(), (&'static str, String)>;
