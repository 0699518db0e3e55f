//! A station's clock.

use smoltcp::time::{Duration, Instant};

/// A monotonic clock that may run fast or slow, and jump forward.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    /// World time of the last change, and what the clock showed then.
    since: Instant,
    showed: Instant,
    /// Parts per million by which the clock is fast; negative if it is slow.
    ppm: i32,
}

impl Clock {
    /// Shows the world's time.
    pub(crate) const RIGHT: Clock = Clock { since: Instant::ZERO, showed: Instant::ZERO, ppm: 0 };

    /// What the clock shows at this world time.
    pub(crate) fn shows(&self, now: Instant) -> Instant {
        if self.ppm == 0 {
            return self.showed + (now - self.since);
        }
        let elapsed = (now - self.since).total_micros();
        let drift = elapsed as i128 * i128::from(self.ppm) / 1_000_000;
        self.showed + Duration::from_micros((i128::from(elapsed) + drift).max(0) as u64)
    }

    /// The earliest world time, `now` or later, at which the clock shows `at` or more.
    pub(crate) fn when_it_shows(&self, at: Instant, now: Instant) -> Instant {
        let shows = self.shows(now);
        if at <= shows {
            return now;
        }
        let left = i128::from((at - shows).total_micros());
        // Rounded up, with one microsecond more because `shows` rounds down.
        let left = left * 1_000_000 / i128::from(1_000_000 + self.ppm) + 2;
        now + Duration::from_micros(left as u64)
    }

    /// Jumps forward.
    pub(crate) fn leap(&mut self, now: Instant, by: Duration) {
        self.set(now, self.ppm);
        self.showed += by;
    }

    /// Runs at another rate from now on.
    pub(crate) fn set(&mut self, now: Instant, ppm: i32) {
        self.showed = self.shows(now);
        self.since = now;
        self.ppm = ppm;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_shows_at_the_instant_that_it_names() {
        for ppm in [-500, 0, 1, 500, 200_000] {
            let mut clock = Clock::RIGHT;
            clock.set(Instant::from_secs(3), ppm);
            clock.leap(Instant::from_secs(5), Duration::from_secs(7));
            let now = Instant::from_millis(5_123);
            let at = clock.shows(now) + Duration::from_micros(1_234_567);
            let when = clock.when_it_shows(at, now);
            assert!(clock.shows(when) >= at, "{ppm}");
            assert!(clock.shows(when - Duration::from_micros(4)) <= at, "{ppm}");
        }
    }
}
