//! The pool: every slot, and three ways of finding one: by 4-tuple, by deadline, by age.

pub(crate) mod age_lists;
pub(crate) mod deadline_heap;
pub(crate) mod slot;
pub(crate) mod table;
#[cfg(test)]
mod tests;

use smoltcp::time::{Duration, Instant};

use self::age_lists::{AgeLists, AgeRecord, SlotState};
use self::deadline_heap::{DeadlineHeap, DeadlineRecord};
use self::slot::Slot;
use self::table::{Table, TableRecord};
use crate::event::Tuple;

/// A slot's number, or none. Zero is none, so that memory full of links starts as zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct SlotRef(u16);

impl SlotRef {
    const NONE: SlotRef = SlotRef(0);

    fn to(slot: usize) -> SlotRef {
        SlotRef(slot as u16 + 1)
    }

    fn get(self) -> Option<usize> {
        (self.0 as usize).checked_sub(1)
    }
}

/// The most slots that a [`SlotRef`] can tell apart.
pub(crate) const MAX_SLOTS: usize = u16::MAX as usize - 1;

pub(crate) struct Pool<'a> {
    slots: &'a mut [Slot<'a>],
    table: Table<'a>,
    due: DeadlineHeap<'a>,
    order: AgeLists<'a>,
}

impl<'a> Pool<'a> {
    pub(crate) fn new(
        slots: &'a mut [Slot<'a>],
        table: &'a mut [TableRecord],
        due: &'a mut [DeadlineRecord],
        order: &'a mut [AgeRecord],
        secret: u32,
    ) -> Self {
        Pool {
            slots,
            table: Table::new(table, secret),
            due: DeadlineHeap::new(due),
            order: AgeLists::new(order),
        }
    }

    pub(crate) fn slot(&mut self, slot: usize) -> &mut Slot<'a> {
        &mut self.slots[slot]
    }

    pub(crate) fn find(&self, tuple: &Tuple) -> Option<usize> {
        self.table.find(tuple, |slot| self.slots[slot].tuple() == tuple)
    }

    /// A slot for a new connection: a free one, or the oldest that is over anyway.
    ///
    /// Ending TIME-WAIT early gives up its guard against old duplicates (RFC 9293 section 3.6.1); random
    /// initial sequence numbers and the peer's own TIME-WAIT are what remains, as on any busy server.
    pub(crate) fn vacant(&self, now: Instant) -> Option<usize> {
        let over = || [SlotState::Free, SlotState::TimeWait].into_iter();
        over().find_map(|standing| self.order.oldest(standing)).or_else(|| {
            // A reset of this very moment has not had its turn to leave.
            let leaving = self.order.oldest(SlotState::Leaving);
            leaving.filter(|slot| self.slots[*slot].is_quiet(Duration::from_micros(1), now))
        })
    }

    /// The oldest handshake with one of our listeners, and how many there are: of one port, or of all.
    pub(crate) fn half_open(&self, port: Option<u16>) -> (usize, Option<usize>) {
        let (mut count, mut oldest) = (0, None);
        let mut next = self.order.oldest(SlotState::HalfOpen);
        while let Some(slot) = next {
            if self.slots[slot].is_served(port) {
                count += 1;
                oldest = oldest.or(Some(slot));
            }
            next = self.order.after(slot);
        }
        (count, oldest)
    }

    /// The served connection that was quiet longest, where each that gets on moves to the young end.
    pub(crate) fn longest_idle(&self) -> Option<usize> {
        let mut next = self.order.oldest(SlotState::Open);
        while let Some(slot) = next {
            if self.slots[slot].is_served(None) {
                return Some(slot);
            }
            next = self.order.after(slot);
        }
        None
    }

    /// The slot now stands for this tuple.
    pub(crate) fn enter(&mut self, slot: usize, tuple: &Tuple) {
        self.table.insert(tuple, slot);
        self.order.set(slot, SlotState::HalfOpen);
    }

    /// The slot is free again, whatever it was; nothing is sent. Its socket is made new when it is used
    /// again.
    pub(crate) fn release(&mut self, slot: usize) {
        self.table.remove(slot);
        self.due.set(slot, None);
        self.order.set(slot, SlotState::Free);
    }

    pub(crate) fn stand(&mut self, slot: usize, standing: SlotState) {
        self.order.set(slot, standing);
    }

    /// Where it stands, the slot is the youngest.
    pub(crate) fn refresh(&mut self, slot: usize) {
        self.order.set(slot, self.order.standing(slot));
    }

    pub(crate) fn standing(&self, slot: usize) -> SlotState {
        self.order.standing(slot)
    }

    /// How many slots stand so.
    pub(crate) fn count(&self, standing: SlotState) -> usize {
        self.order.len(standing)
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Calls the slot due at `at`, or not at all.
    pub(crate) fn schedule(&mut self, slot: usize, at: Option<Instant>) {
        self.due.set(slot, at);
    }

    /// Whoever may wait for a neighbour's hardware address has something to send. An open connection
    /// tries again by itself within a second.
    pub(crate) fn wake_waiting(&mut self, now: Instant) {
        for standing in [SlotState::HalfOpen, SlotState::Leaving] {
            let mut next = self.order.oldest(standing);
            while let Some(slot) = next {
                self.due.set(slot, Some(now));
                next = self.order.after(slot);
            }
        }
    }

    /// A slot that is due by now.
    pub(crate) fn due_by(&mut self, now: Instant) -> Option<usize> {
        self.due.next(now).map(|(_, slot)| slot)
    }

    /// When the next one is due.
    pub(crate) fn next_due(&mut self) -> Option<Instant> {
        self.due.next(Instant::from_micros(i64::MAX)).map(|(at, _)| at)
    }
}
