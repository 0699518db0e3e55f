//! The results as a page: ratios, peers side by side, charts, the machine.

use maud::{Markup, html};

use super::charts;
use super::text::{BOUND, circumstances, digits, range, subject};
use crate::bench::compare::{self, Change, Kind};
use crate::bench::figure::Better;
use crate::bench::results::{Cell, Ratio, Results, Row};
use crate::document::chart;
use crate::document::page::{self, Section};

pub(super) fn document(results: &Results, old: Option<&Results>) -> String {
    let lead = html! {
        p { (circumstances(results)) }
        p.soft { code { (results.command) } ", " time datetime=(results.date) { (results.date) } }
        @if !results.machine.optimized {
            p.bad { "This program is not optimized: its figures mean nothing. Build it with --release." }
        }
        @if !results.complete { p.bad { "Interrupted before all figures were measured." } }
        @for note in &results.notes { p { (note) } }
    };
    let mut sections = Vec::new();
    let mut add = |id: &str, title: &str, body| {
        sections.push(Section { id: id.into(), title: title.into(), body });
    };
    if !results.ratios.is_empty() {
        add("ratios", "Ratios", ratios(results));
    }
    if let Some(old) = old {
        add("changes", "Changes", changes(old, results));
    }
    add("peers", "Side by side", peers(results));
    let pictures = charts::all(results);
    if !pictures.is_empty() {
        let body = html! { div.charts { @for picture in pictures { (picture) } } };
        add("pictures", "Pictures", body);
    }
    add("machine", "Machine", machine(results));
    page::page("smolecho bench", &lead, &sections)
}

fn ratios(results: &Results) -> Markup {
    let head = html! { th { "Ours" } th { "Beside" } th.number { "Ratio" } th.number { "Spread" } };
    let body = html! { @for ratio in &results.ratios { (ratio_row(ratio)) } };
    html! { (page::table("Ratios", &head, &body)) p.soft { (BOUND) } }
}

fn ratio_row(ratio: &Ratio) -> Markup {
    let Ratio { figure, peer, of, value, .. } = ratio;
    html! {
        tr {
            th scope="row" { (subject(ratio)) }
            td { (of) }
            td.number {
                data value=(value.median) data-ratio=(figure) data-peer=(peer) data-of=(of) { (digits(value.median)) }
            }
            td.number { (range(value)) }
        }
    }
}

fn changes(old: &Results, new: &Results) -> Markup {
    let head = html! {
        th { "Figure" } th { "Peer" } th.number { "Before" } th.number { "Now" } th { "Verdict" }
    };
    let body = html! {
        @for Change { about, peer, unit, before, after, kind, .. } in compare::changes(old, new) {
            tr {
                th scope="row" { (about) ", " (unit) }
                td { (peer) }
                td.number { (digits(before.median)) }
                td.number { (digits(after.median)) }
                td {
                    @match kind {
                        Kind::Noise => { "within the noise" }
                        Kind::TooFewRounds => { "too few rounds to tell" }
                        Kind::Better => { (page::verdict("good", "better")) }
                        Kind::Worse => { (page::verdict("bad", "worse")) }
                    }
                }
            }
        }
    };
    html! {
        p { "Since " time datetime=(old.date) { (old.date) } "." }
        (page::table("Changes", &head, &body))
    }
}

fn peers(results: &Results) -> Markup {
    html! {
        dl {
            @for (i, peer) in results.peers.iter().enumerate() {
                dt { span.key style={ "background:" (chart::color(i)) } {} (peer.name) }
                dd { (peer.about) }
            }
        }
        @for row in &results.figures { (figure(results, row)) }
    }
}

fn figure(results: &Results, row: &Row) -> Markup {
    let better = match row.better {
        Better::Lower => "less is better",
        Better::Higher => "more is better",
    };
    let medians = row.cells.iter().filter_map(|cell| cell.value).map(|value| value.median);
    let most = medians.fold(0.0, f64::max);
    let head = html! {
        th { "Peer" } th.number { (row.unit) } th.number { "Spread" } th.number { "Server CPU, µs each" } th { "" }
    };
    let body = html! { @for cell in &row.cells { (line(results, row, cell, most)) } };
    html! {
        h3 { (row.about) ", " (row.unit) " " span.soft { "(" (better) ")" } }
        (page::table(&row.about, &head, &body))
        @if row.cells.iter().any(|cell| !cell.percentiles.is_empty()) { (percentiles(row)) }
    }
}

fn line(results: &Results, row: &Row, cell: &Cell, most: f64) -> Markup {
    let Cell { peer, value, failed, lost, .. } = cell;
    let number = results.peers.iter().position(|it| it.name == *peer).unwrap_or(0);
    html! {
        tr {
            th scope="row" { (peer) }
            @if let Some(value) = value {
                td.number {
                    data value=(value.median) data-figure=(row.name) data-peer=(peer) { (digits(value.median)) }
                }
                td.number { (range(value)) }
                td.number { @if let Some(cpu) = cell.cpu_each.filter(|_| !row.bytes) { (digits(cpu)) } }
                td style="width:30%" {
                    @let width = if most > 0.0 { value.median / most * 100.0 } else { 0.0 };
                    span.bar style={ "width:" (format!("{width:.1}")) "%;background:" (chart::color(number)) } {}
                    @if *lost > 0 { span.bad { (lost) " lost" } }
                }
            } @else {
                td colspan="4" { span.bad { (failed.as_deref().unwrap_or("not measured")) } }
            }
        }
    }
}

fn percentiles(row: &Row) -> Markup {
    let cells = || row.cells.iter().filter(|cell| !cell.percentiles.is_empty());
    let head = html! {
        th { "Peer" }
        @if let Some(first) = cells().next() {
            @for (percent, _) in &first.percentiles {
                th.number { @if *percent < 100.0 { (percent) " %" } @else { "most" } }
            }
        }
    };
    let body = html! {
        @for cell in cells() {
            tr {
                th scope="row" { (cell.peer) }
                @for (_, micros) in &cell.percentiles { td.number { (digits(*micros)) } }
            }
        }
    };
    html! {
        details {
            summary { "Percentiles, µs" }
            (page::table(&format!("Percentiles of {}", row.about), &head, &body))
        }
    }
}

fn machine(results: &Results) -> Markup {
    let machine = &results.machine;
    let rows = [
        ("Processor", machine.processor.clone()),
        ("Cores", machine.cores.to_string()),
        ("Virtual", if machine.is_virtual { "yes" } else { "no" }.into()),
        ("Kernel", format!("Linux {}", machine.kernel)),
        ("Architecture", machine.architecture.clone()),
        ("smolecho", results.smolecho.clone()),
        ("smoltcp", results.smoltcp.clone()),
    ];
    let body =
        html! { @for (name, value) in rows { tr { th scope="row" { (name) } td { (value) } } } };
    page::table("Machine", &html! { th { "What" } th { "Which" } }, &body)
}
