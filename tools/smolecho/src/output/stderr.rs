//! Standard error: everything that is not the dialogue.

use std::fmt;
use std::io::{self, Write};

/// Prints a line. An error is ignored: there is nowhere left to report it.
pub(crate) fn say(line: fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr(), "{line}");
}
