//! Comparison with an earlier run.

use std::fs;
use std::path::Path;

use super::figure::Better;
use super::results::Results;
use super::spread::Spread;
use crate::fault::Fault;

/// The fewest rounds whose spread means anything.
const ROUNDS: usize = 3;

/// A figure in the earlier run and in this one.
#[derive(Debug, PartialEq)]
pub(super) struct Change {
    pub(super) figure: String,
    pub(super) about: String,
    pub(super) peer: String,
    pub(super) unit: String,
    pub(super) before: Spread,
    pub(super) after: Spread,
    pub(super) kind: Kind,
}

impl Change {
    /// The change in percent. `None` if the earlier median was zero.
    pub(super) fn percent(&self) -> Option<f64> {
        let percent = (self.after.median / self.before.median - 1.0) * 100.0;
        percent.is_finite().then_some(percent)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// One median lies within the spread of the other.
    Noise,
    Better,
    Worse,
    TooFewRounds,
}

/// Reads the results of an earlier run.
pub(super) fn read(path: &Path) -> Result<Results, Fault> {
    let problem = |error: &dyn std::fmt::Display| {
        Fault::usage(format!(
            "--compare {}: {error}; a file that bench --json wrote would do",
            path.display()
        ))
    };
    let text = fs::read_to_string(path).map_err(|error| problem(&error))?;
    serde_json::from_str(&text).map_err(|error| problem(&error))
}

/// The changes of all figures that both runs have.
pub(super) fn changes(old: &Results, new: &Results) -> Vec<Change> {
    let mut changes = Vec::new();
    for row in &new.figures {
        let Some(old_row) = old.row(&row.name) else { continue };
        for cell in &row.cells {
            let old_cell = old_row.cell(&cell.peer);
            let (Some(after), Some((before, old_cell))) =
                (cell.value, old_cell.and_then(|old| Some((old.value?, old))))
            else {
                continue;
            };
            let kind = match row.better {
                _ if cell.rounds.len().min(old_cell.rounds.len()) < ROUNDS => Kind::TooFewRounds,
                _ if before.agrees_with(&after) => Kind::Noise,
                Better::Lower if after.median < before.median => Kind::Better,
                Better::Higher if after.median > before.median => Kind::Better,
                _ => Kind::Worse,
            };
            changes.push(Change {
                figure: row.name.clone(),
                about: row.about.clone(),
                peer: cell.peer.clone(),
                unit: row.unit.clone(),
                before,
                after,
                kind,
            });
        }
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::figure::FIGURES;
    use crate::bench::machine::Machine;
    use crate::bench::results::{Cell, Row};

    /// Results with one figure of these rounds.
    fn results(figure: &str, rounds: &[f64]) -> Results {
        let figure = FIGURES.iter().find(|it| it.name == figure).expect("a figure");
        let mut row = Row::new(figure);
        row.cells.push(Cell {
            peer: "kernel".into(),
            value: Spread::of(rounds.iter().copied()),
            rounds: rounds.to_vec(),
            ..Cell::default()
        });
        Results {
            smolecho: String::new(),
            smoltcp: String::new(),
            date: String::new(),
            command: String::new(),
            machine: Machine::this(),
            rounds: 5,
            milliseconds: 1,
            two_cores: false,
            complete: true,
            notes: Vec::new(),
            peers: Vec::new(),
            ratios: Vec::new(),
            figures: vec![row],
        }
    }

    fn kind(figure: &str, old: &[f64], new: &[f64]) -> Option<Kind> {
        changes(&results(figure, old), &results(figure, new)).first().map(|it| it.kind)
    }

    #[test]
    fn the_same_is_noise() {
        let rounds = [9.0, 8.0, 8.5, 8.1, 12.0];
        assert_eq!(kind("tcp-rtt-14", &rounds, &rounds), Some(Kind::Noise));
        let one_more = [8.2, 8.3, 12.5];
        assert_eq!(kind("tcp-rtt-14", &rounds, &one_more), Some(Kind::Noise));
    }

    #[test]
    fn outside_the_noise_is_better_or_worse() {
        let (low, high) = ([8.0, 8.5, 9.0], [10.0, 11.0, 12.0]);
        assert_eq!(kind("tcp-rtt-14", &low, &high), Some(Kind::Worse));
        assert_eq!(kind("tcp-rtt-14", &high, &low), Some(Kind::Better));
        assert_eq!(kind("bulk", &low, &high), Some(Kind::Better));
        assert_eq!(kind("bulk", &high, &low), Some(Kind::Worse));
    }

    #[test]
    fn two_rounds_are_too_few() {
        assert_eq!(kind("bulk", &[1.0, 1.1], &[2.0, 2.1, 2.2]), Some(Kind::TooFewRounds));
        assert_eq!(changes(&results("bulk", &[1.0; 3]), &results("tcp-rtt-14", &[1.0; 3])), []);
    }

    #[test]
    fn results_are_read_back_from_json() {
        let results = results("tcp-rtt-14", &[1.0, 2.0, 3.0]);
        let json = serde_json::to_string(&results).expect("JSON");
        assert_eq!(serde_json::from_str::<Results>(&json).expect("the same"), results);
    }
}
