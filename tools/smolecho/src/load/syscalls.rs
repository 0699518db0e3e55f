//! Counts the system calls of a process with ptrace(2); allowed for child processes.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread::{self, JoinHandle};

use nix::errno::Errno;
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

/// A running count. One thread does all of it, because the kernel's tracer is a thread.
pub(super) struct Counting {
    server: Pid,
    stop: Arc<AtomicBool>,
    tracer: JoinHandle<u64>,
}

impl Counting {
    pub(super) fn begin(server: Pid) -> io::Result<Counting> {
        let stop = Arc::new(AtomicBool::new(false));
        let (ready, begun) = channel();
        let stopped = Arc::clone(&stop);
        let tracer = thread::spawn(move || trace(server, &stopped, &ready));
        match begun.recv() {
            Ok(Ok(())) => Ok(Counting { server, stop, tracer }),
            Ok(Err(error)) => Err(io::Error::other(format!(
                "its system calls cannot be counted: ptrace: {error}; run as root"
            ))),
            Err(_) => Err(io::Error::other("its system calls cannot be counted")),
        }
    }

    pub(super) fn end(self) -> u64 {
        self.stop.store(true, Ordering::SeqCst);
        // The process stops at its next system call, or for this signal, which does nothing else.
        let _ = nix::sys::signal::kill(self.server, Signal::SIGCONT);
        self.tracer.join().unwrap_or(0)
    }
}

fn trace(server: Pid, stop: &AtomicBool, ready: &Sender<nix::Result<()>>) -> u64 {
    let seize = || {
        ptrace::seize(server, Options::PTRACE_O_TRACESYSGOOD)?;
        ptrace::interrupt(server)
    };
    if let Err(error) = seize() {
        let _ = ready.send(Err(error));
        return 0;
    }
    // The restart of the call in which it waited does not count.
    let (mut calls, mut inside, mut is_again) = (0, false, true);
    let mut begun = Some(ready);
    loop {
        let stopped = waitpid(server, Some(WaitPidFlag::__WALL));
        let is_over = stop.load(Ordering::SeqCst);
        let signal = match stopped {
            Ok(WaitStatus::PtraceSyscall(_)) => {
                inside = !inside;
                let is_new = inside && !std::mem::take(&mut is_again);
                calls += u64::from(is_new && !is_over);
                None
            }
            Ok(WaitStatus::Stopped(_, signal)) => Some(signal),
            Ok(WaitStatus::PtraceEvent(..)) | Err(Errno::EINTR) => None,
            // The process has ended.
            Ok(_) | Err(_) => return calls,
        };
        if let Some(ready) = begun.take() {
            let _ = ready.send(Ok(()));
        }
        if is_over {
            let _ = ptrace::detach(server, signal);
            return calls;
        }
        if ptrace::syscall(server, signal).is_err() {
            return calls;
        }
    }
}
