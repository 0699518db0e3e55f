//! Pinning to cores. On one core a round trip takes as long as its work; across two, the scheduler decides.

use nix::sched::{CpuSet, sched_getaffinity, sched_getcpu, sched_setaffinity};
use nix::unistd::Pid;

use crate::fault::Fault;

/// The calling thread; threads that it starts later inherit its cores.
const THIS: Pid = Pid::from_raw(0);

/// The cores of client and server: one core for both, or one each with `two`.
pub(crate) fn choose(two: bool) -> Result<[usize; 2], Fault> {
    let allowed = sched_getaffinity(THIS).unwrap_or_default();
    let allowed = (0..CpuSet::count()).filter(|core| allowed.is_set(*core).unwrap_or(false));
    match allowed.collect::<Vec<_>>()[..] {
        [.., a, b] if two => Ok([a, b]),
        _ if two => Err(Fault::usage("--two-cores: only one core is available; leave it out")),
        // The first core also runs the machine's other work.
        [.., last] => Ok([last; 2]),
        [] => Ok([0; 2]),
    }
}

/// Pins to `core`. Does nothing if the system does not allow it.
pub(crate) fn pin(core: usize) {
    let mut one = CpuSet::new();
    if one.set(core).is_ok() {
        let _ = sched_setaffinity(THIS, &one);
    }
}

/// Stays on the current core until dropped.
pub(crate) struct OneCore {
    before: Option<CpuSet>,
}

impl OneCore {
    pub(crate) fn stay() -> OneCore {
        let before = sched_getaffinity(THIS).ok();
        if let Ok(core) = sched_getcpu() {
            pin(core);
        }
        OneCore { before }
    }
}

impl Drop for OneCore {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            let _ = sched_setaffinity(THIS, before);
        }
    }
}
