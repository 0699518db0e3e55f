//! Every scenario passes, the same seed gives the same run, and a failing plan is shrunk.

use smolecho_sim::{Mutation, Plan, find, run, scenarios, shrink};

/// Seeds of each scenario: 5, or `SMOLECHO_SEEDS`.
fn seeds() -> u64 {
    std::env::var("SMOLECHO_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(5)
}

#[test]
fn every_scenario_holds() {
    for scenario in scenarios() {
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
    for scenario in scenarios() {
        let hash = |seed| run(&scenario.plan(seed)).trace.hash();
        assert_eq!(hash(7), hash(7), "{}", scenario.name);
        assert_ne!(hash(7), hash(8), "{}", scenario.name);
    }
}

/// The hash changes only when the library sends other frames. Then the new one belongs here.
#[test]
fn the_trace_is_the_same_on_every_machine() {
    let plan = find("everything").expect("a scenario").plan(1);
    assert_eq!(format!("{:016x}", run(&plan).trace.hash()), "afc8a4474403107e");
}

#[test]
fn a_failure_is_shrunk_to_what_it_takes() {
    let scenario = find("everything").expect("a scenario");
    let plans =
        (0..20).map(|seed| Plan { mutation: Some(Mutation::UsualServer), ..scenario.plan(seed) });
    let (plan, failure) = plans
        .filter_map(|plan| Some((plan.clone(), run(&plan).failure?)))
        .next()
        .expect("one that fails");
    let shortest = shrink(&plan);
    assert!(shortest.faults.len() < plan.faults.len(), "{shortest:?}");
    assert_eq!(run(&shortest).failure.map(|failure| failure.what), Some(failure.what));
}
