//! Every scenario holds, the same seed is the same run, and what is broken on purpose is found.

use std::collections::BTreeSet;

use smolecho_sim::{Plan, SCENARIOS, Server, find, run, shrink};

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

/// What the oracles say of the usual server in this scenario, over so many seeds; each once.
fn found(scenario: &str, careless: bool) -> BTreeSet<&'static str> {
    let scenario = find(scenario).expect("a scenario");
    let plans =
        (0..20).map(|seed| Plan { server: Server::Usual { careless }, ..scenario.plan(seed) });
    plans.filter_map(|plan| run(&plan).failure).map(|failure| failure.what).collect()
}

/// Were the product like the usual pool, each of these scenarios would tell.
#[test]
fn the_usual_server_is_found_out() {
    for (scenario, what) in [
        ("replay", "a reset that nobody sent"),
        ("flood", "a slot is not free"),
        ("spoofed", "a datagram was lost on a good cable"),
        ("impossible", "a slot is not free"),
    ] {
        let found = found(scenario, false);
        assert!(found.contains(what), "{scenario}: {found:?}");
    }
    let careless = found("calm", true);
    assert!(careless.contains("a wrong byte"), "{careless:?}");
}

/// The run is the same whatever compiled it and wherever it runs. It changes with what the library
/// does on the wire, and then the new one belongs here.
#[test]
fn the_trace_is_the_same_on_every_machine() {
    let plan = find("everything").expect("a scenario").plan(1);
    assert_eq!(format!("{:016x}", run(&plan).trace.hash()), "d5d5bd3b71e3fd96");
}

#[test]
fn a_failure_is_shrunk_to_what_it_takes() {
    let scenario = find("everything").expect("a scenario");
    let plans = (0..20)
        .map(|seed| Plan { server: Server::Usual { careless: false }, ..scenario.plan(seed) });
    let (plan, failure) = plans
        .filter_map(|plan| Some((plan.clone(), run(&plan).failure?)))
        .next()
        .expect("one that fails");
    let shortest = shrink(&plan);
    assert!(shortest.faults.len() < plan.faults.len(), "{shortest:?}");
    assert_eq!(run(&shortest).failure.map(|failure| failure.what), Some(failure.what));
}
