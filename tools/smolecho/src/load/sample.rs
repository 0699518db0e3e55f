//! What one run of a load brought.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Sample {
    /// Round trips, connections, or bytes.
    pub(crate) done: u64,
    pub(crate) lost: u64,
    pub(crate) seconds: f64,
    /// The server's, in seconds; if it is ours to look at.
    pub(crate) cpu: Option<f64>,
    /// System calls of the server, where they were counted.
    pub(crate) calls: Option<u64>,
    /// How often the server went to sleep of its own accord.
    pub(crate) sleeps: Option<u64>,
    /// Nanoseconds, and how many took so long.
    pub(crate) latency: Vec<(u64, u64)>,
    /// Bytes a second, one figure for each slice of the time.
    pub(crate) series: Vec<f64>,
}

/// Times in nanoseconds, to three digits.
pub(crate) struct Latency(Histogram<u64>);

impl Latency {
    pub(crate) fn new() -> Latency {
        // It grows with the times. Three digits are always possible.
        Latency(Histogram::new(3).unwrap_or_else(|_| unreachable!()))
    }

    pub(crate) fn of(pairs: &[(u64, u64)]) -> Latency {
        let mut latency = Latency::new();
        for (nanos, count) in pairs {
            let _ = latency.0.record_n(*nanos, *count);
        }
        latency
    }

    pub(crate) fn record(&mut self, time: Duration) {
        let _ = self.0.record(nanos(time));
    }

    /// With the requests that were not sent, because this one held them up: they would have waited, too
    /// (coordinated omission).
    pub(crate) fn record_paced(&mut self, time: Duration, interval: Duration) {
        let _ = self.0.record_correct(nanos(time), nanos(interval));
    }

    pub(crate) fn count(&self) -> u64 {
        self.0.len()
    }

    /// Nanoseconds that so many percent of them did not exceed.
    pub(crate) fn percentile(&self, percent: f64) -> u64 {
        self.0.value_at_percentile(percent)
    }

    pub(crate) fn pairs(&self) -> Vec<(u64, u64)> {
        self.0
            .iter_recorded()
            .map(|it| (it.value_iterated_to(), it.count_since_last_iteration()))
            .collect()
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_holds_the_next_requests_up_has_made_them_wait() {
        let (second, interval) = (Duration::from_secs(1), Duration::from_millis(100));
        let mut paced = Latency::new();
        (0..90).for_each(|_| paced.record_paced(Duration::from_millis(1), interval));
        paced.record_paced(second, interval);
        // Ten in that second: they waited for 1 s, 900 ms, 800 ms and so on.
        assert_eq!(paced.count(), 100);
        let millis = |percent| Duration::from_nanos(paced.percentile(percent)).as_millis();
        assert_eq!([90.0, 91.0, 95.0, 100.0].map(millis), [1, 100, 500, 1000]);

        let mut unpaced = Latency::new();
        unpaced.record(second);
        assert_eq!(unpaced.count(), 1);
    }
}
