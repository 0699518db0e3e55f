//! One direction of a cable, and its impairments.

use smoltcp::time::{Duration, Instant};

use crate::dice::Dice;

/// Impairments of a cable; probabilities are per million frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Impairments {
    /// The frame is lost.
    pub loss: u32,
    /// One bit is flipped.
    pub corrupt: u32,
    /// The frame arrives twice.
    pub duplicate: u32,
    /// The frame is held back, so that later ones overtake it.
    pub reorder: u32,
    /// Latency of each frame.
    pub delay: Duration,
    /// Greatest additional latency; it keeps the order.
    pub jitter: Duration,
    /// Bytes per second; `None` is unlimited, and 0 counts as 1.
    pub rate: Option<u64>,
}

impl Impairments {
    /// Both at once: the worse of each impairment.
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

/// A perfect cable.
pub(crate) const NONE: Impairments = Impairments {
    loss: 0,
    corrupt: 0,
    duplicate: 0,
    reorder: 0,
    delay: Duration::ZERO,
    jitter: Duration::ZERO,
    rate: None,
};

/// Microseconds by which a frame is held back.
const HELD_BACK: std::ops::Range<u64> = 100..20_000;

/// Queueing delay of a slow cable beyond which frames are lost.
const QUEUE: Duration = Duration::from_millis(500);

/// One direction.
#[derive(Clone, Debug)]
pub struct Cable {
    /// End of the last transmission, at the cable's rate.
    idle_at: Instant,
    /// Arrival of the last frame in order.
    last_at: Instant,
}

impl Cable {
    /// An idle cable.
    pub const fn new() -> Cable {
        Cable { idle_at: Instant::ZERO, last_at: Instant::ZERO }
    }

    /// Arrival times of a frame that is sent now: none, one or two. The frame may be changed.
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
