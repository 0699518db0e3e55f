//! Proves that the simulator can fail: without a hazard's remedy the oracle reports a failure. With the remedy
//! the same plans pass.

use std::collections::BTreeMap;

use smolecho_sim::{HAZARDS, Mutation, Plan, Scenario, find, run};

/// Seeds of each hazard; not every seed provokes it.
const SEEDS: u64 = 30;

/// The failures of this scenario with this mutation, and the number of seeds of each.
fn found(scenario: &Scenario, mutation: Option<Mutation>) -> BTreeMap<&'static str, usize> {
    let mut found = BTreeMap::new();
    for seed in 0..SEEDS {
        let plan = Plan { mutation, ..scenario.plan(seed) };
        if let Some(failure) = run(&plan).failure {
            *found.entry(failure.what).or_default() += 1;
        }
    }
    found
}

#[test]
fn every_hazard_is_found_without_its_remedy_and_none_with_it() {
    let mut missed = Vec::new();
    for hazard in HAZARDS {
        let name = hazard.scenario.name;
        let with = found(&hazard.scenario, None);
        let without = found(&hazard.scenario, Some(hazard.mutation));
        println!("{name:<5}{:?}: {without:?}", hazard.mutation);
        if !with.is_empty() || !without.contains_key(hazard.finds) {
            missed.push(format!("{name}: {with:?} with its remedy, {without:?} without"));
        }
    }
    assert!(missed.is_empty(), "{missed:#?}");
}

#[test]
fn there_are_fourteen() {
    let names: Vec<_> = HAZARDS.iter().map(|hazard| hazard.scenario.name).collect();
    let expected: Vec<_> = (1..=14).map(|n| format!("p{n}")).collect();
    assert_eq!(names, expected);
}

/// Not one of the fourteen hazards, but the invariant of the echo.
#[test]
fn a_server_that_takes_more_than_it_can_send_is_found() {
    let found = found(find("calm").expect("a scenario"), Some(Mutation::CarelessServer));
    assert!(found.contains_key("a wrong byte"), "{found:?}");
}

/// An attacker may keep its connections open.
#[test]
fn a_server_without_deadlines_is_found() {
    let found = found(find("slowloris").expect("a scenario"), Some(Mutation::UsualServer));
    assert!(found.contains_key("a slot is not free"), "{found:?}");
}

/// Every deadline, in scenarios that reach it.
#[test]
fn a_deadline_that_comes_early_is_found() {
    let mut missed = vec!["HandshakeTimeout", "IdleTimeout", "StallTimeout", "FinWaitTimeout"];
    for name in ["partition", "slowloris", "p6"] {
        let scenario = find(name).expect("a scenario");
        for seed in 0..SEEDS {
            let plan = Plan { mutation: Some(Mutation::Impatient), ..scenario.plan(seed) };
            let Some(failure) = run(&plan).failure else { continue };
            assert_eq!(failure.what, "a deadline came early", "{failure}");
            missed.retain(|end| !failure.details.starts_with(end));
        }
    }
    assert!(missed.is_empty(), "{missed:?}");
}
