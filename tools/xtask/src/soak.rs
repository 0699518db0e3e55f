//! What takes long: the transfers over a TAP, where a stack shows that it never hangs, and the simulator,
//! with other seeds every time.

use std::{
    env,
    time::{Duration, Instant},
};

use crate::fuzz;
use crate::run::{self, Outcome, command};

/// One round at least, and then until so many minutes are over.
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

/// Every trial over the TAP, the long ones among them: a slice of each.
pub(crate) fn slice() -> Outcome {
    transfers("1")
}

fn transfers(soak: &str) -> Outcome {
    let mut test =
        command(&["cargo", "test", "--release", "--package", "smolecho", "--test", "tap"]);
    run::run(test.env("SMOLECHO_SOAK", soak))
}

/// All scenarios in turn, from this seed on or from any.
pub(crate) fn simulate(seed: Option<u64>) -> Outcome {
    let mut sim = command(&["cargo", "run", "--release", "--", "sim", "--runs", SIMULATED]);
    if let Some(seed) = seed {
        sim.arg("--seed").arg(seed.to_string());
    }
    run::run(&mut sim)
}

/// Runs: more than a thousand seeds of each scenario.
const SIMULATED: &str = "24000";

/// Whether doing without a TAP is a failure.
pub(crate) fn requires_tap() -> bool {
    env::var_os("SMOLECHO_REQUIRE_TAP").is_some_and(|value| value == "1")
}
