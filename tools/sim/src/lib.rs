//! A network of our nodes in virtual time: one seed, one run, on every machine.
//!
//! ```text
//!   scenario ──seed──▶ Plan ──▶ World ──▶ Outcome
//!                   operations,   │        a hash of every frame, and what went wrong, if anything
//!                   faults        │
//!        ┌────────────────────────┴─────────────────────────┐
//!        ▼                        ▼                         ▼
//!     Station (a Node or    switch and cables          attacker
//!     a guest, its clock)   (Impairments, cuts)        (hostile frames)
//! ```
//!
//! `plan` says what is to happen, `world` lets it happen, `oracle` looks on after every step:
//! no wrong byte ever; counters that add up; bounded work; an end of every connection that a fault, an
//! attack or a documented deadline explains, and no deadline before its time. When the faults are over everything must heal: every slot
//! free, and everybody served who asks. `hazards` are what smoltcp alone falls over: each with a mutation
//! that leaves the remedy out, and what the oracle then says.

mod attacker;
mod cable;
mod dice;
mod forge;
mod guest;
mod hazards;
mod heard;
mod holder;
mod memory;
mod oracle;
mod patience;
mod plan;
mod scenario;
mod scenarios;
mod shrink;
mod station;
mod trace;
mod usual;
mod world;

pub use cable::{Cable, Impairments};
pub use dice::Dice;
pub use hazards::{HAZARDS, Hazard};
pub use oracle::Failure;
pub use plan::{Attack, Deed, Fault, Habits, Mutation, Operation, Plan, Slots, Visit, What};
pub use scenario::{Scenario, find, scenarios};
pub use shrink::shrink;
pub use trace::{Frame, Trace};
pub use world::Outcome;

/// Runs a plan; the same plan is the same run.
pub fn run(plan: &Plan) -> Outcome {
    world::run(plan, Trace::hashing())
}

/// The same, and keeps every frame that somebody sent.
pub fn record(plan: &Plan) -> Outcome {
    world::run(plan, Trace::recording())
}
