//! No deadline strikes early: by the station's own clock, since the connection was last seen to get on.
//! An acknowledgement alone is not seen, so this is the least that a station must wait.

use fnv::FnvHashMap;
use smolecho::{CloseReason, Timeouts, Tuple};
use smoltcp::time::Instant;

use crate::verdict::Verdict;

pub(crate) struct Patience {
    /// What everybody was told.
    timeouts: Timeouts,
    /// By the station and its tuple, as its clock showed.
    since: FnvHashMap<(usize, Tuple), Instant>,
}

impl Patience {
    pub(crate) fn new(timeouts: Timeouts) -> Patience {
        Patience { timeouts, since: FnvHashMap::default() }
    }

    /// A SYN for it has left or arrived: the first one counts.
    pub(crate) fn begin(&mut self, station: usize, tuple: Tuple, shows: Instant) {
        self.since.entry((station, tuple)).or_insert(shows);
    }

    /// A handshake is complete, or a byte has moved.
    pub(crate) fn renew(&mut self, station: usize, tuple: Tuple, shows: Instant) {
        self.since.insert((station, tuple), shows);
    }

    /// It is over.
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
            CloseReason::FinWaitTimeout => self.timeouts.fin_wait,
            _ => return Ok(()),
        };
        if limit.is_some_and(|limit| shows >= since + limit) {
            return Ok(());
        }
        let waited = shows - since;
        Err(("a deadline came early", format!("{reason:?} after {waited} of {limit:?}: {tuple:?}")))
    }

    /// A station has lost its memory.
    pub(crate) fn forget(&mut self, number: usize) {
        self.since.retain(|(station, _), _| *station != number);
    }
}
