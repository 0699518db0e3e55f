//! The project's own goals beside a run of `smolecho bench`. They are reported, never asserted: a time depends on the
//! machine.

use std::fs;
use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::run::{Outcome, root};

#[derive(Deserialize)]
struct Goals {
    goals: Vec<Goal>,
}

/// A bound on a figure of `peer`; `tools/goals.toml` describes the fields.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Goal {
    figure: String,
    peer: String,
    of: Option<String>,
    #[serde(default)]
    lost: bool,
    at_most: Option<f64>,
    at_least: Option<f64>,
}

/// What `smolecho bench --json` writes, as far as goals need it.
#[derive(Deserialize)]
struct Results {
    figures: Vec<Figure>,
}

#[derive(Deserialize)]
struct Figure {
    name: String,
    cells: Vec<Cell>,
}

#[derive(Deserialize)]
struct Cell {
    peer: String,
    rounds: Vec<f64>,
    lost: u64,
}

/// Reports each goal that the results in `file` can judge.
pub(crate) fn report(file: &str) -> Outcome {
    let results: Results = read(Path::new(file), |text| serde_json::from_str(text))?;
    for goal in goals()? {
        let of = goal.of.as_deref().map(|of| format!(" / {of}")).unwrap_or_default();
        let kind = if goal.lost { ", lost" } else { "" };
        let name = format!("{} {}{of}{kind}", goal.figure, goal.peer);
        let (relation, bound) = goal.bound();
        match goal.measured(&results) {
            None => println!("{name:48} not measured"),
            Some(value) => {
                let missed = if goal.is_met(value) { "" } else { "  missed" };
                println!("{name:48}{value:8.2} {relation} {bound}{missed}");
            }
        }
    }
    Ok(())
}

fn goals() -> Outcome<Vec<Goal>> {
    read::<Goals, _>(&root().join("tools/goals.toml"), |text| toml::from_str(text))
        .map(|it| it.goals)
}

fn read<T: DeserializeOwned, E: ToString>(
    path: &Path,
    parse: impl Fn(&str) -> Result<T, E>,
) -> Outcome<T> {
    let failed = |error: String| format!("{}: {error}", path.display());
    let text = fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
    parse(&text).map_err(|error| failed(error.to_string()))
}

impl Results {
    fn cell(&self, figure: &str, peer: &str) -> Option<&Cell> {
        let figure = self.figures.iter().find(|it| it.name == figure)?;
        figure.cells.iter().find(|it| it.peer == peer)
    }
}

impl Goal {
    fn bound(&self) -> (&'static str, f64) {
        self.at_most.map_or(("≥", self.at_least.unwrap_or(f64::NAN)), |most| ("≤", most))
    }

    fn is_met(&self, value: f64) -> bool {
        match self.bound() {
            ("≤", bound) => value <= bound,
            (_, bound) => value >= bound,
        }
    }

    fn measured(&self, results: &Results) -> Option<f64> {
        let cell = results.cell(&self.figure, &self.peer)?;
        if self.lost {
            return Some(cell.lost as f64);
        }
        let Some(of) = &self.of else { return median(cell.rounds.clone()) };
        let other = results.cell(&self.figure, of).or_else(|| results.cell(of, &self.peer))?;
        median(cell.rounds.iter().zip(&other.rounds).map(|(a, b)| a / b).collect())
    }
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let (low, high) = (values.len().checked_sub(1)? / 2, values.len() / 2);
    Some(f64::midpoint(values[low], values[high]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_goal_has_one_bound() {
        for goal in goals().expect("tools/goals.toml") {
            assert!(
                goal.at_most.is_some() != goal.at_least.is_some(),
                "{} {}",
                goal.figure,
                goal.peer
            );
        }
    }

    #[test]
    fn a_ratio_is_taken_round_by_round() {
        let cell =
            |peer: &str, rounds: &[f64]| Cell { peer: peer.into(), rounds: rounds.into(), lost: 0 };
        let cells = vec![cell("smolecho", &[2.0, 9.0, 4.0]), cell("kernel", &[1.0, 3.0, 2.0])];
        let results = Results { figures: vec![Figure { name: "bulk".into(), cells }] };
        let goal = |of: &str| Goal {
            figure: "bulk".into(),
            peer: "smolecho".into(),
            of: Some(of.into()),
            lost: false,
            at_most: Some(1.0),
            at_least: None,
        };
        assert_eq!(goal("kernel").measured(&results), Some(2.0));
        assert_eq!(goal("usual").measured(&results), None);
        assert!(!goal("kernel").is_met(2.0));
    }
}
