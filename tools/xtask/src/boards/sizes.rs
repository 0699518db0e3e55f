//! `tools/sizes.toml`: a section for each board, a line for each figure.

use std::{fs, path::PathBuf};

use crate::run::{Outcome, root};

/// What was measured.
#[derive(Clone, Copy)]
pub(crate) struct Figure {
    pub(crate) name: &'static str,
    pub(crate) value: u64,
}

/// What it is held against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    budget: u64,
    recorded: u64,
    /// Where it is to come down to.
    goal: Option<u64>,
}

impl Entry {
    /// More than 1 % over.
    pub(crate) fn is_passed_by(&self, figure: &Figure) -> bool {
        figure.value * 100 > self.budget * 101
    }

    pub(crate) fn line(&self, figure: &Figure, compare: bool) -> String {
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
pub(crate) struct Sizes {
    text: String,
}

impl Sizes {
    pub(crate) fn read() -> Outcome<Sizes> {
        let text =
            fs::read_to_string(path()).map_err(|error| format!("{}: {error}", path().display()))?;
        Ok(Sizes { text })
    }

    pub(crate) fn entry(&self, board: &str, name: &str) -> Outcome<Entry> {
        let line = self.lines().find(|(section, line)| *section == board && key(line) == name);
        line.and_then(|(_, line)| {
            let (budget, recorded) = (value(line, "budget")?, value(line, "recorded")?);
            Some(Entry { budget, recorded, goal: value(line, "goal") })
        })
        .ok_or_else(|| {
            format!(
                "tools/sizes.toml: [{board}] has no line `{name} = {{ budget = …, recorded = … }}`"
            )
        })
    }

    /// Puts the figures of a board in.
    pub(crate) fn record(&mut self, board: &str, figures: &[Figure]) -> Outcome {
        let mut text = String::new();
        for (section, line) in self.lines() {
            let figure = figures.iter().find(|figure| section == board && key(line) == figure.name);
            match (figure, line.split_once("recorded = ")) {
                (Some(figure), Some((before, _))) => {
                    text += &format!("{before}recorded = {} }}\n", figure.value);
                }
                _ => text += &format!("{line}\n"),
            }
        }
        self.text = text;
        Ok(())
    }

    pub(crate) fn write(&self) -> Outcome {
        fs::write(path(), &self.text).map_err(|error| format!("{}: {error}", path().display()))
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
        let mut sizes = Sizes { text: TEXT.into() };
        assert_eq!(sizes.entry("a", "text"), Ok(Entry { budget: 1000, recorded: 7, goal: None }));
        assert_eq!(sizes.entry("b", "text"), Ok(Entry { budget: 5, recorded: 6, goal: Some(4) }));
        assert!(sizes.entry("b", "ram").is_err());
        sizes.record("a", &[Figure { name: "text", value: 8 }]).expect("recorded");
        assert_eq!(sizes.text, TEXT.replace("recorded = 7", "recorded = 8"));
    }

    #[test]
    fn one_percent_is_forgiven() {
        let entry = Entry { budget: 1000, recorded: 0, goal: None };
        assert!(!entry.is_passed_by(&Figure { name: "text", value: 1010 }));
        assert!(entry.is_passed_by(&Figure { name: "text", value: 1011 }));
    }
}
