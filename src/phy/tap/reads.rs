//! How many frames to ask a TAP for after a wake-up.

use core::mem;

/// How many reads are worth their system call: the grant that [`Tap`](super::Tap)'s documentation explains.
#[derive(Debug)]
pub(super) struct Reads {
    left: Left,
    /// What the next readable wake-up grants.
    grant: u8,
    /// Whether every read of the last grant found a frame.
    spent: bool,
    /// Wake-ups that must use up their one read before two are tried, and how many of them are
    /// still to come.
    patience: u8,
    remaining: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Left {
    /// No `wait` has told us anything: ask the kernel each time.
    Unknown,
    Reads(u8),
}

impl Reads {
    const MAX_GRANT: u8 = 64;
    const MAX_PATIENCE: u8 = 64;

    pub(super) const fn new() -> Reads {
        Reads { left: Left::Unknown, grant: 1, spent: false, patience: 1, remaining: 1 }
    }

    /// A wait is over, and the interface is readable or it is not.
    pub(super) fn woke(&mut self, readable: bool) {
        if !readable {
            self.left = Left::Reads(0);
            return;
        }
        if mem::take(&mut self.spent) {
            self.grow();
        }
        self.left = Left::Reads(self.grant);
    }

    /// Whether to read now. The end of a grant is told once: a program that does not wait must not
    /// starve.
    pub(super) fn take(&mut self) -> bool {
        self.left = match self.left {
            Left::Unknown => return true,
            Left::Reads(0) => {
                self.left = Left::Unknown;
                return false;
            }
            Left::Reads(n) => Left::Reads(n - 1),
        };
        self.spent = self.left == Left::Reads(0);
        true
    }

    /// The read that was just taken found nothing.
    pub(super) fn empty(&mut self) {
        self.spent = false;
        let Left::Reads(left) = mem::replace(&mut self.left, Left::Unknown) else {
            return;
        };
        let found = self.grant - left - 1;
        if found <= 1 {
            // One frame at a time, as a request is: the second read was for nothing. Ask for it
            // less often.
            self.grant = 1;
            self.patience = self.patience.saturating_mul(2).min(Self::MAX_PATIENCE);
            self.remaining = self.patience;
        }
    }

    fn grow(&mut self) {
        if self.grant == 1 && self.remaining > 0 {
            self.remaining -= 1;
            return;
        }
        if self.grant > 1 {
            // Two frames or more were there: this is load, not a guess.
            self.patience = 1;
        }
        self.grant = self.grant.saturating_mul(2).min(Self::MAX_GRANT);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One wake-up with `queued` frames waiting: how many were read, and how many reads it took.
    fn wake(reads: &mut Reads, queued: &mut u32) -> (u32, u32) {
        reads.woke(*queued > 0);
        let (mut frames, mut calls) = (0, 0);
        while reads.take() {
            calls += 1;
            if *queued == 0 {
                reads.empty();
                break;
            }
            *queued -= 1;
            frames += 1;
        }
        (frames, calls)
    }

    #[test]
    fn request_and_answer_cost_one_read_each() {
        let mut reads = Reads::new();
        let calls: u32 = (0..10_000).map(|_| wake(&mut reads, &mut 1).1).sum();
        assert!((10_000..10_300).contains(&calls), "{calls}");
    }

    #[test]
    fn load_is_drained_in_few_wake_ups() {
        let mut reads = Reads::new();
        for _ in 0..1_000 {
            wake(&mut reads, &mut 1);
        }
        let (mut queued, mut wakes) = (100_000, 0);
        while queued > 0 {
            wake(&mut reads, &mut queued);
            wakes += 1;
        }
        assert!(wakes < 100_000 / 64 + 80, "{wakes}");
    }

    #[test]
    fn a_timer_costs_no_read() {
        let mut reads = Reads::new();
        assert_eq!(wake(&mut reads, &mut 0), (0, 0));
    }

    #[test]
    fn without_a_wait_every_receive_reads() {
        let mut reads = Reads::new();
        assert!((0..1_000).all(|_| reads.take()));
        reads.woke(true);
        assert!(reads.take());
        assert!(!reads.take(), "the grant is over");
        assert!(reads.take(), "and it is said once");
        reads.empty();
        assert!(reads.take());
    }
}
