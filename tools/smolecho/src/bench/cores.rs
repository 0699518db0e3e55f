//! Which cores the measuring takes place on.

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

use crate::fault::Fault;

/// For the client and for the server: the same one, or two.
pub(super) fn choose(two: bool) -> Result<[usize; 2], Fault> {
    let allowed = sched_getaffinity(Pid::from_raw(0)).unwrap_or_default();
    let allowed = (0..CpuSet::count()).filter(|core| allowed.is_set(*core).unwrap_or(false));
    match allowed.collect::<Vec<_>>()[..] {
        [.., a, b] if two => Ok([a, b]),
        _ if two => Err(Fault::usage("--two-cores: there is but one; leave it out")),
        // The first core has the machine's other work to do.
        [.., last] => Ok([last; 2]),
        [] => Ok([0; 2]),
    }
}

/// This process, and those it starts from here on. Where the system does not allow it, it goes on where
/// it is.
pub(super) fn stay_on(core: usize) {
    let mut one = CpuSet::new();
    if one.set(core).is_ok() {
        let _ = sched_setaffinity(Pid::from_raw(0), &one);
    }
}
