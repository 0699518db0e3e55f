//! Output files: checked before the work, written after it.

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};

use crate::fault::Fault;

/// Paths, each with its option.
pub(crate) struct Files<'o>(Vec<(&'static str, &'o Path)>);

impl<'o> Files<'o> {
    pub(crate) fn new<const N: usize>(files: [(&'static str, &'o Option<PathBuf>); N]) -> Self {
        let given = files.into_iter().filter_map(|(option, path)| Some((option, path.as_deref()?)));
        Files(given.collect())
    }

    /// Checks that every file is writable.
    pub(crate) fn check(&self) -> Result<(), Fault> {
        for (option, path) in &self.0 {
            OpenOptions::new()
                .append(true)
                .create(true)
                .open(path)
                .map_err(|error| unwritable(option, path, &error))?;
        }
        Ok(())
    }

    /// Writes every file; `text` has the content for an option.
    pub(crate) fn write(
        &self,
        text: impl Fn(&'static str) -> Result<String, String>,
    ) -> Result<(), Fault> {
        for (option, path) in &self.0 {
            let mut text =
                text(option).map_err(|error| Fault::failed(format!("{option}: {error}")))?;
            if !text.ends_with('\n') {
                text.push('\n');
            }
            fs::write(path, text).map_err(|error| unwritable(option, path, &error))?;
        }
        Ok(())
    }
}

fn unwritable(option: &str, path: &Path, error: &std::io::Error) -> Fault {
    Fault::usage(format!(
        "{option} {}: {error}; a path in a writable folder would do",
        path.display()
    ))
}
