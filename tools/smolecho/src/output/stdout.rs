//! Standard output, line by line, and possibly closed by its reader.

use std::fmt;
use std::io::{self, ErrorKind, Write};

use crate::fault::Fault;

/// What happened is on the screen before its consequences are on the wire: every line goes out at
/// once, and whole.
pub(crate) struct Stdout {
    out: io::Stdout,
    error: Option<ErrorKind>,
}

impl Stdout {
    pub(crate) fn new() -> Stdout {
        Stdout { out: io::stdout(), error: None }
    }

    pub(crate) fn line(&mut self, line: impl fmt::Display) {
        if self.error.is_none() {
            self.error = writeln!(self.out, "{line}").err().map(|error| error.kind());
        }
    }

    /// A reader who went away, as `head` does, is no error.
    pub(crate) fn check(&self) -> Result<(), Fault> {
        match self.error {
            None | Some(ErrorKind::BrokenPipe) => Ok(()),
            Some(kind) => Err(Fault::failed(format!("cannot write to standard output: {kind}"))),
        }
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.error.is_some()
    }
}
