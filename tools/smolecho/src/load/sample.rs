//! The outcome of one run of a load.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Sample {
    /// Round trips, connections, or bytes.
    pub(crate) done: u64,
    pub(crate) lost: u64,
    pub(crate) seconds: f64,
    /// CPU time of the server in seconds; `None` if it is not a process of ours.
    pub(crate) cpu: Option<f64>,
    /// System calls of the server, if counted.
    pub(crate) calls: Option<u64>,
    /// Voluntary context switches of the server.
    pub(crate) sleeps: Option<u64>,
    /// Round trip times: nanoseconds, count.
    pub(crate) latency: Vec<(u64, u64)>,
    /// Bytes per second, for each slice of the time.
    pub(crate) series: Vec<f64>,
}

/// Round trip times in nanoseconds, to three digits.
pub(crate) struct Latency(Histogram<u64>);

impl Latency {
    pub(crate) fn new() -> Latency {
        // The histogram resizes itself; three digits are always valid.
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

    /// Also records the requests that this one delayed (coordinated omission).
    pub(crate) fn record_paced(&mut self, time: Duration, interval: Duration) {
        let _ = self.0.record_correct(nanos(time), nanos(interval));
    }

    pub(crate) fn count(&self) -> u64 {
        self.0.len()
    }

    /// The percentile in nanoseconds.
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
    fn a_slow_request_counts_for_those_it_delays() {
        let (second, interval) = (Duration::from_secs(1), Duration::from_millis(100));
        let mut paced = Latency::new();
        (0..90).for_each(|_| paced.record_paced(Duration::from_millis(1), interval));
        paced.record_paced(second, interval);
        // 10 in that second: they waited 1 s, 900 ms, 800 ms and so on.
        assert_eq!(paced.count(), 100);
        let millis = |percent| Duration::from_nanos(paced.percentile(percent)).as_millis();
        assert_eq!([90.0, 91.0, 95.0, 100.0].map(millis), [1, 100, 500, 1000]);

        let mut unpaced = Latency::new();
        unpaced.record(second);
        assert_eq!(unpaced.count(), 1);
    }
}
