//! The slots of each state, least recently changed first: an intrusive list for each state.

use super::index::{AgeLink, IndexRecord, SlotRef, SlotState};

#[derive(Clone, Copy)]
struct List {
    oldest: SlotRef,
    youngest: SlotRef,
    len: u16,
}

/// Every slot is in exactly one list.
pub(super) struct AgeLists {
    lists: [List; SlotState::COUNT],
}

impl AgeLists {
    /// Every slot is free.
    pub(super) fn new(index: &mut [IndexRecord]) -> Self {
        let empty = List { oldest: SlotRef::NONE, youngest: SlotRef::NONE, len: 0 };
        let mut ages = AgeLists { lists: [empty; SlotState::COUNT] };
        for slot in 0..index.len() {
            ages.append(index, slot, SlotState::Free);
        }
        ages
    }

    pub(super) fn len(&self, state: SlotState) -> usize {
        usize::from(self.lists[state.list()].len)
    }

    pub(super) fn oldest(&self, state: SlotState) -> Option<usize> {
        self.lists[state.list()].oldest.get()
    }

    /// Moves the slot to the young end of a list, which may be its own.
    pub(super) fn set(&mut self, index: &mut [IndexRecord], slot: usize, state: SlotState) {
        let AgeLink { before, after, state: old } = index[slot].age;
        let list = &mut self.lists[old.list()];
        match before.get() {
            Some(before) => index[before].age.after = after,
            None => list.oldest = after,
        }
        match after.get() {
            Some(after) => index[after].age.before = before,
            None => list.youngest = before,
        }
        list.len -= 1;
        self.append(index, slot, state);
    }

    fn append(&mut self, index: &mut [IndexRecord], slot: usize, state: SlotState) {
        let list = &mut self.lists[state.list()];
        index[slot].age = AgeLink { before: list.youngest, after: SlotRef::NONE, state };
        match list.youngest.get() {
            Some(youngest) => index[youngest].age.after = SlotRef::to(slot),
            None => list.oldest = SlotRef::to(slot),
        }
        list.youngest = SlotRef::to(slot);
        list.len += 1;
    }
}
