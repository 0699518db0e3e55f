//! What a station reports to the oracle.

use smolecho::{CloseReason, Report, Tuple};

/// One thing that happened at a station.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Observed {
    /// A connection is established.
    Opened(Tuple),
    /// A byte was received, or queued for sending.
    Progressed(Tuple),
    Closed {
        tuple: Tuple,
        reason: CloseReason,
        received: u64,
        sent: u64,
    },
    /// The node answered a segment with RST, or may have.
    Refused(Tuple),
    /// A guest has lost the state of its connection.
    Forgotten(Tuple),
    /// The end of a UDP exchange.
    Reported {
        tuple: Tuple,
        report: Report,
    },
}
