//! What is measured: each figure is a load, and what is told of it.

use serde::{Deserialize, Serialize};

use super::options::Bench;
use super::peer::{HELD, MANY};
use crate::args::names::{self, is_named};
use crate::fault::Fault;
use crate::load::sample::{Latency, Sample};
use crate::load::scene::{LARGE, Load, SMALL};

#[derive(Debug)]
pub(super) struct Figure {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    pub(super) load: Load,
    pub(super) value: Value,
    /// How many times as long as the others.
    pub(super) weight: u32,
}

/// What a sample says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// Half of the round trips took no longer.
    Median,
    /// Ninety-nine of a hundred took no longer.
    Tail,
    /// How many a second.
    Rate,
    /// Bytes a second.
    Throughput,
    /// The server's processor time for each.
    CpuEach,
    /// The server's system calls for each.
    CallsEach,
    /// The same for a MiB.
    CallsPerMebi,
    /// How often the server went to sleep, and so was woken.
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
            Value::Median | Value::Tail | Value::CpuEach => "µs",
            Value::Rate => "k/s",
            Value::Throughput => "MB/s",
            Value::CallsEach => "calls",
            Value::CallsPerMebi => "calls/MiB",
            Value::Wakes => "/s",
        }
    }

    pub(super) fn better(self) -> Better {
        match self {
            Value::Rate | Value::Throughput => Better::Higher,
            _ => Better::Lower,
        }
    }

    /// Whether the server's system calls are to be counted.
    pub(super) fn counts_calls(self) -> bool {
        matches!(self, Value::CallsEach | Value::CallsPerMebi)
    }

    /// None where nothing was done, or the server is not ours to look at.
    pub(super) fn of(self, sample: &Sample) -> Option<f64> {
        let each = |total: f64| (sample.done > 0).then(|| total / sample.done as f64);
        let percentile = |percent| {
            let latency = Latency::of(&sample.latency);
            (latency.count() > 0).then(|| latency.percentile(percent) as f64 / 1e3)
        };
        match self {
            Value::Median => percentile(50.0),
            Value::Tail => percentile(99.0),
            Value::Rate => Some(sample.done as f64 / sample.seconds / 1e3),
            Value::Throughput => Some(sample.done as f64 / sample.seconds / 1e6),
            Value::CpuEach => each(sample.cpu? * 1e6),
            Value::CallsEach => each(sample.calls? as f64),
            Value::CallsPerMebi => each(sample.calls? as f64 * f64::from(1 << 20)),
            Value::Wakes => Some(sample.sleeps? as f64 / sample.seconds),
        }
    }
}

pub(super) const FIGURES: &[Figure] = &[
    figure(
        "tcp-rtt-14",
        "TCP round trip, 14 bytes",
        Load::TcpRoundTrips { bytes: SMALL },
        Value::Median,
    ),
    figure(
        "tcp-rtt-1024",
        "TCP round trip, 1024 bytes",
        Load::TcpRoundTrips { bytes: LARGE },
        Value::Median,
    ),
    figure(
        "tcp-paced",
        "TCP round trip at 2,000 a second, 99th percentile",
        Load::TcpPaced { per_second: 2000 },
        Value::Tail,
    ),
    figure(
        "udp-rtt-14",
        "UDP round trip, 14 bytes",
        Load::UdpRoundTrips { bytes: SMALL },
        Value::Median,
    ),
    figure(
        "udp-rtt-1024",
        "UDP round trip, 1024 bytes",
        Load::UdpRoundTrips { bytes: LARGE },
        Value::Median,
    ),
    figure(
        "udp-window-32",
        "UDP datagrams, 32 in flight",
        Load::UdpWindow { in_flight: 32 },
        Value::Rate,
    ),
    figure("bulk", "bulk echo, both ways at once", Load::Bulk, Value::Throughput),
    many("connections-1", "1 connection, ping-pong", 1),
    many("connections-8", "8 connections, ping-pong", 8),
    many("connections-64", "64 connections, ping-pong", 64),
    many("connections-256", "256 connections, ping-pong", 256),
    many("connections-1000", "1,000 connections, ping-pong", MANY),
    Figure {
        weight: 4,
        ..figure(
            "connects-1",
            "connect – echo – close, 1 client",
            Load::Connects { clients: 1 },
            Value::Rate,
        )
    },
    Figure {
        weight: 4,
        ..figure(
            "connects-8",
            "connect – echo – close, 8 clients",
            Load::Connects { clients: 8 },
            Value::Rate,
        )
    },
    figure("discard", "discard (RFC 863)", Load::Discard, Value::Throughput),
    figure("chargen", "chargen (RFC 864)", Load::Chargen, Value::Throughput),
    figure(
        "tcp-calls",
        "system calls of a TCP round trip",
        Load::TcpRoundTrips { bytes: SMALL },
        Value::CallsEach,
    ),
    figure(
        "udp-calls",
        "system calls of a UDP round trip",
        Load::UdpRoundTrips { bytes: SMALL },
        Value::CallsEach,
    ),
    figure("bulk-calls", "system calls of a MiB of bulk echo", Load::Bulk, Value::CallsPerMebi),
    figure(
        "held-1",
        "server CPU of a round trip, 1 connection",
        Load::Held { connections: 1, in_turn: false },
        Value::CpuEach,
    ),
    figure(
        "held-10000",
        "server CPU of a round trip, one of 10,000 active",
        Load::Held { connections: HELD, in_turn: false },
        Value::CpuEach,
    ),
    figure(
        "turn-10000",
        "server CPU of a round trip, 10,000 in turn",
        Load::Held { connections: HELD, in_turn: true },
        Value::CpuEach,
    ),
    figure(
        "idle-10000",
        "wake-ups with 10,000 idle connections",
        Load::Idle { connections: HELD },
        Value::Wakes,
    ),
];

const fn figure(name: &'static str, about: &'static str, load: Load, value: Value) -> Figure {
    Figure { name, about, load, value, weight: 1 }
}

const fn many(name: &'static str, about: &'static str, count: usize) -> Figure {
    figure(name, about, Load::Connections { count }, Value::Rate)
}

/// Those that the command line asks for.
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
    fn a_figure_says_what_its_sample_holds() {
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
        assert_eq!(of(Value::Median), Some(1.0));
        assert_eq!(of(Value::Tail), Some(50.0));
        assert_eq!(of(Value::Rate), Some(4.0));
        assert_eq!(of(Value::CpuEach), Some(5.0));
        assert_eq!(of(Value::CallsEach), Some(3.0));
        assert_eq!(of(Value::CallsPerMebi), Some(3.0 * 1_048_576.0));
        assert_eq!(of(Value::Wakes), Some(6.0));
        assert_eq!(Value::Median.of(&Sample::default()), None);
        assert_eq!(Value::CpuEach.of(&Sample { done: 1, ..Sample::default() }), None);
    }
}
