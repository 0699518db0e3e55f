//! Where each slot stands, and since when relative to the others: five queues, oldest first.

use super::Link;

/// What a slot is doing, as far as the pool cares. Every slot stands in exactly one queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
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
pub struct OrderRecord {
    before: Link,
    after: Link,
    standing: Standing,
}

impl OrderRecord {
    /// Nothing in it: all zeros.
    pub const EMPTY: OrderRecord =
        OrderRecord { before: Link::NONE, after: Link::NONE, standing: Standing::Free };
}

#[derive(Clone, Copy)]
struct Queue {
    oldest: Link,
    youngest: Link,
    len: usize,
}

pub(crate) struct Order<'a> {
    records: &'a mut [OrderRecord],
    queues: [Queue; STANDINGS],
}

impl<'a> Order<'a> {
    /// Every slot is free.
    pub(crate) fn new(records: &'a mut [OrderRecord]) -> Self {
        records.fill(OrderRecord::EMPTY);
        let empty = Queue { oldest: Link::NONE, youngest: Link::NONE, len: 0 };
        let mut order = Order { records, queues: [empty; STANDINGS] };
        for slot in 0..order.records.len() {
            order.append(slot, Standing::Free);
        }
        order
    }

    pub(crate) fn standing(&self, slot: usize) -> Standing {
        self.records[slot].standing
    }

    pub(crate) fn len(&self, standing: Standing) -> usize {
        self.queues[standing as usize].len
    }

    pub(crate) fn oldest(&self, standing: Standing) -> Option<usize> {
        self.queues[standing as usize].oldest.get()
    }

    /// The one behind `slot` in its queue: the next older first.
    pub(crate) fn after(&self, slot: usize) -> Option<usize> {
        self.records[slot].after.get()
    }

    /// Moves the slot to the young end of a queue, which may be its own.
    pub(crate) fn set(&mut self, slot: usize, standing: Standing) {
        let OrderRecord { before, after, standing: old } = self.records[slot];
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

    fn append(&mut self, slot: usize, standing: Standing) {
        let queue = &mut self.queues[standing as usize];
        self.records[slot] = OrderRecord { before: queue.youngest, after: Link::NONE, standing };
        match queue.youngest.get() {
            Some(youngest) => self.records[youngest].after = Link::to(slot),
            None => queue.oldest = Link::to(slot),
        }
        queue.youngest = Link::to(slot);
        queue.len += 1;
    }
}
