//! `tools/sizes.toml`: a section for each board and one for the host, a line for each figure.

use std::{fs, path::PathBuf};

use toml_edit::{DocumentMut, Item, value};

use crate::run::{Outcome, root};

/// A measured figure.
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

/// What is done with the measured figures beside comparing them with their budgets.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Nothing.
    Check,
    /// Shows the change since the figures were recorded.
    Compare,
    /// Records the figures.
    Record,
}

/// A line of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    budget: u64,
    pub(crate) recorded: u64,
}

impl Entry {
    /// Whether the figure exceeds its budget by more than 1 %.
    fn is_passed_by(&self, figure: &Figure) -> bool {
        figure.value * 100 > self.budget * 101
    }

    /// Whether the recorded figure, which the README shows, is more than 5 % off.
    fn is_outdated_by(&self, figure: &Figure) -> bool {
        self.recorded.abs_diff(figure.value) * 20 > figure.value
    }

    fn line(&self, figure: &Figure, compare: bool) -> String {
        let Figure { name, value } = figure;
        let verdict = if self.is_passed_by(figure) { " OVER" } else { "" };
        let change = value.cast_signed() - self.recorded.cast_signed();
        let change = if compare { format!("{change:+8}") } else { String::new() };
        format!("{name:28}{value:8}{change} of {:8}{verdict}", self.budget)
    }
}

/// The file, and the figures that do not hold.
pub(crate) struct Budgets {
    file: DocumentMut,
    over: Vec<String>,
    outdated: Vec<String>,
}

impl Budgets {
    pub(crate) fn read() -> Outcome<Budgets> {
        let failed = |error: String| format!("{}: {error}", path().display());
        let text = fs::read_to_string(path()).map_err(|error| failed(error.to_string()))?;
        Self::parse(&text).map_err(failed)
    }

    fn parse(text: &str) -> Outcome<Budgets> {
        let file = text.parse().map_err(|error: toml_edit::TomlError| error.to_string())?;
        Ok(Budgets { file, over: Vec::new(), outdated: Vec::new() })
    }

    pub(crate) fn entry(&self, section: &str, name: &str) -> Outcome<Entry> {
        let line = self.file.get(section).and_then(|section| section.get(name));
        let number = |key| line?.get(key).and_then(Item::as_integer)?.try_into().ok();
        number("budget")
            .zip(number("recorded"))
            .map(|(budget, recorded)| Entry { budget, recorded })
            .ok_or_else(|| {
                format!(
                    "tools/sizes.toml: [{section}] needs `{name} = {{ budget = …, recorded = … }}`"
                )
            })
    }

    /// Prints the figures of a section beside their budgets, and records them if `mode` says so.
    pub(crate) fn hold(&mut self, section: &str, figures: &[Figure], mode: Mode) -> Outcome {
        println!("\n{section}");
        for figure in figures {
            let entry = self.entry(section, figure.name)?;
            println!("  {}", entry.line(figure, mode == Mode::Compare));
            if entry.is_passed_by(figure) {
                self.over.push(format!("{section} {}: {}", figure.name, figure.value));
            }
            if mode == Mode::Record {
                self.record(section, figure);
            } else if entry.is_outdated_by(figure) {
                self.outdated.push(format!("{section} {}: {}", figure.name, figure.value));
            }
        }
        Ok(())
    }

    fn record(&mut self, section: &str, figure: &Figure) {
        self.file[section][figure.name]["recorded"] = value(figure.value.cast_signed());
    }

    /// Writes what was recorded. Fails if a figure is over its budget, or no longer what was recorded.
    pub(crate) fn settle(self, mode: Mode) -> Outcome {
        if mode == Mode::Record {
            fs::write(path(), self.file.to_string())
                .map_err(|error| format!("{}: {error}", path().display()))?;
        }
        match (&self.over[..], &self.outdated[..]) {
            ([], []) => Ok(()),
            ([], outdated) => Err(format!(
                "more than 5 % off what was recorded, record them with --record: {}",
                outdated.join("; ")
            )),
            (over, _) => Err(format!("over budget by more than 1 %: {}", over.join("; "))),
        }
    }
}

fn path() -> PathBuf {
    root().join("tools/sizes.toml")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# both\n[a]\ntext = { budget = 1_000, recorded = 7 }\n[b]\ntext = { budget = 5, recorded = 6 }\n";

    #[test]
    fn a_line_is_found_in_its_section_and_recorded_there() {
        let mut budgets = Budgets::parse(TEXT).expect("TOML");
        assert_eq!(budgets.entry("a", "text"), Ok(Entry { budget: 1000, recorded: 7 }));
        assert_eq!(budgets.entry("b", "text"), Ok(Entry { budget: 5, recorded: 6 }));
        assert!(budgets.entry("b", "ram").is_err());
        budgets.record("a", &Figure::new("text", 8));
        assert_eq!(budgets.file.to_string(), TEXT.replace("recorded = 7", "recorded = 8"));
    }

    #[test]
    fn what_was_recorded_holds_for_five_percent() {
        let entry = Entry { budget: 0, recorded: 1000 };
        let figures = [(1000, false), (1050, false), (960, false), (1060, true), (940, true)];
        for (value, is_outdated) in figures {
            assert_eq!(entry.is_outdated_by(&Figure::new("text", value)), is_outdated, "{value}");
        }
    }

    #[test]
    fn one_percent_is_forgiven() {
        let entry = Entry { budget: 1000, recorded: 0 };
        assert!(!entry.is_passed_by(&Figure { name: "text", value: 1010 }));
        assert!(entry.is_passed_by(&Figure { name: "text", value: 1011 }));
    }
}
