//! The pool: every slot, found by 4-tuple, by deadline, by age, or by the next hop it waits for.

mod age_lists;
mod chains;
mod deadline_heap;
pub(crate) mod index;
mod recovery;
pub(crate) mod slot;
#[cfg(test)]
mod tests;

use smoltcp::time::{Duration, Instant};
use smoltcp::wire::IpAddress;

use self::age_lists::AgeLists;
use self::chains::{Chain, Chains};
use self::deadline_heap::DeadlineHeap;
use self::index::{IndexRecord, MAX_LISTENERS, SlotState};
use self::slot::Slot;
use crate::event::Tuple;

pub(crate) struct Pool<'a> {
    slots: &'a mut [Slot<'a>],
    index: &'a mut [IndexRecord],
    chains: Chains,
    deadlines: DeadlineHeap,
    ages: AgeLists,
    counts_sources: bool,
}

impl<'a> Pool<'a> {
    /// A pool of free slots. `index` is as long as `slots`; `counts_sources` keeps what
    /// [`of_source`](Self::of_source) counts.
    pub(crate) fn new(
        slots: &'a mut [Slot<'a>],
        index: &'a mut [IndexRecord],
        secret: u32,
        counts_sources: bool,
    ) -> Self {
        index.fill(IndexRecord::EMPTY);
        Pool {
            chains: Chains::new(secret),
            deadlines: DeadlineHeap::new(),
            ages: AgeLists::new(index),
            slots,
            index,
            counts_sources,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    pub(crate) fn slot(&mut self, slot: usize) -> &mut Slot<'a> {
        &mut self.slots[slot]
    }

    pub(crate) fn state(&self, slot: usize) -> SlotState {
        self.index[slot].age.state
    }

    /// How many slots are in this state.
    pub(crate) fn count(&self, state: SlotState) -> usize {
        self.ages.len(state)
    }

    /// The slot that has been in this state longest.
    pub(crate) fn oldest(&self, state: SlotState) -> Option<usize> {
        self.ages.oldest(state)
    }

    pub(crate) fn find(&self, tuple: &Tuple) -> Option<usize> {
        let hash = self.chains.hash_tuple(tuple);
        self.chains.find(self.index, Chain::Tuple, hash, |slot| self.slots[slot].tuple() == tuple)
    }

    /// How many handshakes and connections a source has, counted up to `limit`.
    pub(crate) fn of_source(&self, source: &IpAddress, limit: usize) -> usize {
        let (hash, mut count) = (self.chains.hash_address(source), 0);
        self.chains.find(self.index, Chain::Source, hash, |slot| {
            count += usize::from(self.slots[slot].tuple().remote.addr == *source);
            count >= limit
        });
        count
    }

    /// How many handshakes with listeners are under way.
    pub(crate) fn half_open(&self) -> usize {
        (0..MAX_LISTENERS as u8).map(|listener| self.count(SlotState::HalfOpen(listener))).sum()
    }

    /// The oldest handshake with any listener.
    pub(crate) fn oldest_half_open(&self) -> Option<usize> {
        let oldest = |listener| self.oldest(SlotState::HalfOpen(listener));
        (0..MAX_LISTENERS as u8)
            .filter_map(oldest)
            .min_by_key(|slot| self.slots[*slot].progressed_at())
    }

    /// A slot for a new connection: a free one, or the oldest whose connection has ended.
    ///
    /// Ending TIME-WAIT early gives up its guard against old duplicates (RFC 9293 section 3.6.1); random
    /// initial sequence numbers and the peer's own TIME-WAIT are what remains, as on any busy server.
    pub(crate) fn vacant(&self, now: Instant) -> Option<usize> {
        self.oldest(SlotState::Free).or_else(|| self.oldest(SlotState::TimeWait)).or_else(|| {
            // A reset made at this very instant has had no turn to leave.
            let closing = self.oldest(SlotState::Closing);
            closing.filter(|slot| self.slots[*slot].is_quiet(Duration::from_micros(1), now))
        })
    }

    /// Makes the slot findable by its 4-tuple.
    pub(crate) fn enter(&mut self, slot: usize) {
        let hash = self.chains.hash_tuple(self.slots[slot].tuple());
        self.chains.insert(self.index, Chain::Tuple, hash, slot);
        self.update(slot);
    }

    /// Files the slot under the state that its connection is in now.
    pub(crate) fn update(&mut self, slot: usize) {
        let (old, new) = (self.state(slot), self.slots[slot].slot_state());
        if old == new {
            return;
        }
        self.ages.set(self.index, slot, new);
        let counts = |state: SlotState| state.is_handshake() || state.is_open();
        if self.counts_sources && counts(old) != counts(new) {
            if counts(new) {
                let hash = self.chains.hash_address(&self.slots[slot].tuple().remote.addr);
                self.chains.insert(self.index, Chain::Source, hash, slot);
            } else {
                self.chains.remove(self.index, Chain::Source, slot);
            }
        }
    }

    /// Frees the slot, whatever it was used for; nothing is sent. Its socket is reset when it is used
    /// again.
    pub(crate) fn release(&mut self, slot: usize) {
        self.slots[slot].release();
        self.chains.remove(self.index, Chain::Tuple, slot);
        self.chains.remove(self.index, Chain::NextHop, slot);
        self.deadlines.set(self.index, slot, None);
        self.update(slot);
    }

    /// Makes the slot the youngest of its state.
    pub(crate) fn refresh(&mut self, slot: usize) {
        self.ages.set(self.index, slot, self.state(slot));
    }

    /// Sets when the slot is due; `None` is never.
    pub(crate) fn schedule(&mut self, slot: usize, at: Option<Instant>) {
        self.deadlines.set(self.index, slot, at);
    }

    /// A slot that is due by `now`.
    pub(crate) fn due_by(&mut self, now: Instant) -> Option<usize> {
        self.deadlines.next(self.index, now).map(|(_, slot)| slot)
    }

    /// When the next slot is due.
    pub(crate) fn next_due(&mut self) -> Option<Instant> {
        self.deadlines.next(self.index, Instant::from_micros(i64::MAX)).map(|(at, _)| at)
    }

    /// The slot has something to send to this next hop, whose hardware address is not known yet.
    pub(crate) fn wait_for(&mut self, slot: usize, next_hop: &IpAddress) {
        let hash = self.chains.hash_address(next_hop);
        self.chains.insert(self.index, Chain::NextHop, hash, slot);
    }

    /// The next hop's hardware address is known: the slots that wait for it are due. Each is woken
    /// once for each time that it began to wait.
    pub(crate) fn wake_waiting(&mut self, next_hop: &IpAddress, now: Instant) {
        let hash = self.chains.hash_address(next_hop);
        while let Some(slot) = self.chains.find(self.index, Chain::NextHop, hash, |_| true) {
            self.chains.remove(self.index, Chain::NextHop, slot);
            self.deadlines.set(self.index, slot, Some(now));
        }
    }
}
