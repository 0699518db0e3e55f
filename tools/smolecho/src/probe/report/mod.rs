//! What people and programs get to see.

mod junit;
mod text;

use std::fs::{self, OpenOptions};
use std::path::Path;

pub(super) use self::text::{Progress, list};
use super::findings::Findings;
use crate::cli::Probe;
use crate::fault::Fault;

/// That the files can be written: nobody wants to hear it after a minute.
pub(super) fn check(options: &Probe) -> Result<(), Fault> {
    for (option, path) in files(options) {
        OpenOptions::new()
            .append(true)
            .create(true)
            .open(path)
            .map_err(|error| unwritable(option, path, &error))?;
    }
    Ok(())
}

/// Writes the files that the command line asks for.
pub(super) fn write(findings: &Findings, options: &Probe) -> Result<(), Fault> {
    for (option, path) in files(options) {
        let text = if option == "--json" {
            serde_json::to_string_pretty(&findings.document()).map_err(|error| error.to_string())
        } else {
            junit::document(findings)
        };
        let text = text.map_err(|error| Fault::failed(format!("{option}: {error}")))?;
        fs::write(path, text + "\n").map_err(|error| unwritable(option, path, &error))?;
    }
    Ok(())
}

fn files(options: &Probe) -> impl Iterator<Item = (&'static str, &Path)> {
    let files = [("--json", &options.json), ("--junit", &options.junit)];
    files.into_iter().filter_map(|(option, path)| Some((option, path.as_deref()?)))
}

fn unwritable(option: &str, path: &Path, error: &std::io::Error) -> Fault {
    Fault::usage(format!(
        "{option} {}: {error}; a file in a folder that you may write to would do",
        path.display()
    ))
}
