//! Runs Miri over the memory that a node borrows. Miri is slow, so it runs the pool's tests, a few others, and
//! one connection over the cable.

use crate::run::{Outcome, command, run};

const LINES: &[&[&str]] = &[
    &["test", "--lib", "pool::"],
    &["test", "--test", "it", "storage::"],
    &["test", "--test", "it", "gate::v4::ports_of_zero"],
    &["run", "--example", "loopback"],
];

/// The tests leak memory, and proptest takes its seeds from the system.
const FLAGS: &str = "-Zmiri-ignore-leaks -Zmiri-disable-isolation";

pub(crate) fn check() -> Outcome {
    LINES.iter().try_for_each(|line| {
        let mut miri = command(&["rustup", "run", "nightly", "cargo", "miri"]);
        let (verb, rest) = line.split_at(1);
        run(miri.args(verb).args(["--package", "smolecho"]).args(rest).env("MIRIFLAGS", FLAGS))
    })
}
