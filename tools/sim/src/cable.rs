//! One direction of a cable, and what goes wrong on it.

use smoltcp::time::{Duration, Instant};

use crate::dice::Dice;

/// What goes wrong; probabilities are per million frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Impairments {
    /// Lost.
    pub loss: u32,
    /// One bit flipped.
    pub corrupt: u32,
    /// Delivered twice.
    pub duplicate: u32,
    /// Held back until others have overtaken it.
    pub reorder: u32,
    /// How long a frame takes.
    pub delay: Duration,
    /// And up to so much longer; frames do not overtake each other for that.
    pub jitter: Duration,
    /// Bytes a second; `None` is as fast as they come.
    pub rate: Option<u64>,
}

impl Impairments {
    /// Both at once: the larger of each.
    pub fn and(self, other: Impairments) -> Impairments {
        Impairments {
            loss: self.loss.max(other.loss),
            corrupt: self.corrupt.max(other.corrupt),
            duplicate: self.duplicate.max(other.duplicate),
            reorder: self.reorder.max(other.reorder),
            delay: self.delay.max(other.delay),
            jitter: self.jitter.max(other.jitter),
            rate: [self.rate, other.rate].into_iter().flatten().min(),
        }
    }
}

/// How far a frame that is held back may fall behind, at the least and at the most.
const HELD_BACK: std::ops::Range<u64> = 100..20_000;

/// Frames that a slow cable queues at most, in time: beyond it they are lost.
const QUEUE: Duration = Duration::from_millis(500);

/// One direction.
#[derive(Clone, Debug)]
pub struct Cable {
    /// When the last frame has left, at the cable's rate.
    idle_at: Instant,
    /// When the last frame that was in order arrives.
    last_at: Instant,
}

impl Cable {
    /// Nothing is on it.
    pub const fn new() -> Cable {
        Cable { idle_at: Instant::ZERO, last_at: Instant::ZERO }
    }

    /// When a frame arrives that is sent now: not at all, once or twice. It may be changed.
    pub fn carry(
        &mut self,
        frame: &mut [u8],
        now: Instant,
        impairments: &Impairments,
        dice: &mut Dice,
    ) -> [Option<Instant>; 2] {
        if dice.chance(impairments.loss) {
            return [None, None];
        }
        if let Some(rate) = impairments.rate {
            let start = self.idle_at.max(now);
            if start - now > QUEUE {
                return [None, None];
            }
            self.idle_at =
                start + Duration::from_micros(frame.len() as u64 * 1_000_000 / rate.max(1));
        } else {
            self.idle_at = now;
        }
        if dice.chance(impairments.corrupt) && !frame.is_empty() {
            let bit = dice.within(0..8 * frame.len() as u64) as usize;
            frame[bit / 8] ^= 1 << (bit % 8);
        }
        let jitter = dice.within(0..impairments.jitter.total_micros() + 1);
        let at = self.idle_at + impairments.delay + Duration::from_micros(jitter);
        let at = if dice.chance(impairments.reorder) {
            at.max(self.last_at) + Duration::from_micros(dice.within(HELD_BACK))
        } else {
            self.last_at = at.max(self.last_at);
            self.last_at
        };
        let again = dice.chance(impairments.duplicate);
        [Some(at), again.then(|| at + Duration::from_micros(dice.within(0..HELD_BACK.end)))]
    }
}

impl Default for Cable {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrivals(impairments: Impairments, frames: u64) -> Vec<Instant> {
        let (mut cable, mut dice) = (Cable::new(), Dice::new(1));
        let sent = (0..frames).map(|n| Instant::from_micros(10 * n as i64));
        sent.flat_map(|at| cable.carry(&mut [0; 1000], at, &impairments, &mut dice))
            .flatten()
            .collect()
    }

    #[test]
    fn a_clean_cable_brings_each_frame_once_and_in_order() {
        let delay = Duration::from_millis(3);
        let arrivals = arrivals(Impairments { delay, ..Impairments::default() }, 100);
        assert_eq!(arrivals.len(), 100);
        assert!(arrivals.is_sorted());
        assert_eq!(arrivals[0], Instant::ZERO + delay);
    }

    #[test]
    fn losses_and_duplicates_are_about_as_many_as_was_said() {
        let lost = arrivals(Impairments { loss: 250_000, ..Impairments::default() }, 10_000);
        assert!((7_200..7_800).contains(&lost.len()), "{}", lost.len());
        let twice = arrivals(Impairments { duplicate: 250_000, ..Impairments::default() }, 10_000);
        assert!((12_200..12_800).contains(&twice.len()), "{}", twice.len());
    }

    #[test]
    fn jitter_keeps_the_order_and_reordering_does_not() {
        let jitter = Duration::from_millis(5);
        assert!(arrivals(Impairments { jitter, ..Impairments::default() }, 1000).is_sorted());
        let reorder = Impairments { reorder: 300_000, ..Impairments::default() };
        assert!(!arrivals(reorder, 1000).is_sorted());
    }

    #[test]
    fn a_slow_cable_takes_its_time_and_drops_what_it_cannot_queue() {
        let rate = Some(1_000_000);
        let arrivals = arrivals(Impairments { rate, ..Impairments::default() }, 10_000);
        // A millisecond a frame, 100 ms of sending, half a second of queue.
        assert!((595..=605).contains(&arrivals.len()), "{}", arrivals.len());
        assert!(arrivals.windows(2).all(|pair| pair[1] - pair[0] >= Duration::from_millis(1)));
    }

    #[test]
    fn one_bit_is_flipped() {
        let (mut cable, mut dice) = (Cable::new(), Dice::new(7));
        let mut frame = [0; 64];
        let corrupt = Impairments { corrupt: 1_000_000, ..Impairments::default() };
        cable.carry(&mut frame, Instant::ZERO, &corrupt, &mut dice);
        assert_eq!(frame.iter().map(|byte| byte.count_ones()).sum::<u32>(), 1);
    }
}
