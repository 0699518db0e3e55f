//! The number of reads after a wake-up.

use super::batch::Batch;

/// The granted reads; [`Tap`](super::Tap)'s documentation explains them.
#[derive(Debug)]
pub(super) struct ReadBudget {
    left: Left,
    /// The reads that a readable wake-up grants, and the frames found since the last one.
    grant: Batch,
    found: u8,
    /// The reads in one batch.
    together: Batch,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Left {
    /// No grant: read one frame at a time.
    Unknown,
    Reads(u8),
}

impl ReadBudget {
    pub(super) const fn new() -> ReadBudget {
        ReadBudget { left: Left::Unknown, grant: Batch::new(), found: 0, together: Batch::new() }
    }

    /// Grants reads after a wake-up, none if the interface is not readable.
    pub(super) fn grant(&mut self, readable: bool) {
        self.found = 0;
        self.left = Left::Reads(if readable { self.grant.size() } else { 0 });
    }

    /// The number of frames to read now. 0, once, at the end of a grant; then one at a time, so that a program that
    /// does not wait does not starve.
    pub(super) fn take(&mut self) -> u8 {
        match self.left {
            Left::Unknown => 1,
            Left::Reads(0) => {
                self.left = Left::Unknown;
                0
            }
            Left::Reads(left) => self.together.size().min(left),
        }
    }

    /// Adapts to `found` frames in `asked` reads.
    pub(super) fn record(&mut self, asked: u8, found: u8) {
        let Left::Reads(left) = &mut self.left else { return };
        *left = left.saturating_sub(asked);
        let is_spent = *left == 0;
        self.found = self.found.saturating_add(found);
        if found > 0 {
            self.together.record(asked, found);
        }
        let granted = self.grant.size();
        if found == 0 {
            self.grant.record(granted, self.found);
            self.left = Left::Unknown;
        } else if found == asked && is_spent {
            self.grant.record(granted, granted);
        }
    }

    /// Whether a grant is in use: `receive` will then return `None` at its end, and the program will wait.
    pub(super) fn is_granted(&self) -> bool {
        self.left != Left::Unknown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One wake-up with `queued` frames: the number of frames read, of batches, and of reads.
    fn wake(read_budget: &mut ReadBudget, queued: &mut u32) -> (u32, u32, u32) {
        read_budget.grant(*queued > 0);
        let (mut frames, mut calls, mut all) = (0, 0, 0);
        loop {
            let asked = read_budget.take();
            if asked == 0 {
                return (frames, calls, all);
            }
            let found = (*queued).min(asked.into());
            read_budget.record(asked, found as u8);
            *queued -= found;
            frames += found;
            calls += 1;
            all += u32::from(asked);
            if found == 0 {
                return (frames, calls, all);
            }
        }
    }

    #[test]
    fn request_and_answer_cost_one_read_each() {
        let mut read_budget = ReadBudget::new();
        let calls: u32 = (0..10_000).map(|_| wake(&mut read_budget, &mut 1).2).sum();
        assert!((10_000..10_400).contains(&calls), "{calls}");
    }

    #[test]
    fn load_is_drained_in_few_wake_ups() {
        let mut read_budget = ReadBudget::new();
        for _ in 0..1_000 {
            wake(&mut read_budget, &mut 1);
        }
        let (mut queued, mut wakes) = (100_000, 0);
        while queued > 0 {
            wake(&mut read_budget, &mut queued);
            wakes += 1;
        }
        assert!(wakes < 100_000 / 64 + 80, "{wakes}");
    }

    /// With one more batch, because answers may have been answered meanwhile.
    #[test]
    fn some_at_a_time_are_read_together() {
        let mut read_budget = ReadBudget::new();
        for _ in 0..1_000 {
            wake(&mut read_budget, &mut 5);
        }
        for _ in 0..1_000 {
            let (frames, calls, asked) = wake(&mut read_budget, &mut 5);
            assert!(frames == 5 && calls <= 2 && asked <= 12, "{calls} calls for {asked}");
        }
    }

    /// As if client and server share a core and the client runs as soon as the server has answered.
    #[test]
    fn answers_that_are_answered_at_once_take_no_wake_up() {
        let mut read_budget = ReadBudget::new();
        let (mut rounds, mut wakes, mut calls) = (0, 0, 0);
        while rounds < 10_000 {
            wakes += 1;
            read_budget.grant(true);
            loop {
                let asked = read_budget.take();
                if asked == 0 {
                    break;
                }
                read_budget.record(asked, 1);
                (rounds, calls) = (rounds + 1, calls + u32::from(asked));
            }
        }
        assert!(
            wakes < 10_000 / 64 + 20 && calls < rounds + 300,
            "{wakes} wake-ups, {calls} reads"
        );
    }

    #[test]
    fn a_timer_costs_no_read() {
        let mut read_budget = ReadBudget::new();
        assert_eq!(wake(&mut read_budget, &mut 0), (0, 0, 0));
    }

    #[test]
    fn without_a_wait_every_receive_reads() {
        let mut read_budget = ReadBudget::new();
        assert!((0..1_000).all(|_| read_budget.take() == 1));
        read_budget.grant(true);
        assert_eq!(read_budget.take(), 1);
        read_budget.record(1, 1);
        assert_eq!(read_budget.take(), 0, "the grant is over");
        assert_eq!(read_budget.take(), 1, "and it is said once");
        read_budget.record(1, 0);
        assert_eq!(read_budget.take(), 1);
    }
}
