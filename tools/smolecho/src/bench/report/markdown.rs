//! The results as Markdown tables.

use std::fmt::Write;

use super::text::{BOUND, circumstances, digits, range, subject};
use crate::bench::results::Results;

pub(super) fn tables(results: &Results) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write(results, &mut text);
    text
}

fn write(results: &Results, text: &mut String) -> std::fmt::Result {
    let date = results.date.split('T').next().unwrap_or_default();
    writeln!(text, "`{}`, {date}, on a {}.\n", results.command, circumstances(results))?;
    if !results.ratios.is_empty() {
        writeln!(text, "{BOUND}\n\n| | beside | ratio | spread |\n|---|---|---|---|")?;
    }
    for ratio in &results.ratios {
        let (median, range) = (digits(ratio.value.median), range(&ratio.value));
        writeln!(text, "| {} | {} | {median} | {range} |", subject(ratio), ratio.of)?;
    }
    write!(text, "\n| |")?;
    for peer in &results.peers {
        write!(text, " {} |", peer.name)?;
    }
    writeln!(text, "\n|---|{}", "---|".repeat(results.peers.len()))?;
    for row in &results.figures {
        write!(text, "| {}, {} |", row.about, row.unit)?;
        for peer in &results.peers {
            let value = row.cell(&peer.name).and_then(|cell| cell.value);
            let value = value.map_or_else(String::new, |value| digits(value.median));
            write!(text, " {value} |")?;
        }
        writeln!(text)?;
    }
    Ok(())
}
