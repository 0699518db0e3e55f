//! Signals as a file descriptor that becomes readable, and flags.

use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::thread;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use signal_hook::consts::{SIGCHLD, SIGINT, SIGTERM, SIGUSR1};
use signal_hook::flag;
use signal_hook::low_level::pipe;

/// The signals since the last call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Pending {
    /// SIGINT or SIGTERM: stop in order.
    pub(crate) stop: bool,
    /// SIGUSR1: print the counters.
    pub(crate) stats: bool,
    /// SIGCHLD: a child may have ended.
    pub(crate) child: bool,
}

/// The handled signals. A SIGINT after a SIGINT or SIGTERM kills the process at once.
pub(crate) struct Signals {
    wake: UnixStream,
    rung: Arc<AtomicBool>,
    stop: Arc<AtomicBool>,
    stats: Arc<AtomicBool>,
    child: Arc<AtomicBool>,
}

impl Signals {
    /// Installs the handlers; once per process.
    pub(crate) fn new() -> io::Result<Signals> {
        let (wake, bell) = UnixStream::pair()?;
        wake.set_nonblocking(true)?;
        let signals = Signals {
            wake,
            rung: Arc::default(),
            stop: Arc::default(),
            stats: Arc::default(),
            child: Arc::default(),
        };
        let stopping = Arc::new(AtomicBool::new(false));
        // Actions run in the order of registration: the first SIGINT finds `stopping` unset, the second finds
        // it set. SIGTERM is exempt, because timeout(1) sends it twice: to us and to our process group.
        flag::register_conditional_default(SIGINT, Arc::clone(&stopping))?;
        flag::register(SIGINT, Arc::clone(&stopping))?;
        flag::register(SIGTERM, stopping)?;
        for (signal, kind) in [
            (SIGINT, &signals.stop),
            (SIGTERM, &signals.stop),
            (SIGUSR1, &signals.stats),
            (SIGCHLD, &signals.child),
        ] {
            // The order is kind, byte, bell: a reader that sees the bell finds the byte, and with the byte the
            // kind. A signal between two of them causes one more wake-up, and is never lost.
            flag::register(signal, Arc::clone(kind))?;
            pipe::register(signal, bell.try_clone()?)?;
            flag::register(signal, Arc::clone(&signals.rung))?;
        }
        Ok(signals)
    }

    /// Sends `news` on SIGINT or SIGTERM, from a thread.
    pub(crate) fn send_stop<T: Send + 'static>(self, channel: Sender<T>, news: T) {
        thread::spawn(move || {
            self.wait_for_stop();
            // Without a receiver the program is about to end.
            let _ = channel.send(news);
        });
    }

    fn wait_for_stop(&self) {
        while !self.take().stop {
            let mut ready = [PollFd::new(self.as_fd(), PollFlags::POLLIN)];
            // EINTR needs no care: the flags are checked next.
            let _ = poll(&mut ready, PollTimeout::NONE);
        }
    }

    /// The signals since the last call; no system call if there were none.
    pub(crate) fn take(&self) -> Pending {
        if !self.rung.load(Ordering::SeqCst) {
            return Pending::default();
        }
        self.rung.store(false, Ordering::SeqCst);
        // Drained, or the descriptor stays readable. It never blocks; an error means that it is empty.
        while matches!((&self.wake).read(&mut [0; 64]), Ok(1..)) {}
        Pending {
            stop: self.stop.swap(false, Ordering::SeqCst),
            stats: self.stats.swap(false, Ordering::SeqCst),
            child: self.child.swap(false, Ordering::SeqCst),
        }
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.wake.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use signal_hook::low_level::raise;

    use super::*;

    // One test only: signals belong to the process.
    #[test]
    fn each_signal_is_taken_once() {
        let signals = Signals::new().expect("signals");
        assert_eq!(signals.take(), Pending::default());

        raise(SIGUSR1).expect("raise");
        raise(SIGUSR1).expect("raise");
        raise(SIGCHLD).expect("raise");
        let both = Pending { stats: true, child: true, stop: false };
        assert_eq!(signals.take(), both);
        assert_eq!(signals.take(), Pending::default());

        raise(SIGTERM).expect("raise");
        assert!(signals.take().stop);
        assert!((&signals.wake).read(&mut [0]).is_err(), "drained");
    }
}
