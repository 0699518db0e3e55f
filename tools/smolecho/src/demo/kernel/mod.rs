//! The other end of the demo: the kernel's own sockets, through the standard library.

pub(super) mod datagram;
pub(super) mod stream;

use std::time::Duration;

use super::page::Pen;
use crate::bench::same;

/// Longer than anything takes that works.
const PATIENCE: Duration = Duration::from_secs(5);
