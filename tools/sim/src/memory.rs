//! That the product takes no memory: in this package's own tests a counting allocator says so of every poll,
//! and elsewhere nobody counts.

#[cfg(test)]
use allocation_counter::{measure, opt_out};

#[cfg(not(test))]
fn opt_out(act: impl FnOnce()) {
    act();
}

/// Does what the product does, which must take none.
#[cfg(test)]
pub(crate) fn without(act: impl FnOnce()) {
    assert_eq!(measure(act).count_total, 0, "memory was taken in a poll");
}

#[cfg(not(test))]
pub(crate) fn without(act: impl FnOnce()) {
    act();
}

/// Does what the simulator does meanwhile, which may.
pub(crate) fn with<R>(act: impl FnOnce() -> R) -> R {
    let mut result = None;
    opt_out(|| result = Some(act()));
    result.expect("it is done at once")
}

#[cfg(test)]
mod tests {
    use std::hint::black_box;

    use super::{with, without};
    use crate::{run, scenarios};

    #[test]
    fn no_scenario_has_a_poll_that_takes_memory() {
        for scenario in scenarios() {
            let failure = run(&scenario.plan(1)).failure;
            assert!(failure.is_none(), "{}: {failure:?}", scenario.name);
        }
    }

    #[test]
    #[should_panic(expected = "memory was taken")]
    fn what_is_taken_is_seen() {
        without(|| drop(black_box(Box::new(1))));
    }

    #[test]
    fn what_the_simulator_takes_is_not() {
        without(|| drop(with(|| black_box(Box::new(1)))));
    }
}
