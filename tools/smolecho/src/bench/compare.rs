//! What has changed since an earlier run.

use std::fs;
use std::path::Path;

use super::figure::Better;
use super::results::Results;
use super::spread::Spread;
use crate::fault::Fault;

/// Fewer rounds than this do not tell how far they lie apart.
const ROUNDS: usize = 3;

/// A figure, then and now.
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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Each median is among the other's rounds.
    Noise,
    Better,
    Worse,
    TooFewRounds,
}

/// The results that a file holds.
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

/// Of every figure that both have.
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
