//! How many frames to ask a TAP for after a wake-up.

use core::mem;

use super::guess::Guess;

/// How many reads are worth their system call: the grant that [`Tap`](super::Tap)'s documentation explains.
#[derive(Debug)]
pub(super) struct Reads {
    left: Left,
    /// What the next readable wake-up grants.
    grant: Guess,
    /// Whether every read of the last grant found a frame.
    spent: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Left {
    /// No `wait` has told us anything: ask the kernel each time.
    Unknown,
    Reads(u8),
}

impl Reads {
    pub(super) const fn new() -> Reads {
        Reads { left: Left::Unknown, grant: Guess::new(), spent: false }
    }

    /// A wait is over, and the interface is readable or it is not.
    pub(super) fn woke(&mut self, readable: bool) {
        if !readable {
            self.left = Left::Reads(0);
            return;
        }
        if mem::take(&mut self.spent) {
            self.grant.was_right();
        }
        self.left = Left::Reads(self.grant.size());
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

    /// Whether reads are counted: whoever waits will be told when there are no more, or wait again.
    pub(super) fn is_granted(&self) -> bool {
        self.left != Left::Unknown
    }

    /// The read that was just taken found nothing.
    pub(super) fn empty(&mut self) {
        self.spent = false;
        let Left::Reads(left) = mem::replace(&mut self.left, Left::Unknown) else {
            return;
        };
        if self.grant.size() - left <= 2 {
            // One frame at a time, as a request is: the second read was for nothing.
            self.grant.was_wrong();
        }
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
