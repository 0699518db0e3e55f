//! Which slot is due next: a heap whose entries may lie too early.
//!
//! A connection that is alive postpones its deadline with every segment. The heap does not follow:
//! it keeps the earlier entry and looks at the true deadline only when that entry comes to the top.
//! So a segment costs no walk through the heap, however many connections there are.

use smoltcp::time::Instant;

use super::SlotRef;

/// One slot's deadline, and one entry of the heap.
#[derive(Clone, Copy, Debug)]
pub struct DeadlineRecord {
    /// When the slot is due.
    at: Instant,
    /// The instant by which the slot stands in the heap; never after `at`.
    key: Instant,
    /// Where the slot stands in the heap.
    place: SlotRef,
    /// The slot that stands at this record's number in the heap.
    slot: SlotRef,
}

impl DeadlineRecord {
    /// Nothing in it: all zeros.
    pub const EMPTY: DeadlineRecord = DeadlineRecord {
        at: Instant::ZERO,
        key: Instant::ZERO,
        place: SlotRef::NONE,
        slot: SlotRef::NONE,
    };
}

pub(crate) struct DeadlineHeap<'a> {
    records: &'a mut [DeadlineRecord],
    len: usize,
}

impl<'a> DeadlineHeap<'a> {
    pub(crate) fn new(records: &'a mut [DeadlineRecord]) -> Self {
        records.fill(DeadlineRecord::EMPTY);
        DeadlineHeap { records, len: 0 }
    }

    /// The slot is due at `at`, whatever was said before; `None` takes it out.
    pub(crate) fn set(&mut self, slot: usize, at: Option<Instant>) {
        let place = self.records[slot].place.get();
        match (at, place) {
            (None, None) => {}
            (None, Some(place)) => self.remove(slot, place),
            (Some(at), None) => {
                self.records[slot].at = at;
                self.records[slot].key = at;
                self.len += 1;
                self.put(self.len - 1, slot);
                self.rise(self.len - 1);
            }
            (Some(at), Some(place)) => {
                self.records[slot].at = at;
                if at < self.records[slot].key {
                    self.records[slot].key = at;
                    self.rise(place);
                }
            }
        }
    }

    /// The next deadline and whose it is, if it is not after `limit`.
    pub(crate) fn next(&mut self, limit: Instant) -> Option<(Instant, usize)> {
        loop {
            let slot = self.at(0)?;
            let record = &mut self.records[slot];
            if record.key > limit {
                return None;
            }
            if record.key == record.at {
                return Some((record.at, slot));
            }
            record.key = record.at;
            self.sink(0);
        }
    }

    fn remove(&mut self, slot: usize, place: usize) {
        self.len -= 1;
        let last = self.at(self.len);
        self.records[self.len].slot = SlotRef::NONE;
        self.records[slot].place = SlotRef::NONE;
        if let Some(last) = last.filter(|_| place < self.len) {
            self.put(place, last);
            self.rise(place);
            self.sink(place);
        }
    }

    fn rise(&mut self, mut place: usize) {
        while place > 0 && self.key(place) < self.key((place - 1) / 2) {
            self.swap(place, (place - 1) / 2);
            place = (place - 1) / 2;
        }
    }

    fn sink(&mut self, mut place: usize) {
        loop {
            let left = 2 * place + 1;
            let right = left + 1;
            if left >= self.len {
                return;
            }
            let least =
                if right < self.len && self.key(right) < self.key(left) { right } else { left };
            if self.key(place) <= self.key(least) {
                return;
            }
            self.swap(place, least);
            place = least;
        }
    }

    fn at(&self, place: usize) -> Option<usize> {
        self.records.get(place)?.slot.get()
    }

    fn key(&self, place: usize) -> Instant {
        self.at(place).map_or(Instant::ZERO, |slot| self.records[slot].key)
    }

    fn put(&mut self, place: usize, slot: usize) {
        self.records[place].slot = SlotRef::to(slot);
        self.records[slot].place = SlotRef::to(place);
    }

    fn swap(&mut self, a: usize, b: usize) {
        if let (Some(at_a), Some(at_b)) = (self.at(a), self.at(b)) {
            self.put(a, at_b);
            self.put(b, at_a);
        }
    }
}
