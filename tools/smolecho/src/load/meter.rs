//! What the server uses during a load: CPU time, system calls, sleeps.

use std::time::{Duration, Instant};
use std::{fs, io};

use nix::time::ClockId;
use nix::unistd::Pid;

use super::sample::Sample;
use super::syscalls::Counting;

/// Meters a process of ours; nothing if `server` is `None`.
pub(crate) struct Meter {
    pub(crate) server: Option<Pid>,
    /// Whether to count system calls, which slows the server down.
    pub(crate) counts_calls: bool,
}

/// A measurement, from the first request to the last answer.
pub(crate) struct Span {
    server: Option<Pid>,
    counting: Option<Counting>,
    cpu: Option<Duration>,
    sleeps: Option<u64>,
    begin: Instant,
}

impl Meter {
    pub(crate) fn begin(&self) -> io::Result<Span> {
        let counted = self.server.filter(|_| self.counts_calls);
        Ok(Span {
            server: self.server,
            counting: counted.map(Counting::begin).transpose()?,
            cpu: self.server.and_then(cpu),
            sleeps: self.server.and_then(sleeps),
            begin: Instant::now(),
        })
    }
}

impl Span {
    pub(crate) fn begin(&self) -> Instant {
        self.begin
    }

    pub(crate) fn end(self, done: u64) -> Sample {
        let seconds = self.begin.elapsed().as_secs_f64();
        let since = |after: Option<Duration>| Some((after? - self.cpu?).as_secs_f64());
        Sample {
            done,
            seconds,
            cpu: since(self.server.and_then(cpu)),
            sleeps: self.server.and_then(sleeps).zip(self.sleeps).map(|(b, a)| b - a),
            calls: self.counting.map(Counting::end),
            ..Sample::default()
        }
    }
}

/// CPU time used so far.
fn cpu(server: Pid) -> Option<Duration> {
    ClockId::pid_cpu_clock_id(server).and_then(ClockId::now).ok().map(Duration::from)
}

/// `voluntary_ctxt_switches` of `man 5 proc`.
fn sleeps(server: Pid) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{server}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))?;
    line.trim().parse().ok()
}
