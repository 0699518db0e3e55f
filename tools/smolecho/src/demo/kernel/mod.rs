//! The other end of the demo: the kernel's own sockets, through the standard library.

pub(super) mod datagram;
pub(super) mod stream;
