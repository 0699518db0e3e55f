//! Which core runs what. On one core a round trip takes as long as its work; across two it takes as
//! long as the scheduler likes.

use nix::sched::{CpuSet, sched_getaffinity, sched_getcpu, sched_setaffinity};
use nix::unistd::Pid;

/// This thread, and those it starts from here on, stay on one core until the value is dropped.
pub(super) struct OneCore {
    before: Option<CpuSet>,
}

impl OneCore {
    /// Where the system does not allow it, everything stays as it is.
    pub(super) fn stay() -> OneCore {
        let this = Pid::from_raw(0);
        let stay = || {
            let before = sched_getaffinity(this)?;
            let mut one = CpuSet::new();
            one.set(sched_getcpu()?)?;
            sched_setaffinity(this, &one)?;
            nix::Result::Ok(before)
        };
        OneCore { before: stay().ok() }
    }
}

impl Drop for OneCore {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            let _ = sched_setaffinity(Pid::from_raw(0), before);
        }
    }
}
