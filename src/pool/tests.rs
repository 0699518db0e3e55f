//! The three indexes against models that are slow and obvious, whatever is asked of them in whatever
//! order. A slot that an index loses is a connection that is never served again.

use core::array;

use proptest::collection::vec;
use proptest::prelude::*;
use smoltcp::time::Instant;
use smoltcp::wire::{IpAddress, IpEndpoint};

use super::age_lists::{AgeLists, AgeRecord, SlotState};
use super::deadline_heap::{DeadlineHeap, DeadlineRecord};
use super::table::{Table, TableRecord};
use crate::event::Tuple;

const SLOTS: usize = 8;

const STANDINGS: [SlotState; 5] = [
    SlotState::Free,
    SlotState::HalfOpen,
    SlotState::Open,
    SlotState::TimeWait,
    SlotState::Leaving,
];

/// What is asked of an index in one case. Miri is slow: it sees the same code, not as many cases of it.
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

    /// A tuple is found exactly while its slot is in, whatever the buckets.
    #[test]
    fn the_table_finds_what_is_in_it(
        secret: u32,
        steps in vec((0..SLOTS, prop::option::of(0u16..3 * SLOTS as u16)), 0..STEPS),
    ) {
        let mut records = [TableRecord::EMPTY; SLOTS];
        let mut table = Table::new(&mut records, secret);
        let mut model = [None; SLOTS];
        for (slot, entered) in steps {
            table.remove(slot);
            model[slot] = None;
            if let Some(number) = entered.filter(|number| !model.contains(&Some(*number))) {
                table.insert(&tuple(number), slot);
                model[slot] = Some(number);
            }
            for number in 0..3 * SLOTS as u16 {
                let found = table.find(&tuple(number), |slot| model[slot] == Some(number));
                assert_eq!(found, model.iter().position(|it| *it == Some(number)));
            }
        }
    }

    /// The next is the earliest, although entries of the heap may lie too early.
    #[test]
    fn the_earliest_is_due_next(
        steps in vec((0..SLOTS, prop::option::of(0i64..20), 0i64..20), 0..STEPS),
    ) {
        let mut records = [DeadlineRecord::EMPTY; SLOTS];
        let mut due = DeadlineHeap::new(&mut records);
        let mut model: [Option<Instant>; SLOTS] = [None; SLOTS];
        for (slot, at, limit) in steps {
            let (at, limit) = (at.map(Instant::from_millis), Instant::from_millis(limit));
            due.set(slot, at);
            model[slot] = at;
            let next = due.next(limit);
            let earliest = model.iter().flatten().min().copied();
            assert_eq!(next.map(|(at, _)| at), earliest.filter(|at| *at <= limit));
            assert!(next.is_none_or(|(at, slot)| model[slot] == Some(at)));
        }
        // Whoever is taken out one after the other comes in order, each once.
        let mut before = Instant::ZERO;
        while let Some((at, slot)) = due.next(Instant::from_millis(20)) {
            assert!(at >= before && model[slot].take() == Some(at));
            due.set(slot, None);
            before = at;
        }
        assert_eq!(model, [None; SLOTS]);
    }

    /// Every slot stands in one queue, in the order in which it came there.
    #[test]
    fn queues_keep_their_order(steps in vec((0..SLOTS, 0..STANDINGS.len()), 0..STEPS)) {
        let mut records = [AgeRecord::EMPTY; SLOTS];
        let mut order = AgeLists::new(&mut records);
        let mut model: [(SlotState, usize); SLOTS] = array::from_fn(|slot| (SlotState::Free, slot));
        for (step, (slot, standing)) in steps.into_iter().enumerate() {
            order.set(slot, STANDINGS[standing]);
            model[slot] = (STANDINGS[standing], SLOTS + step);
            for standing in STANDINGS {
                let (mut next, mut len, mut youngest) = (order.oldest(standing), 0, None);
                while let Some(slot) = next {
                    assert_eq!((order.standing(slot), model[slot].0), (standing, standing));
                    assert!(youngest < Some(model[slot].1));
                    (next, len, youngest) = (order.after(slot), len + 1, Some(model[slot].1));
                }
                assert_eq!(len, model.iter().filter(|it| it.0 == standing).count());
                assert_eq!(len, order.len(standing));
            }
        }
    }
}
