//! Every scenario holds, the same seed is the same run, and what is broken on purpose is found.

use smolecho_sim::{SCENARIOS, run};

/// So many of each scenario; `SMOLECHO_SEEDS` asks for more.
fn seeds() -> u64 {
    std::env::var("SMOLECHO_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(5)
}

#[test]
fn every_scenario_holds() {
    for scenario in SCENARIOS {
        for seed in 0..seeds() {
            let outcome = run(&scenario.plan(seed));
            if let Some(failure) = outcome.failure {
                panic!("smolecho sim --scenario {} --seed {seed}: {failure}", scenario.name);
            }
        }
    }
}

#[test]
fn the_same_seed_is_the_same_run() {
    for scenario in SCENARIOS {
        let hash = |seed| run(&scenario.plan(seed)).trace.hash();
        assert_eq!(hash(7), hash(7), "{}", scenario.name);
        assert_ne!(hash(7), hash(8), "{}", scenario.name);
    }
}
