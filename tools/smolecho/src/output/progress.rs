//! The progress bar of a long command.

use indicatif::{ProgressBar, ProgressStyle};

/// A bar of `len` steps on stderr, with the template `rest` after the count; hidden if stderr is no terminal.
pub(crate) fn bar(len: u64, rest: &str) -> ProgressBar {
    let bar = ProgressBar::new(len);
    if let Ok(style) = ProgressStyle::with_template(&format!("{{bar:30}} {{pos}}/{{len}}{rest}")) {
        bar.set_style(style);
    }
    bar
}
