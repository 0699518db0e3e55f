//! What must hold, whatever happens.

use std::collections::{HashMap, HashSet};
use std::fmt;

use smolecho::{End, Node, Tuple};
use smoltcp::time::Instant;

use crate::plan::{Deed, Operation};
use crate::station::{Happened, Stack, Station};

/// What went wrong, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// When it was seen.
    pub at: Instant,
    /// What it is; the same words for the same kind of failure.
    pub what: &'static str,
    /// And the details.
    pub details: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}: {}", self.what, self.at, self.details)
    }
}

pub(crate) type Verdict = Result<(), (&'static str, String)>;

/// What was begun, and has not ended.
#[derive(Default)]
pub(crate) struct Oracle {
    /// By the client's station and its tuple.
    begun: HashMap<(usize, Tuple), Operation>,
    /// Connections that are up at a station.
    open: HashSet<(usize, Tuple)>,
    /// Connections that a station has ended, or never had: the other side may be reset.
    ended: HashSet<Tuple>,
    /// Whether everybody must be served: nothing is wrong, or not any more.
    strict: bool,
    pub(crate) finished: u64,
    pub(crate) answered: u64,
}

impl Oracle {
    /// From now on every dialogue must come to its proper end.
    pub(crate) fn be_strict(&mut self) {
        self.strict = true;
    }

    pub(crate) fn begin(&mut self, station: usize, tuple: Tuple, operation: Operation) {
        self.begun.insert((station, tuple), operation);
    }

    pub(crate) fn pending(&self) -> usize {
        self.begun.len()
    }

    /// After every poll.
    pub(crate) fn look(&mut self, number: usize, station: &mut Station<'_>) -> Verdict {
        if let Stack::Ours(node) = &station.stack {
            add_up(node)?;
        }
        for happened in std::mem::take(&mut station.happened) {
            match happened {
                Happened::Opened(tuple) => {
                    if !self.open.insert((number, tuple)) {
                        return Err(("a connection was opened twice", format!("{tuple:?}")));
                    }
                }
                Happened::TurnedAway(tuple) => {
                    if self.open.contains(&(number, tuple)) {
                        return Err(("a connection was forgotten", format!("{tuple:?}")));
                    }
                    self.ended.insert(tuple);
                }
                Happened::Closed { tuple, end, received, sent } if number == 0 => {
                    self.served(tuple, end, received, sent)?;
                }
                Happened::Closed { tuple, end, received, sent } => {
                    let operation = self.begun.remove(&(number, tuple));
                    self.open.remove(&(number, tuple));
                    self.talked(operation, tuple, end, received, sent)?;
                }
                Happened::Reported { tuple, report } => {
                    let begun = self.begun.remove(&(number, tuple));
                    let Some(Deed::Ask(count)) = begun.map(|begun| begun.what) else {
                        return Err(("a report without a question", format!("{report:?}")));
                    };
                    if report.mismatched > 0 {
                        return Err(("a wrong datagram", format!("{report:?}")));
                    }
                    if report.answered + report.lost != count {
                        return Err(("datagrams do not add up", format!("{count}: {report:?}")));
                    }
                    if self.strict && report.lost > 0 {
                        return Err(("a datagram was lost on a good cable", format!("{report:?}")));
                    }
                    self.answered += u64::from(report.answered);
                }
            }
        }
        Ok(())
    }

    /// The server's side of a connection is over.
    fn served(&mut self, tuple: Tuple, end: End, received: u64, sent: u64) -> Verdict {
        let details = || format!("{tuple:?}: {end:?}, {received} received, {sent} sent");
        if self.open.remove(&(0, tuple)) == end.is_handshake() {
            return Err(("an end of what was not open", details()));
        }
        if sent > received || (end == End::Finished && sent != received) {
            return Err(("the echo is not what was received", details()));
        }
        if end == End::Reset && !self.ended.contains(&other(tuple)) {
            return Err(("a reset that nobody sent", details()));
        }
        if self.strict && end != End::Finished {
            return Err(("a connection did not end well on a good cable", details()));
        }
        self.ended.insert(tuple);
        Ok(())
    }

    /// The client's side is over.
    fn talked(
        &mut self,
        operation: Option<Operation>,
        tuple: Tuple,
        end: End,
        received: u64,
        sent: u64,
    ) -> Verdict {
        let details =
            || format!("{tuple:?}: {end:?}, {received} received, {sent} sent, {operation:?}");
        let Some(Deed::Talk { len, .. }) = operation.map(|operation| operation.what) else {
            return Err(("an end of what was not begun", details()));
        };
        if end == End::Mismatch {
            return Err(("a wrong byte", details()));
        }
        if received > sent || sent > len {
            return Err(("more than was sent", details()));
        }
        if end == End::Finished && received != len {
            return Err(("a dialogue that ended well is not whole", details()));
        }
        if end == End::Reset && !self.ended.contains(&other(tuple)) {
            return Err(("a reset that nobody sent", details()));
        }
        if self.strict && end != End::Finished {
            return Err(("a dialogue did not end well on a good cable", details()));
        }
        self.finished += u64::from(end == End::Finished);
        self.ended.insert(tuple);
        Ok(())
    }
}

fn other(tuple: Tuple) -> Tuple {
    Tuple { local: tuple.remote, remote: tuple.local }
}

/// What the documentation of `Stats` promises at any moment.
fn add_up(node: &Node<'_>) -> Verdict {
    let (stats, occupancy) = (node.stats(), node.occupancy());
    let frames = stats.frames == stats.delivered + stats.refused_in_all();
    let begun = stats.accepted + stats.connected;
    let connections = begun == occupancy.open as u64 + stats.closed();
    let datagrams = node.stats().datagrams_sent <= node.stats().datagrams_received;
    let is_client = stats.connected > 0 || stats.datagrams_received == 0 || stats.accepted == 0;
    if frames && connections && (datagrams || is_client) {
        return Ok(());
    }
    Err(("the counters do not add up", format!("{stats:?} {occupancy:?}")))
}
