//! Tables for a terminal: ratios first, then the figures.

use crate::bench::compare::{self, Change, Kind};
use crate::bench::figure::FIGURES;
use crate::bench::peer::{OURS, PEERS};
use crate::bench::results::{Cell, Ratio, Results, Row};
use crate::bench::spread::Spread;
use crate::fault::Fault;
use crate::output::stdout::Stdout;

/// The sentence below every table of ratios.
pub(super) const BOUND: &str = "Each frame over a TAP costs a system call, so the reflector, which has no stack, bounds every TAP server.";

/// Lists figures and peers.
pub(in crate::bench) fn list() -> Result<(), Fault> {
    let mut out = Stdout::new();
    out.line("figures");
    for figure in FIGURES {
        let unit = figure.value.unit();
        out.line(format_args!("  {:<18}{}, {unit}", figure.name, figure.about));
    }
    out.line("peers");
    for peer in PEERS {
        out.line(format_args!("  {:<18}{}", peer.name, peer.about));
    }
    out.check()
}

pub(in crate::bench) fn print(results: &Results, old: Option<&Results>) -> Result<(), Fault> {
    let mut out = Stdout::new();
    out.line(circumstances(results));
    if !results.machine.optimized {
        out.line(
            "This program is not optimized: its figures mean nothing. Build it with --release.",
        );
    }
    for note in &results.notes {
        out.line(note);
    }
    ratios(results, &mut out);
    for row in &results.figures {
        out.line(format_args!("\n{}, {}", row.about, row.unit));
        for cell in &row.cells {
            out.line(cell_line(row, cell).trim_end());
        }
    }
    if let Some(old) = old {
        compared(old, results, &mut out);
    }
    if !results.complete {
        out.line("\nInterrupted before all figures were measured.");
    }
    out.check()
}

/// The machine and the method, in one line.
pub(super) fn circumstances(results: &Results) -> String {
    let Results { machine, rounds, milliseconds, two_cores, .. } = results;
    let cores = if *two_cores { "one core each" } else { "the same core" };
    let rounds = if *rounds == 1 { "1 round".into() } else { format!("{rounds} rounds") };
    format!("{}; {rounds} of {milliseconds} ms, client and server on {cores}", machine.words())
}

/// The figure, with the variant of our server unless it is the default.
pub(super) fn subject(ratio: &Ratio) -> String {
    match ratio.peer.strip_prefix(OURS).map(|variant| variant.trim_start_matches('-')) {
        Some("") | None => ratio.about.clone(),
        Some(variant) => format!("{} ({variant})", ratio.about),
    }
}

fn ratios(results: &Results, out: &mut Stdout) {
    let Some(width) = results.ratios.iter().map(|it| subject(it).chars().count()).max() else {
        return;
    };
    out.line(format_args!("\n{:<width$}  {:<13}{:>6}  spread", "ours", "beside", "ratio"));
    for ratio in &results.ratios {
        let (of, median, range) = (&ratio.of, digits(ratio.value.median), range(&ratio.value));
        out.line(format_args!("{:<width$}  {of:<13}{median:>6}  {range}", subject(ratio)));
    }
    out.line(BOUND);
}

fn cell_line(row: &Row, cell: &Cell) -> String {
    let Cell { peer, value, failed, .. } = cell;
    let Some(value) = value else {
        return format!("  {peer:<16} {}", failed.as_deref().unwrap_or_default());
    };
    let mut line = format!("  {peer:<16} {:>8}  {:<16}", digits(value.median), range(value));
    if let Some(cpu) = cell.cpu_each.filter(|_| !row.bytes && row.unit != "calls") {
        line += &format!(" server CPU {} µs each", digits(cpu));
    }
    if row.name.starts_with("connects") {
        line += &format!(", {} in total", cell.done);
    }
    if cell.lost > 0 {
        line += &format!(", {} of {} lost", cell.lost, cell.done + cell.lost);
    }
    if let Some(failed) = failed {
        line += &format!(", then {failed}");
    }
    line
}

fn compared(old: &Results, new: &Results, out: &mut Stdout) {
    let changes = compare::changes(old, new);
    out.line(format_args!("\nsince {}", old.date));
    if old.machine != new.machine {
        out.line(format_args!("  on another machine: {}", old.machine.words()));
    }
    for change in &changes {
        let Change { figure, peer, before, after, kind, .. } = change;
        let percent = change.percent().map(|it| format!("{it:+.1} %")).unwrap_or_default();
        let word = match kind {
            Kind::Noise => "",
            Kind::Better => "BETTER",
            Kind::Worse => "WORSE",
            Kind::TooFewRounds => "too few rounds to tell",
        };
        let line = format!(
            "  {figure:<18}{peer:<16} {:>8} → {:>8}  {percent:>8}  {word}",
            digits(before.median),
            digits(after.median)
        );
        out.line(line.trim_end());
    }
    let outside = changes.iter().filter(|it| matches!(it.kind, Kind::Better | Kind::Worse)).count();
    out.line(format_args!("  {outside} of {} outside the noise", changes.len()));
}

/// The spread, as printed beside the median.
pub(super) fn range(spread: &Spread) -> String {
    format!("{} – {}", digits(spread.low), digits(spread.high))
}

/// At least three significant digits.
pub(super) fn digits(value: f64) -> String {
    let decimals = match value.abs() {
        v if v >= 100.0 || v == 0.0 => 0,
        v if v >= 10.0 => 1,
        _ => 2,
    };
    format!("{value:.decimals$}")
}
