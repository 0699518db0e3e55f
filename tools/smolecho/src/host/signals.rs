//! Signals as something that the poll loop can wait for: a descriptor that becomes readable, and
//! flags.

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

/// What was asked for since the last time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Pending {
    /// SIGINT or SIGTERM: end in order.
    pub(crate) stop: bool,
    /// SIGUSR1: print the counters.
    pub(crate) stats: bool,
    /// SIGCHLD: a child ended, perhaps.
    pub(crate) child: bool,
}

/// The signals that the program handles, from here on. A SIGINT after a SIGINT or SIGTERM ends the
/// process at once.
pub(crate) struct Signals {
    wake: UnixStream,
    rung: Arc<AtomicBool>,
    stop: Arc<AtomicBool>,
    stats: Arc<AtomicBool>,
    child: Arc<AtomicBool>,
}

impl Signals {
    /// Takes the signals over. Once in a process is enough.
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
        // Actions run in the order of registration: the first SIGINT finds `stopping` unset, the
        // second does not. Not so SIGTERM, which timeout(1) sends to us and then to our process
        // group.
        flag::register_conditional_default(SIGINT, Arc::clone(&stopping))?;
        flag::register(SIGINT, Arc::clone(&stopping))?;
        flag::register(SIGTERM, stopping)?;
        for (signal, kind) in [
            (SIGINT, &signals.stop),
            (SIGTERM, &signals.stop),
            (SIGUSR1, &signals.stats),
            (SIGCHLD, &signals.child),
        ] {
            // Kind, byte, bell: whoever sees the bell finds the byte, whoever takes the byte finds
            // the kind. A wake-up between two of them is taken once more for nothing, never lost.
            flag::register(signal, Arc::clone(kind))?;
            pipe::register(signal, bell.try_clone()?)?;
            flag::register(signal, Arc::clone(&signals.rung))?;
        }
        Ok(signals)
    }

    /// Sends `news` into the channel when SIGINT or SIGTERM comes, from a thread of its own.
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
            // An interrupted wait is looked at like any other.
            let _ = poll(&mut ready, PollTimeout::NONE);
        }
    }

    /// What came since the last call. Costs no system call while nothing did.
    pub(crate) fn take(&self) -> Pending {
        if !self.rung.load(Ordering::SeqCst) {
            return Pending::default();
        }
        self.rung.store(false, Ordering::SeqCst);
        // All of it, or the descriptor stays readable. It never blocks, and an error means it is empty.
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

    // One test: signals belong to the process.
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
