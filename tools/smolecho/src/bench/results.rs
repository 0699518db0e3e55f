//! The results of a run.

use serde::{Deserialize, Serialize};

use super::figure::{Better, Figure};
use super::machine::Machine;
use super::spread::Spread;
use crate::load::sample::{Latency, Sample};
use crate::load::scene::Load;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Results {
    pub(super) smolecho: String,
    /// Missing in files of older versions.
    #[serde(default)]
    pub(super) smoltcp: String,
    /// UTC.
    pub(super) date: String,
    pub(super) command: String,
    pub(super) machine: Machine,
    pub(super) rounds: u16,
    pub(super) milliseconds: u64,
    pub(super) two_cores: bool,
    /// Whether the run was not interrupted.
    pub(super) complete: bool,
    /// Services that a peer lacks, and why.
    pub(super) notes: Vec<String>,
    pub(super) peers: Vec<Named>,
    #[serde(default)]
    pub(super) ratios: Vec<Ratio>,
    pub(super) figures: Vec<Row>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Named {
    pub(super) name: String,
    pub(super) about: String,
}

/// A figure of ours divided by another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Ratio {
    pub(super) figure: String,
    pub(super) about: String,
    pub(super) peer: String,
    /// The other peer, or what distinguishes the other figure.
    pub(super) of: String,
    pub(super) value: Spread,
}

/// A figure of every peer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Row {
    pub(super) name: String,
    pub(super) about: String,
    pub(super) unit: String,
    pub(super) better: Better,
    /// Whether `done` counts bytes.
    pub(super) bytes: bool,
    pub(super) cells: Vec<Cell>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Cell {
    pub(super) peer: String,
    pub(super) value: Option<Spread>,
    /// The value of each round.
    pub(super) rounds: Vec<f64>,
    /// Round trips, connections or bytes in all rounds.
    pub(super) done: u64,
    pub(super) lost: u64,
    /// CPU time of the server for each of `done`, in microseconds.
    pub(super) cpu_each: Option<f64>,
    /// Percentiles of the round trip times: percent, microseconds.
    pub(super) percentiles: Vec<(f64, f64)>,
    /// Round trip times: nanoseconds, count.
    pub(super) latency: Vec<(u64, u64)>,
    /// Bytes per second in each slice of the last round.
    pub(super) series: Vec<f64>,
    /// Why there is no figure.
    pub(super) failed: Option<String>,
    #[serde(skip)]
    pub(super) cpu: f64,
}

const PERCENTILES: [f64; 6] = [50.0, 90.0, 99.0, 99.9, 99.99, 100.0];

impl Results {
    pub(super) fn row(&self, figure: &str) -> Option<&Row> {
        self.figures.iter().find(|row| row.name == figure)
    }

    pub(super) fn failures(&self) -> impl Iterator<Item = (&Row, &Cell, &str)> {
        let cells = self.figures.iter().flat_map(|row| row.cells.iter().map(move |it| (row, it)));
        cells.filter_map(|(row, cell)| Some((row, cell, cell.failed.as_deref()?)))
    }
}

impl Row {
    pub(super) fn new(figure: &Figure) -> Row {
        Row {
            name: figure.name.into(),
            about: figure.about.into(),
            unit: figure.value.unit().into(),
            better: figure.value.better(),
            bytes: matches!(figure.load, Load::Bulk | Load::Discard | Load::Chargen),
            cells: Vec::new(),
        }
    }

    pub(super) fn cell(&self, peer: &str) -> Option<&Cell> {
        self.cells.iter().find(|cell| cell.peer == peer)
    }

    /// The cell of this peer, created if missing.
    pub(super) fn cell_of(&mut self, peer: &str) -> &mut Cell {
        let at = self.cells.iter().position(|cell| cell.peer == peer).unwrap_or_else(|| {
            self.cells.push(Cell { peer: peer.into(), ..Cell::default() });
            self.cells.len() - 1
        });
        &mut self.cells[at]
    }
}

impl Cell {
    /// Adds a round.
    pub(super) fn add(&mut self, figure: &Figure, sample: &Sample) {
        let Some(value) = figure.value.of(sample) else {
            self.failed = Some("no result".into());
            return;
        };
        self.rounds.push(rounded(value));
        self.value = Spread::of(self.rounds.iter().copied());
        self.done += sample.done;
        self.lost += sample.lost;
        if let Some(cpu) = sample.cpu.filter(|_| sample.done > 0) {
            self.cpu += cpu;
            self.cpu_each = Some(rounded(self.cpu * 1e6 / self.done as f64));
        }
        if !sample.latency.is_empty() {
            self.latency.extend(&sample.latency);
            let latency = Latency::of(&self.latency);
            self.latency = latency.pairs();
            let micros = |percent| rounded(latency.percentile(percent) as f64 / 1e3);
            self.percentiles = PERCENTILES.map(|percent| (percent, micros(percent))).into();
        }
        if !sample.series.is_empty() {
            self.series = sample.series.iter().map(|rate| rate.round()).collect();
        }
    }
}

/// Rounds to four significant digits, the precision of the measurement.
fn rounded(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    let scale = 10_f64.powi(3 - value.abs().log10().floor() as i32);
    (value * scale).round() / scale
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_digits_are_kept() {
        for (value, expected) in [(8.76543, 8.765), (123_456.0, 123_500.0), (0.0, 0.0)] {
            assert_eq!(rounded(value), expected);
        }
    }
}
