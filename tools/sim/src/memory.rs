//! Verifies that a node's poll allocates nothing. Only the unit tests of this package count allocations.

#[cfg(test)]
use allocation_counter::{measure, opt_out};

#[cfg(not(test))]
fn opt_out(act: impl FnOnce()) {
    act();
}

/// Runs a poll, which must not allocate.
#[cfg(test)]
pub(crate) fn without(act: impl FnOnce()) {
    assert_eq!(measure(act).count_total, 0, "memory was taken in a poll");
}

#[cfg(not(test))]
pub(crate) fn without(act: impl FnOnce()) {
    act();
}

/// Runs a part of the simulator within a poll, which may allocate.
pub(crate) fn with<R>(act: impl FnOnce() -> R) -> R {
    let mut result = None;
    opt_out(|| result = Some(act()));
    result.expect("opt_out calls its argument")
}

#[cfg(test)]
mod tests {
    use std::hint::black_box;

    use super::{with, without};

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
