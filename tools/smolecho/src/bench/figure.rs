//! The figures: each is a load and one value of its sample.

use serde::{Deserialize, Serialize};

use super::options::Bench;
use super::peer::{HELD, MANY};
use crate::args::names::{self, is_named};
use crate::fault::Fault;
use crate::load::sample::{Latency, Sample};
use crate::load::scene::{LARGE, Load, SMALL};

use Load::{Bulk, Chargen, Discard, Held, Idle, TcpPaced, TcpRoundTrips, UdpRoundTrips, UdpWindow};
use Value::{CallsEach, CallsPerMebi, CpuEach, Median, Rate, Tail, Throughput, Wakes};

#[derive(Debug)]
pub(super) struct Figure {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    pub(super) load: Load,
    pub(super) value: Value,
    /// Multiplies the time of a round.
    pub(super) weight: u32,
}

/// A value of a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// The median of the round trip times.
    Median,
    /// The 99th percentile of the round trip times.
    Tail,
    /// Thousands per second.
    Rate,
    /// Megabytes per second.
    Throughput,
    /// CPU time of the server for each.
    CpuEach,
    /// System calls of the server for each.
    CallsEach,
    /// System calls of the server per MiB.
    CallsPerMebi,
    /// Voluntary context switches of the server per second.
    Wakes,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Better {
    Lower,
    Higher,
}

impl Value {
    pub(super) fn unit(self) -> &'static str {
        match self {
            Median | Tail | CpuEach => "µs",
            Rate => "k/s",
            Throughput => "MB/s",
            CallsEach => "calls",
            CallsPerMebi => "calls/MiB",
            Wakes => "/s",
        }
    }

    pub(super) fn better(self) -> Better {
        match self {
            Rate | Throughput => Better::Higher,
            _ => Better::Lower,
        }
    }

    /// Whether the meter counts the server's system calls.
    pub(super) fn counts_calls(self) -> bool {
        matches!(self, CallsEach | CallsPerMebi)
    }

    /// The value. `None` if nothing was done, or the server is not a process of ours.
    pub(super) fn of(self, sample: &Sample) -> Option<f64> {
        let each = |total: f64| (sample.done > 0).then(|| total / sample.done as f64);
        let percentile = |percent| {
            let latency = Latency::of(&sample.latency);
            (latency.count() > 0).then(|| latency.percentile(percent) as f64 / 1e3)
        };
        match self {
            Median => percentile(50.0),
            Tail => percentile(99.0),
            Rate => Some(sample.done as f64 / sample.seconds / 1e3),
            Throughput => Some(sample.done as f64 / sample.seconds / 1e6),
            CpuEach => each(sample.cpu? * 1e6),
            CallsEach => each(sample.calls? as f64),
            CallsPerMebi => each(sample.calls? as f64 * f64::from(1 << 20)),
            Wakes => Some(sample.sleeps? as f64 / sample.seconds),
        }
    }
}

pub(super) const FIGURES: &[Figure] = &[
    figure("tcp-rtt-14", "TCP round trip, 14 bytes", TcpRoundTrips { bytes: SMALL }, Median),
    figure("tcp-rtt-1024", "TCP round trip, 1024 bytes", TcpRoundTrips { bytes: LARGE }, Median),
    figure(
        "tcp-paced",
        "TCP round trip at 2,000 per second, 99th percentile",
        TcpPaced { per_second: 2000 },
        Tail,
    ),
    figure("udp-rtt-14", "UDP round trip, 14 bytes", UdpRoundTrips { bytes: SMALL }, Median),
    figure("udp-rtt-1024", "UDP round trip, 1024 bytes", UdpRoundTrips { bytes: LARGE }, Median),
    figure("udp-window-32", "UDP datagrams, 32 in flight", UdpWindow { in_flight: 32 }, Rate),
    figure("bulk", "bulk echo, both ways at once", Bulk, Throughput),
    many("connections-1", "1 connection, ping-pong", 1),
    many("connections-8", "8 connections, ping-pong", 8),
    many("connections-64", "64 connections, ping-pong", 64),
    many("connections-256", "256 connections, ping-pong", 256),
    many("connections-1000", "1,000 connections, ping-pong", MANY),
    connects("connects-1", "connect – echo – close, 1 client", 1),
    connects("connects-8", "connect – echo – close, 8 clients", 8),
    figure("discard", "discard (RFC 863)", Discard, Throughput),
    figure("chargen", "chargen (RFC 864)", Chargen, Throughput),
    figure(
        "tcp-calls",
        "system calls per TCP round trip",
        TcpRoundTrips { bytes: SMALL },
        CallsEach,
    ),
    figure(
        "udp-calls",
        "system calls per UDP round trip",
        UdpRoundTrips { bytes: SMALL },
        CallsEach,
    ),
    figure("bulk-calls", "system calls per MiB of bulk echo", Bulk, CallsPerMebi),
    figure(
        "held-1",
        "server CPU per round trip, 1 connection",
        Held { connections: 1, in_turn: false },
        CpuEach,
    ),
    figure(
        "held-10000",
        "server CPU per round trip, one of 10,000 active",
        Held { connections: HELD, in_turn: false },
        CpuEach,
    ),
    figure(
        "turn-10000",
        "server CPU per round trip, 10,000 in turn",
        Held { connections: HELD, in_turn: true },
        CpuEach,
    ),
    figure(
        "idle-10000",
        "wake-ups with 10,000 idle connections",
        Idle { connections: HELD },
        Wakes,
    ),
];

const fn figure(name: &'static str, about: &'static str, load: Load, value: Value) -> Figure {
    Figure { name, about, load, value, weight: 1 }
}

const fn many(name: &'static str, about: &'static str, count: usize) -> Figure {
    figure(name, about, Load::Connections { count }, Rate)
}

const fn connects(name: &'static str, about: &'static str, clients: usize) -> Figure {
    Figure { weight: 4, ..figure(name, about, Load::Connects { clients }, Rate) }
}

/// The figures that `--only` names, or all.
pub(super) fn chosen(options: &Bench) -> Result<Vec<&'static Figure>, Fault> {
    names::check("--only", &options.only, "figure", FIGURES.iter().map(|figure| figure.name))?;
    let is_asked = |figure: &&Figure| {
        options.only.is_empty() || options.only.iter().any(|name| is_named(figure.name, name))
    };
    Ok(FIGURES.iter().filter(is_asked).collect())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique() {
        let names: BTreeSet<_> = FIGURES.iter().map(|figure| figure.name).collect();
        assert_eq!(names.len(), FIGURES.len());
    }

    #[test]
    fn a_figure_is_a_value_of_its_sample() {
        let sample = Sample {
            done: 2000,
            seconds: 0.5,
            cpu: Some(0.01),
            calls: Some(6000),
            sleeps: Some(3),
            latency: vec![(1000, 98), (50_000, 2)],
            ..Sample::default()
        };
        let of = |value: Value| value.of(&sample).map(|it| (it * 10.0).round() / 10.0);
        assert_eq!(of(Median), Some(1.0));
        assert_eq!(of(Tail), Some(50.0));
        assert_eq!(of(Rate), Some(4.0));
        assert_eq!(of(CpuEach), Some(5.0));
        assert_eq!(of(CallsEach), Some(3.0));
        assert_eq!(of(CallsPerMebi), Some(3.0 * 1_048_576.0));
        assert_eq!(of(Wakes), Some(6.0));
        assert_eq!(Median.of(&Sample::default()), None);
        assert_eq!(CpuEach.of(&Sample { done: 1, ..Sample::default() }), None);
    }
}
