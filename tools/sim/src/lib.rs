//! A network of nodes in virtual time. One seed gives one run, the same on every machine.
//!
//! ```text
//!   Scenario ──seed──▶ Plan ──▶ World ──▶ Outcome
//!                   operations,   │        a hash of every frame, and the failure, if there is one
//!                   faults        │
//!        ┌────────────────────────┴─────────────────────────┐
//!        ▼                        ▼                         ▼
//!     Station (a Node or    switch and cables          attacker
//!     a guest, its clock)   (Impairments, cuts)        (hostile frames)
//! ```
//!
//! `plan` says what is to happen and `world` runs it. After every poll `oracle` verifies that all bytes are
//! right, that the counters add up, that a poll did a bounded amount of work, that every connection ends for
//! a reason (a fault, an attack or a documented deadline), and that no deadline fires early. After the last
//! fault every slot must become free, and every new client must be served.
//!
//! `hazards` are smoltcp's pitfalls. Each has a mutation that leaves the node's remedy out, and the failure
//! that the oracle must then report.

mod attacker;
mod cable;
pub mod card;
mod catalog;
mod clock;
mod deadlines;
mod dice;
pub mod dissect;
pub mod forge;
mod guest;
mod hazards;
mod memory;
pub mod network;
mod observed;
mod oracle;
mod plan;
mod scenario;
mod scenarios;
mod shrink;
mod slowloris;
mod station;
mod trace;
pub mod usual;
mod verdict;
mod world;

pub use cable::{Cable, Impairments};
pub use catalog::{find, scenarios};
pub use dice::Dice;
pub use hazards::{HAZARDS, Hazard};
pub use plan::{Action, Attack, Fault, FaultKind, Habits, Mutation, Operation, Plan, Slots, Visit};
pub use scenario::Scenario;
pub use shrink::shrink;
pub use trace::{Frame, Trace};
pub use verdict::Failure;
pub use world::{Outcome, record, run};

#[cfg(test)]
mod tests {
    use super::{run, scenarios};

    #[test]
    fn no_scenario_has_a_poll_that_takes_memory() {
        for scenario in scenarios() {
            let failure = run(&scenario.plan(1)).failure;
            assert!(failure.is_none(), "{}: {failure:?}", scenario.name);
        }
    }
}
