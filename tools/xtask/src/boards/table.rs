//! The table of flash and RAM in `examples/boards/README.md`, from the recorded figures.

use std::{fs, path::PathBuf};

use super::firmware::BOARDS;
use crate::{
    budgets::Budgets,
    run::{Outcome, root},
};

const BEGIN: &str = "<!-- by cargo xtask boards --record: -->\n";
const END: &str = "<!-- . -->\n";

/// Whether the table shows the recorded figures.
pub(crate) fn check(budgets: &Budgets) -> Outcome {
    let text = read()?;
    if with_table(&text, &table(budgets)?)? == text {
        return Ok(());
    }
    Err(format!("{}: its table is out of date: cargo xtask boards --record", path().display()))
}

/// Writes the table.
pub(crate) fn write(budgets: &Budgets) -> Outcome {
    let text = with_table(&read()?, &table(budgets)?)?;
    fs::write(path(), text).map_err(|error| format!("{}: {error}", path().display()))
}

fn table(budgets: &Budgets) -> Outcome<String> {
    let mut table = "| board | flash | RAM | stack |\n|---|---|---|---|\n".to_owned();
    for board in BOARDS {
        let recorded = |name| budgets.entry(board.name, name).map(|entry| entry.recorded);
        let flash = grouped(recorded("text")? + recorded("data")?);
        let ram = grouped(recorded("ram")?);
        let stack = match board.instructions_per_tick {
            Some(_) => grouped(recorded("stack")?),
            None => "not measured".into(),
        };
        table += &format!("| `{}` | {flash} | {ram} | {stack} |\n", board.name);
    }
    Ok(table)
}

/// The text, with this table between the two marks.
fn with_table(text: &str, table: &str) -> Outcome<String> {
    let parts = text.split_once(BEGIN).and_then(|(before, rest)| {
        let (_, after) = rest.split_once(END)?;
        Some(format!("{before}{BEGIN}{table}{END}{after}"))
    });
    parts.ok_or_else(|| {
        format!(
            "{}: no table between `<!-- by cargo xtask … -->` and `<!-- . -->`",
            path().display()
        )
    })
}

/// 12345 as 12,345.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn read() -> Outcome<String> {
    fs::read_to_string(path()).map_err(|error| format!("{}: {error}", path().display()))
}

fn path() -> PathBuf {
    root().join("examples/boards/README.md")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_what_stands_between_the_marks() {
        let text = format!("a\n{BEGIN}old\n{END}b\n");
        assert_eq!(with_table(&text, "new\n"), Ok(format!("a\n{BEGIN}new\n{END}b\n")));
        assert!(with_table("a\n", "new\n").is_err());
    }

    #[test]
    fn thousands_are_told_apart() {
        let numbers = [0, 999, 1000, 61_392, 1_234_567].map(grouped);
        assert_eq!(numbers, ["0", "999", "1,000", "61,392", "1,234,567"]);
    }
}
