//! Output for people and programs.

mod html;
mod junit;
pub(super) mod text;

use super::findings::Findings;
use super::options::Probe;
use crate::document::files::Files;
use crate::fault::Fault;

/// Checks that the files are writable, before a minute is spent on the cases.
pub(super) fn check(options: &Probe) -> Result<(), Fault> {
    files(options).check()
}

/// Writes the files that the options name.
pub(super) fn write(findings: &Findings, options: &Probe) -> Result<(), Fault> {
    files(options).write(|option| match option {
        "--json" => {
            serde_json::to_string_pretty(&findings.document()).map_err(|error| error.to_string())
        }
        "--html" => Ok(html::document(findings)),
        _ => junit::document(findings),
    })
}

fn files(options: &Probe) -> Files<'_> {
    Files::new([("--json", &options.json), ("--junit", &options.junit), ("--html", &options.html)])
}
