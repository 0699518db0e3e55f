//! Where each slot stands, and since when relative to the others: five queues, oldest first.

use super::SlotRef;

/// What a slot is doing, as far as the pool cares. Every slot stands in exactly one queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SlotState {
    /// Nobody's: waits for a SYN or a `connect`.
    Free,
    /// SYN-RECEIVED, which counts against its listener's backlog, or SYN-SENT.
    HalfOpen,
    /// A connection.
    Open,
    /// TIME-WAIT: over, and first to give way.
    TimeWait,
    /// A reset that has still to leave.
    Leaving,
}

const STANDINGS: usize = 5;

/// One slot's neighbours in its queue.
#[derive(Clone, Copy, Debug)]
pub struct AgeRecord {
    before: SlotRef,
    after: SlotRef,
    standing: SlotState,
}

impl AgeRecord {
    /// Nothing in it: all zeros.
    pub const EMPTY: AgeRecord =
        AgeRecord { before: SlotRef::NONE, after: SlotRef::NONE, standing: SlotState::Free };
}

#[derive(Clone, Copy)]
struct Queue {
    oldest: SlotRef,
    youngest: SlotRef,
    len: usize,
}

pub(crate) struct AgeLists<'a> {
    records: &'a mut [AgeRecord],
    queues: [Queue; STANDINGS],
}

impl<'a> AgeLists<'a> {
    /// Every slot is free.
    pub(crate) fn new(records: &'a mut [AgeRecord]) -> Self {
        records.fill(AgeRecord::EMPTY);
        let empty = Queue { oldest: SlotRef::NONE, youngest: SlotRef::NONE, len: 0 };
        let mut order = AgeLists { records, queues: [empty; STANDINGS] };
        for slot in 0..order.records.len() {
            order.append(slot, SlotState::Free);
        }
        order
    }

    pub(crate) fn standing(&self, slot: usize) -> SlotState {
        self.records[slot].standing
    }

    pub(crate) fn len(&self, standing: SlotState) -> usize {
        self.queues[standing as usize].len
    }

    pub(crate) fn oldest(&self, standing: SlotState) -> Option<usize> {
        self.queues[standing as usize].oldest.get()
    }

    /// The one behind `slot` in its queue: the next older first.
    pub(crate) fn after(&self, slot: usize) -> Option<usize> {
        self.records[slot].after.get()
    }

    /// Moves the slot to the young end of a queue, which may be its own.
    pub(crate) fn set(&mut self, slot: usize, standing: SlotState) {
        let AgeRecord { before, after, standing: old } = self.records[slot];
        let queue = &mut self.queues[old as usize];
        match before.get() {
            Some(before) => self.records[before].after = after,
            None => queue.oldest = after,
        }
        match after.get() {
            Some(after) => self.records[after].before = before,
            None => queue.youngest = before,
        }
        queue.len -= 1;
        self.append(slot, standing);
    }

    fn append(&mut self, slot: usize, standing: SlotState) {
        let queue = &mut self.queues[standing as usize];
        self.records[slot] = AgeRecord { before: queue.youngest, after: SlotRef::NONE, standing };
        match queue.youngest.get() {
            Some(youngest) => self.records[youngest].after = SlotRef::to(slot),
            None => queue.oldest = SlotRef::to(slot),
        }
        queue.youngest = SlotRef::to(slot);
        queue.len += 1;
    }
}
