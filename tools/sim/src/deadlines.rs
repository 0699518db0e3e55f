//! No deadline fires early: the station's own clock has advanced by the whole limit since the last progress of
//! the connection. ACKs without data are not seen, so the real progress may be later.

use fnv::FnvHashMap;
use smolecho::{CloseReason, Timeouts, Tuple};
use smoltcp::time::Instant;

use crate::verdict::Verdict;

pub(crate) struct Deadlines {
    /// The limits of every node.
    timeouts: Timeouts,
    /// Time of last progress on the station's clock, by station and tuple.
    since: FnvHashMap<(usize, Tuple), Instant>,
}

impl Deadlines {
    pub(crate) fn new(timeouts: Timeouts) -> Deadlines {
        Deadlines { timeouts, since: FnvHashMap::default() }
    }

    /// A SYN was sent or received; only the first one counts.
    pub(crate) fn begin(&mut self, station: usize, tuple: Tuple, shows: Instant) {
        self.since.entry((station, tuple)).or_insert(shows);
    }

    /// A handshake is complete, or data was sent or received.
    pub(crate) fn renew(&mut self, station: usize, tuple: Tuple, shows: Instant) {
        self.since.insert((station, tuple), shows);
    }

    /// The connection is closed.
    pub(crate) fn end(
        &mut self,
        station: usize,
        tuple: Tuple,
        reason: CloseReason,
        shows: Instant,
    ) -> Verdict {
        let Some(since) = self.since.remove(&(station, tuple)) else { return Ok(()) };
        let limit = match reason {
            CloseReason::HandshakeTimeout => self.timeouts.handshake,
            CloseReason::IdleTimeout => self.timeouts.idle,
            CloseReason::StallTimeout => self.timeouts.stall,
            CloseReason::PersistTimeout => self.timeouts.persist,
            CloseReason::FinWaitTimeout => self.timeouts.fin_wait,
            _ => return Ok(()),
        };
        if limit.is_some_and(|limit| shows >= since + limit) {
            return Ok(());
        }
        let waited = shows - since;
        Err(("a deadline came early", format!("{reason:?} after {waited} of {limit:?}: {tuple:?}")))
    }

    /// A station has rebooted.
    pub(crate) fn forget(&mut self, number: usize) {
        self.since.retain(|(station, _), _| *station != number);
    }
}
