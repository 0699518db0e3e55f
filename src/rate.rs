//! Token buckets.

use smoltcp::time::Instant;

/// A sustained rate and a burst.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Sustained rate: datagrams per second; at least 1.
    pub per_second: u32,
    /// Datagrams accepted at once after a pause; at least 1.
    pub burst: u32,
}

/// Holds microseconds times tokens per second, so that nothing is rounded.
#[derive(Clone, Copy)]
pub(crate) struct TokenBucket {
    level: u64,
    at: Instant,
}

const TOKEN: u64 = 1_000_000;

impl TokenBucket {
    pub(crate) const FULL: TokenBucket = TokenBucket { level: u64::MAX, at: Instant::ZERO };

    /// Takes a token if there is one.
    #[inline(never)]
    pub(crate) fn take(&mut self, rate: Rate, now: Instant) -> bool {
        let waited =
            u64::try_from((now.total_micros() - self.at.total_micros()).max(0)).unwrap_or(0);
        let gained = waited.saturating_mul(u64::from(rate.per_second));
        self.at = now;
        self.level = self.level.saturating_add(gained).min(TOKEN * u64::from(rate.burst));
        match self.level.checked_sub(TOKEN) {
            Some(rest) => {
                self.level = rest;
                true
            }
            None => false,
        }
    }
}
