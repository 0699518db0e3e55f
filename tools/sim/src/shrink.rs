//! Shrinks a failing plan.

use crate::plan::Plan;
use crate::world::run;

/// Removes each fault and then each operation whose removal leaves the failure the same. A plan that does not
/// fail is returned as it is.
pub fn shrink(plan: &Plan) -> Plan {
    let Some(failure) = run(plan).failure else { return plan.clone() };
    let still_fails =
        |shorter: &Plan| run(shorter).failure.is_some_and(|other| other.what == failure.what);
    let mut plan = plan.clone();
    let mut n = 0;
    while n < plan.faults.len() {
        let mut shorter = plan.clone();
        shorter.faults.remove(n);
        if still_fails(&shorter) { plan = shorter } else { n += 1 }
    }
    let mut n = 0;
    while n < plan.operations.len() {
        let mut shorter = plan.clone();
        shorter.operations.remove(n);
        if still_fails(&shorter) { plan = shorter } else { n += 1 }
    }
    plan
}
