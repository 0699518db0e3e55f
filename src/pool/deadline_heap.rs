//! Which slot is due next: a binary heap whose keys may be too early.
//!
//! A live connection postpones its deadline with every segment. The heap does not follow: it keeps
//! the earlier key and reads the true deadline only when that key comes to the top. A segment
//! therefore costs no walk through the heap, however many connections there are.

use smoltcp::time::Instant;

use super::index::{IndexRecord, SlotRef};

pub(super) struct DeadlineHeap {
    len: usize,
}

impl DeadlineHeap {
    pub(super) fn new() -> Self {
        DeadlineHeap { len: 0 }
    }

    /// Sets the slot's deadline, whatever it was; `None` removes it.
    pub(super) fn set(&mut self, index: &mut [IndexRecord], slot: usize, at: Option<Instant>) {
        let entry = &mut index[slot].deadline;
        match (at, entry.place.get()) {
            (None, None) => {}
            (None, Some(place)) => self.remove(index, slot, place),
            (Some(at), None) => {
                (entry.at, entry.key) = (at, at);
                self.len += 1;
                put(index, self.len - 1, slot);
                rise(index, self.len - 1);
            }
            (Some(at), Some(place)) => {
                entry.at = at;
                if at < entry.key {
                    entry.key = at;
                    rise(index, place);
                }
            }
        }
    }

    /// The next deadline and its slot, if it is not after `limit`.
    pub(super) fn next(
        &mut self,
        index: &mut [IndexRecord],
        limit: Instant,
    ) -> Option<(Instant, usize)> {
        loop {
            let slot = at(index, 0)?;
            let entry = &mut index[slot].deadline;
            if entry.key > limit {
                return None;
            }
            if entry.key == entry.at {
                return Some((entry.at, slot));
            }
            entry.key = entry.at;
            self.sink(index, 0);
        }
    }

    fn remove(&mut self, index: &mut [IndexRecord], slot: usize, place: usize) {
        self.len -= 1;
        let last = at(index, self.len);
        index[self.len].deadline.slot = SlotRef::NONE;
        index[slot].deadline.place = SlotRef::NONE;
        if let Some(last) = last.filter(|_| place < self.len) {
            put(index, place, last);
            rise(index, place);
            self.sink(index, place);
        }
    }

    fn sink(&self, index: &mut [IndexRecord], mut place: usize) {
        loop {
            let left = 2 * place + 1;
            let right = left + 1;
            if left >= self.len {
                return;
            }
            let least =
                if right < self.len && key(index, right) < key(index, left) { right } else { left };
            if key(index, place) <= key(index, least) {
                return;
            }
            swap(index, place, least);
            place = least;
        }
    }
}

fn rise(index: &mut [IndexRecord], mut place: usize) {
    while place > 0 && key(index, place) < key(index, (place - 1) / 2) {
        swap(index, place, (place - 1) / 2);
        place = (place - 1) / 2;
    }
}

fn at(index: &[IndexRecord], place: usize) -> Option<usize> {
    index.get(place)?.deadline.slot.get()
}

fn key(index: &[IndexRecord], place: usize) -> Instant {
    at(index, place).map_or(Instant::ZERO, |slot| index[slot].deadline.key)
}

fn put(index: &mut [IndexRecord], place: usize, slot: usize) {
    index[place].deadline.slot = SlotRef::to(slot);
    index[slot].deadline.place = SlotRef::to(place);
}

fn swap(index: &mut [IndexRecord], a: usize, b: usize) {
    if let (Some(at_a), Some(at_b)) = (at(index, a), at(index, b)) {
        put(index, a, at_b);
        put(index, b, at_a);
    }
}
