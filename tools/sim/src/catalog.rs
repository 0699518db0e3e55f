//! Every scenario, by name.

use crate::hazards::HAZARDS;
use crate::scenario::Scenario;
use crate::scenarios::SCENARIOS;

/// The scenario of this name.
pub fn find(name: &str) -> Option<&'static Scenario> {
    scenarios().find(|scenario| scenario.name == name)
}

/// The general scenarios, then one for each hazard.
pub fn scenarios() -> impl Iterator<Item = &'static Scenario> {
    SCENARIOS.iter().chain(HAZARDS.iter().map(|hazard| &hazard.scenario))
}
