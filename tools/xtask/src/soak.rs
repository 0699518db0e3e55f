//! Long runs: transfers over a TAP, where a stack that can hang does so in the end, and the simulator with new
//! seeds.

use std::{
    env,
    time::{Duration, Instant},
};

use crate::fuzz;
use crate::run::{self, Outcome, command};

/// Repeats until `minutes` have passed, at least once.
pub(crate) fn run(minutes: u64) -> Outcome {
    let start = Instant::now();
    for number in 1.. {
        transfers("full")?;
        simulate(None)?;
        fuzz::run(60, None)?;
        println!("soak: {number} rounds ok, {} s", start.elapsed().as_secs());
        if start.elapsed() >= Duration::from_secs(60 * minutes) {
            break;
        }
    }
    Ok(())
}

/// Every TAP test, with shorter transfers.
pub(crate) fn slice() -> Outcome {
    transfers("1")
}

fn transfers(soak: &str) -> Outcome {
    let mut test =
        command(&["cargo", "test", "--release", "--package", "smolecho", "--test", "tap"]);
    run::run(test.env("SMOLECHO_SOAK", soak))
}

/// Runs all scenarios in turn, from this seed on or from a random one.
pub(crate) fn simulate(seed: Option<u64>) -> Outcome {
    let mut sim = command(&["cargo", "run", "--release", "--", "sim", "--runs", SIMULATED]);
    if let Some(seed) = seed {
        sim.arg("--seed").arg(seed.to_string());
    }
    run::run(&mut sim)
}

/// Runs: more than a thousand seeds of each scenario.
const SIMULATED: &str = "24000";

/// Whether a missing TAP is a failure.
pub(crate) fn requires_tap() -> bool {
    env::var_os("SMOLECHO_REQUIRE_TAP").is_some_and(|value| value == "1")
}
