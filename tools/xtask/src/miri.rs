//! What Miri says of the memory that a node borrows: it interprets the code, and knows every byte's owner.
//! Slow, so it sees the parts that lend and index, and one dialogue over the cable.

use crate::run::{Outcome, command, run};

const LINES: &[&[&str]] = &[
    &["test", "--lib", "pool::"],
    &["test", "--test", "it", "storage::"],
    &["test", "--test", "it", "gate::v4::ports_of_zero"],
    &["run", "--example", "loopback"],
];

/// The tests lend memory for good, and the seeds of proptest's cases come from the system.
const FLAGS: &str = "-Zmiri-ignore-leaks -Zmiri-disable-isolation";

pub(crate) fn check() -> Outcome {
    LINES.iter().try_for_each(|line| {
        let mut miri = command(&["rustup", "run", "nightly", "cargo", "miri"]);
        let (verb, rest) = line.split_at(1);
        run(miri.args(verb).args(["--package", "smolecho"]).args(rest).env("MIRIFLAGS", FLAGS))
    })
}
