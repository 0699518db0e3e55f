//! `tools/sizes.toml`: a section for each board and for the host, a line for each figure.

use std::{fs, path::PathBuf};

use crate::run::{Outcome, root};

/// What was measured.
#[derive(Clone, Copy)]
pub(crate) struct Figure {
    pub(crate) name: &'static str,
    pub(crate) value: u64,
}

impl Figure {
    pub(crate) fn new(name: &'static str, value: u64) -> Figure {
        Figure { name, value }
    }
}

/// What is to be done beside the measuring.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Only what fails.
    Check,
    /// Show the change since the figures were recorded.
    Compare,
    /// Record the figures.
    Record,
}

/// What it is held against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    budget: u64,
    pub(crate) recorded: u64,
    /// Where it is to come down to.
    goal: Option<u64>,
}

impl Entry {
    /// More than 1 % over.
    fn is_passed_by(&self, figure: &Figure) -> bool {
        figure.value * 100 > self.budget * 101
    }

    /// What was recorded, and the README shows, is more than 5 % off.
    fn is_outdated_by(&self, figure: &Figure) -> bool {
        self.recorded.abs_diff(figure.value) * 20 > figure.value
    }

    fn line(&self, figure: &Figure, compare: bool) -> String {
        let Figure { name, value } = figure;
        let verdict = if self.is_passed_by(figure) { "OVER" } else { "" };
        let change = value.cast_signed() - self.recorded.cast_signed();
        let change = if compare { format!("{change:+8}") } else { String::new() };
        let goal = self.goal.filter(|goal| value > goal);
        let goal = goal.map_or(String::new(), |goal| format!("(goal {goal})"));
        let line = format!("{name:28}{value:8}{change} of {:8} {goal} {verdict}", self.budget);
        line.trim_end().to_owned()
    }
}

/// The file.
pub(crate) struct Budgets {
    text: String,
    over: Vec<String>,
    outdated: Vec<String>,
}

impl Budgets {
    pub(crate) fn read() -> Outcome<Budgets> {
        let text =
            fs::read_to_string(path()).map_err(|error| format!("{}: {error}", path().display()))?;
        Ok(Budgets { text, over: Vec::new(), outdated: Vec::new() })
    }

    pub(crate) fn entry(&self, section: &str, name: &str) -> Outcome<Entry> {
        let line = self.lines().find(|(at, line)| *at == section && key(line) == name);
        line.and_then(|(_, line)| {
            let (budget, recorded) = (value(line, "budget")?, value(line, "recorded")?);
            Some(Entry { budget, recorded, goal: value(line, "goal") })
        })
        .ok_or_else(|| {
            format!(
                "tools/sizes.toml: [{section}] has no line `{name} = {{ budget = …, recorded = … }}`"
            )
        })
    }

    /// Shows the figures of a section beside their budgets, and records them if they are to be. What is
    /// over by more than 1 % is remembered.
    pub(crate) fn hold(&mut self, section: &str, figures: &[Figure], mode: Mode) -> Outcome {
        println!("\n{section}");
        for figure in figures {
            let entry = self.entry(section, figure.name)?;
            println!("  {}", entry.line(figure, mode == Mode::Compare));
            if entry.is_passed_by(figure) {
                self.over.push(format!("{section} {}: {}", figure.name, figure.value));
            }
            if mode != Mode::Record && entry.is_outdated_by(figure) {
                self.outdated.push(format!("{section} {}: {}", figure.name, figure.value));
            }
        }
        if mode == Mode::Record {
            self.record(section, figures);
        }
        Ok(())
    }

    /// Writes what was recorded, and fails if anything is over its budget.
    pub(crate) fn settle(self, mode: Mode) -> Outcome {
        if mode == Mode::Record {
            fs::write(path(), &self.text)
                .map_err(|error| format!("{}: {error}", path().display()))?;
        }
        match (&self.over[..], &self.outdated[..]) {
            ([], []) => Ok(()),
            ([], outdated) => Err(format!(
                "more than 5 % off what was recorded, which --record mends: {}",
                outdated.join("; ")
            )),
            (over, _) => Err(format!("over budget by more than 1 %: {}", over.join("; "))),
        }
    }

    fn record(&mut self, measured: &str, figures: &[Figure]) {
        let mut text = String::new();
        for (section, line) in self.lines() {
            let figure =
                figures.iter().find(|figure| section == measured && key(line) == figure.name);
            match (figure, line.split_once("recorded = ")) {
                (Some(figure), Some((before, _))) => {
                    text += &format!("{before}recorded = {} }}\n", figure.value);
                }
                _ => text += &format!("{line}\n"),
            }
        }
        self.text = text;
    }

    /// Each line with the section that it stands in.
    fn lines(&self) -> impl Iterator<Item = (&str, &str)> {
        let mut section = "";
        self.text.lines().map(move |line| {
            if let Some(name) = line.strip_prefix('[') {
                section = name.trim_end_matches(']');
            }
            (section, line)
        })
    }
}

fn path() -> PathBuf {
    root().join("tools/sizes.toml")
}

fn key(line: &str) -> &str {
    line.split_once('=').map_or("", |(key, _)| key.trim())
}

fn value(line: &str, key: &str) -> Option<u64> {
    let (_, rest) = line.split_once(&format!("{key} = "))?;
    let digits: String = rest
        .chars()
        .take_while(|c| c.is_ascii_digit() || *c == '_')
        .filter(|c| *c != '_')
        .collect();
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# both\n[a]\ntext = { budget = 1_000, recorded = 7 }\n[b]\ntext = { goal = 4, budget = 5, recorded = 6 }\n";

    #[test]
    fn a_line_is_found_in_its_section_and_recorded_there() {
        let mut budgets = Budgets { text: TEXT.into(), over: Vec::new(), outdated: Vec::new() };
        assert_eq!(budgets.entry("a", "text"), Ok(Entry { budget: 1000, recorded: 7, goal: None }));
        assert_eq!(budgets.entry("b", "text"), Ok(Entry { budget: 5, recorded: 6, goal: Some(4) }));
        assert!(budgets.entry("b", "ram").is_err());
        budgets.record("a", &[Figure { name: "text", value: 8 }]);
        assert_eq!(budgets.text, TEXT.replace("recorded = 7", "recorded = 8"));
    }

    #[test]
    fn what_was_recorded_holds_for_five_percent() {
        let entry = Entry { budget: 0, recorded: 1000, goal: None };
        let figures = [(1000, false), (1050, false), (960, false), (1060, true), (940, true)];
        for (value, is_outdated) in figures {
            assert_eq!(entry.is_outdated_by(&Figure::new("text", value)), is_outdated, "{value}");
        }
    }

    #[test]
    fn one_percent_is_forgiven() {
        let entry = Entry { budget: 1000, recorded: 0, goal: None };
        assert!(!entry.is_passed_by(&Figure { name: "text", value: 1010 }));
        assert!(entry.is_passed_by(&Figure { name: "text", value: 1011 }));
    }
}
