//! Output for people and programs.

mod charts;
mod html;
mod junit;
mod markdown;
pub(super) mod text;

use super::options::Bench;
use super::results::Results;
use crate::document::files::Files;
use crate::fault::Fault;

/// Checks that the files are writable, before minutes are spent on measuring.
pub(super) fn check(options: &Bench) -> Result<(), Fault> {
    files(options).check()
}

/// Writes the files that the options name.
pub(super) fn write(
    results: &Results,
    old: Option<&Results>,
    options: &Bench,
) -> Result<(), Fault> {
    files(options).write(|option| match option {
        "--json" => serde_json::to_string_pretty(results).map_err(|error| error.to_string()),
        "--html" => Ok(html::document(results, old)),
        "--junit" => junit::document(results),
        _ => Ok(markdown::tables(results)),
    })
}

fn files(options: &Bench) -> Files<'_> {
    Files::new([
        ("--json", &options.json),
        ("--html", &options.html),
        ("--junit", &options.junit),
        ("--markdown", &options.markdown),
    ])
}
