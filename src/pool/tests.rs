//! Each index against a slow and obvious model, over random sequences of operations. A slot that an
//! index loses is a connection that is never served again.

use core::array;

use proptest::collection::vec;
use proptest::prelude::*;
use smoltcp::time::Instant;
use smoltcp::wire::{IpAddress, IpEndpoint};

use super::age_lists::AgeLists;
use super::chains::{Chain, Chains};
use super::deadline_heap::DeadlineHeap;
use super::index::{IndexRecord, SlotState};
use crate::event::Tuple;

const SLOTS: usize = 8;

const STATES: [SlotState; 8] = [
    SlotState::Free,
    SlotState::Connecting,
    SlotState::HalfOpen(0),
    SlotState::HalfOpen(3),
    SlotState::Accepted,
    SlotState::Connected,
    SlotState::TimeWait,
    SlotState::Closing,
];

/// Operations in one case. Miri is slow: it runs the same code with fewer cases.
const STEPS: usize = if cfg!(miri) { 10 } else { 80 };

fn config() -> ProptestConfig {
    let cases = if cfg!(miri) { 4 } else { 512 };
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

/// One of more peers than there are slots.
fn tuple(number: u16) -> Tuple {
    let end = |host, port| IpEndpoint::new(IpAddress::v4(10, 0, 0, host), port);
    Tuple { local: end(1, 7), remote: end(2 + (number % 3) as u8, 1000 + number) }
}

proptest! {
    #![proptest_config(config())]

    /// A tuple is found exactly while its slot is in a chain, whatever the buckets.
    #[test]
    fn the_table_finds_what_is_in_it(
        secret: u32,
        steps in vec((0..SLOTS, prop::option::of(0u16..3 * SLOTS as u16)), 0..STEPS),
    ) {
        let (mut index, chains) = ([IndexRecord::EMPTY; SLOTS], Chains::new(secret));
        let mut model = [None; SLOTS];
        for (slot, entered) in steps {
            chains.remove(&mut index, Chain::Tuple, slot);
            model[slot] = None;
            if let Some(number) = entered.filter(|number| !model.contains(&Some(*number))) {
                let hash = chains.hash_tuple(&tuple(number));
                chains.insert(&mut index, Chain::Tuple, hash, slot);
                model[slot] = Some(number);
            }
            for number in 0..3 * SLOTS as u16 {
                let hash = chains.hash_tuple(&tuple(number));
                let is = |slot: usize| model[slot] == Some(number);
                let found = chains.find(&index, Chain::Tuple, hash, is);
                assert_eq!(found, model.iter().position(|it| *it == Some(number)));
            }
        }
    }

    /// The next is the earliest, although entries of the heap may lie too early.
    #[test]
    fn the_earliest_is_due_next(
        steps in vec((0..SLOTS, prop::option::of(0i64..20), 0i64..20), 0..STEPS),
    ) {
        let (mut index, mut due) = ([IndexRecord::EMPTY; SLOTS], DeadlineHeap::new());
        let mut model: [Option<Instant>; SLOTS] = [None; SLOTS];
        for (slot, at, limit) in steps {
            let (at, limit) = (at.map(Instant::from_millis), Instant::from_millis(limit));
            due.set(&mut index, slot, at);
            model[slot] = at;
            let next = due.next(&mut index, limit);
            let earliest = model.iter().flatten().min().copied();
            assert_eq!(next.map(|(at, _)| at), earliest.filter(|at| *at <= limit));
            assert!(next.is_none_or(|(at, slot)| model[slot] == Some(at)));
        }
        // Removed one after the other, the slots come in order, each once.
        let mut before = Instant::ZERO;
        while let Some((at, slot)) = due.next(&mut index, Instant::from_millis(20)) {
            assert!(at >= before && model[slot].take() == Some(at));
            due.set(&mut index, slot, None);
            before = at;
        }
        assert_eq!(model, [None; SLOTS]);
    }

    /// Every slot is in one list, in the order in which it came there.
    #[test]
    fn queues_keep_their_order(steps in vec((0..SLOTS, 0..STATES.len()), 0..STEPS)) {
        let mut index = [IndexRecord::EMPTY; SLOTS];
        let mut ages = AgeLists::new(&mut index);
        let mut model: [(SlotState, usize); SLOTS] = array::from_fn(|slot| (SlotState::Free, slot));
        for (step, (slot, state)) in steps.into_iter().enumerate() {
            ages.set(&mut index, slot, STATES[state]);
            model[slot] = (STATES[state], SLOTS + step);
            for state in STATES {
                let (mut next, mut len, mut youngest) = (ages.oldest(state), 0, None);
                while let Some(slot) = next {
                    assert_eq!((index[slot].age.state, model[slot].0), (state, state));
                    assert!(youngest < Some(model[slot].1));
                    (next, len, youngest) = (index[slot].age.after.get(), len + 1, Some(model[slot].1));
                }
                assert_eq!(len, model.iter().filter(|it| it.0 == state).count());
                assert_eq!(len, ages.len(state));
            }
        }
    }
}
