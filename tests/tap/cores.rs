//! CPU affinity.

use std::{panic, thread};

use nix::{
    sched::{CpuSet, sched_getaffinity, sched_setaffinity},
    unistd::Pid,
};

/// Runs a function and the threads that it starts on core `n` modulo the number of available cores.
pub(crate) fn on_core<T: Send>(n: usize, run: impl FnOnce() -> T + Send) -> T {
    let this = Pid::from_raw(0);
    let pinned = || {
        let all = sched_getaffinity(this).expect("cores");
        let cores: Vec<_> =
            (0..CpuSet::count()).filter(|core| all.is_set(*core).is_ok_and(|is| is)).collect();
        let mut one = CpuSet::new();
        one.set(cores[n % cores.len()]).expect("a core");
        sched_setaffinity(this, &one).expect("stay");
        run()
    };
    let ended = thread::scope(|scope| scope.spawn(pinned).join());
    ended.unwrap_or_else(|panic| panic::resume_unwind(panic))
}
