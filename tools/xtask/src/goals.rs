//! The project's own goals beside a run of `smolecho bench`. They are reported, never asserted: a time depends on the
//! machine.

use std::{collections::BTreeMap, fmt::Display, fs, path::Path};

use serde::Deserialize;
use serde_json::Value;

use crate::run::{Outcome, root};

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

/// Reports every goal beside the results that `smolecho bench --json` wrote to `file`.
pub(crate) fn report(file: &str) -> Outcome {
    let results = read(Path::new(file), |text| serde_json::from_str(text))?;
    for goal in goals()? {
        println!("{}", goal.line(&results));
    }
    Ok(())
}

fn goals() -> Outcome<Vec<Goal>> {
    let mut file: BTreeMap<String, Vec<Goal>> =
        read(&root().join("tools/goals.toml"), toml_edit::de::from_str)?;
    Ok(file.remove("goals").unwrap_or_default())
}

fn read<T, E: Display>(path: &Path, parse: impl Fn(&str) -> Result<T, E>) -> Outcome<T> {
    let failed = |error: &dyn Display| format!("{}: {error}", path.display());
    let text = fs::read_to_string(path).map_err(|error| failed(&error))?;
    parse(&text).map_err(|error| failed(&error))
}

impl Goal {
    fn line(&self, results: &Value) -> String {
        let Goal { figure, peer, of, lost, at_most, at_least } = self;
        let kind = if *lost { ", lost" } else { "" };
        let name = format!(
            "{figure} {peer}{}{kind}",
            of.iter().map(|of| format!(" / {of}")).collect::<String>()
        );
        let Some(value) = self.measured(results) else { return format!("{name:48} not measured") };
        let (relation, bound, is_met) = match (at_most, at_least) {
            (Some(most), _) => ("≤", *most, value <= *most),
            (None, least) => ("≥", least.unwrap_or(0.0), value >= least.unwrap_or(0.0)),
        };
        let missed = if is_met { "" } else { "  missed" };
        format!("{name:48}{value:8.2} {relation} {bound}{missed}")
    }

    /// `None` if the run has no such figure.
    fn measured(&self, results: &Value) -> Option<f64> {
        let ours = cell(results, &self.figure, &self.peer)?;
        if self.lost {
            return ours["lost"].as_f64();
        }
        let Some(of) = &self.of else { return median(rounds(ours)) };
        let other = cell(results, &self.figure, of).or_else(|| cell(results, of, &self.peer))?;
        median(rounds(ours).into_iter().zip(rounds(other)).map(|(a, b)| a / b).collect())
    }
}

fn cell<'r>(results: &'r Value, figure: &str, peer: &str) -> Option<&'r Value> {
    let figure = results["figures"].as_array()?.iter().find(|it| it["name"] == figure)?;
    figure["cells"].as_array()?.iter().find(|it| it["peer"] == peer)
}

fn rounds(cell: &Value) -> Vec<f64> {
    cell["rounds"].as_array().into_iter().flatten().filter_map(Value::as_f64).collect()
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
        for Goal { figure, peer, at_most, at_least, .. } in goals().expect("tools/goals.toml") {
            assert!(at_most.is_some() != at_least.is_some(), "{figure} {peer}");
        }
    }

    #[test]
    fn a_ratio_is_taken_round_by_round() {
        let results = serde_json::json!({ "figures": [{ "name": "bulk", "cells": [
            { "peer": "smolecho", "rounds": [2.0, 9.0, 4.0], "lost": 0 },
            { "peer": "kernel", "rounds": [1.0, 3.0, 2.0], "lost": 0 },
        ] }] });
        let line = |of| {
            let goal = format!("figure = 'bulk'\npeer = 'smolecho'\nof = '{of}'\nat_most = 1.5");
            toml_edit::de::from_str::<Goal>(&goal).expect("a goal").line(&results)
        };
        assert!(line("kernel").ends_with(" 2.00 ≤ 1.5  missed"), "{}", line("kernel"));
        assert!(line("usual").ends_with(" not measured"));
    }
}
