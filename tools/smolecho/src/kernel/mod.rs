//! The kernel's own sockets, as clients of a server under test.

pub(crate) mod cause;
pub(crate) mod pattern;
pub(crate) mod socket;
pub(crate) mod target;
