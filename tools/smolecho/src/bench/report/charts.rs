//! The charts of the page.

use maud::Markup;

use crate::bench::results::{Cell, Results, Row};
use crate::document::chart::{Axis, Series, lines};
use crate::load::sample::Latency;

/// Figures with charts of their round trip times.
const LATENCIES: [&str; 3] = ["tcp-rtt-14", "tcp-paced", "udp-rtt-14"];

/// Bins of a histogram.
const BINS: usize = 60;

pub(super) fn all(results: &Results) -> Vec<Markup> {
    let mut charts = vec![connections(results), throughput(results)];
    for row in LATENCIES.iter().filter_map(|name| results.row(name)) {
        charts.push(histogram(results, row));
        charts.push(percentiles(results, row));
    }
    charts.into_iter().flatten().collect()
}

fn series(results: &Results, row: &Row, points: impl Fn(&Cell) -> Vec<(f64, f64)>) -> Vec<Series> {
    let of = |cell: &Cell| Series {
        name: cell.peer.clone(),
        color: results.peers.iter().position(|peer| peer.name == cell.peer).unwrap_or(0),
        points: points(cell),
    };
    row.cells.iter().map(of).collect()
}

/// Round trips per second over the number of connections.
fn connections(results: &Results) -> Option<Markup> {
    let rows: Vec<(f64, &Row)> = results
        .figures
        .iter()
        .filter_map(|row| Some((row.name.strip_prefix("connections-")?.parse().ok()?, row)))
        .collect();
    let (_, first) = rows.first()?;
    let curves = series(results, first, |cell| {
        let at = |(count, row): &(f64, &Row)| Some((*count, row.cell(&cell.peer)?.value?.median));
        rows.iter().filter_map(at).collect()
    });
    let x = Axis { about: "connections", logarithmic: true };
    let y = Axis { about: "thousand round trips per second", logarithmic: false };
    lines("Many connections", &x, &y, &curves)
}

/// Bytes per second over time.
fn throughput(results: &Results) -> Option<Markup> {
    let curves = series(results, results.row("bulk")?, |cell| {
        let slice = results.milliseconds as f64 / cell.series.len().max(1) as f64;
        let points = cell.series.iter().enumerate();
        points.map(|(i, rate)| ((i + 1) as f64 * slice, rate / 1e6)).collect()
    });
    let x = Axis { about: "milliseconds", logarithmic: false };
    let y = Axis { about: "MB/s", logarithmic: false };
    lines("Bulk echo over time, last round", &x, &y, &curves)
}

/// The name of the load, without the value.
fn load(row: &Row) -> &str {
    row.about.trim_end_matches(", 99th percentile")
}

/// Share of the round trips over their time.
fn histogram(results: &Results, row: &Row) -> Option<Markup> {
    // The slowest 0.5 % are in the chart of percentiles.
    let ends = |percent| {
        let all = row.cells.iter().filter(|cell| !cell.latency.is_empty());
        all.map(move |cell| Latency::of(&cell.latency).percentile(percent) as f64)
    };
    let (low, high) = (ends(0.0).fold(f64::NAN, f64::min), ends(99.5).fold(f64::NAN, f64::max));
    let step = (high / low).ln() / BINS as f64;
    let curves = series(results, row, |cell| {
        let total: u64 = cell.latency.iter().map(|(_, count)| count).sum();
        let mut bins = [0; BINS];
        for (nanos, count) in &cell.latency {
            let bin = ((*nanos as f64 / low).ln() / step) as usize;
            if let Some(bin) = bins.get_mut(bin) {
                *bin += count;
            }
        }
        let bins = bins.iter().enumerate();
        let point = |(i, count): (usize, &u64)| {
            let nanos = low * ((i as f64 + 0.5) * step).exp();
            (nanos / 1e3, *count as f64 / total.max(1) as f64 * 100.0)
        };
        bins.map(point).collect()
    });
    let x = Axis { about: "µs", logarithmic: true };
    let y = Axis { about: "% of the round trips", logarithmic: false };
    lines(&format!("{}: distribution", load(row)), &x, &y, &curves)
}

/// Round trip time over the percentile.
fn percentiles(results: &Results, row: &Row) -> Option<Markup> {
    let curves = series(results, row, |cell| {
        let latency = Latency::of(&cell.latency);
        let steps = (0..=32).map(|i| 10_f64.powf(f64::from(i) / 8.0));
        // The rarest percentile that the number of round trips can show.
        let known = steps.take_while(|one_of| *one_of <= latency.count() as f64);
        let point = |one_of: f64| {
            let percent = 100.0 * (1.0 - 1.0 / one_of);
            (one_of, latency.percentile(percent) as f64 / 1e3)
        };
        known.map(point).collect()
    });
    let x = Axis { about: "one in this many takes longer", logarithmic: true };
    let y = Axis { about: "µs", logarithmic: true };
    lines(&format!("{}: tail", load(row)), &x, &y, &curves)
}
