//! Standard output by lines; its reader may close it.

use std::fmt;
use std::io::{self, ErrorKind, Write};

use crate::fault::Fault;

/// Writes each line at once and whole, so that an event is printed before its effects reach the network.
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

    /// Fails on errors; a reader that has gone, like `head`, is none.
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
