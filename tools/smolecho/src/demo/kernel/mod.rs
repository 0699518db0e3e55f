//! The other end of the demo: the kernel's own sockets, through the standard library.

pub(super) mod datagram;
pub(super) mod stream;

use std::io;
use std::time::Duration;

use super::page::Pen;

/// Longer than anything takes that works.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long each figure is taken.
const MEASURE: Duration = Duration::from_millis(250);

fn same(received: &[u8], sent: &[u8]) -> io::Result<()> {
    if received == sent { Ok(()) } else { Err(differ()) }
}

fn differ() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "what came back is not what was sent")
}
