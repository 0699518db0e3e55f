//! What the host program needs of Linux: its side of the TAP, a namespace of its own, signals.

pub(crate) mod link;
pub(crate) mod neighbors;
pub(crate) mod netns;
pub(crate) mod packet;
mod route;
pub(crate) mod signals;
pub(crate) mod tap;
pub(crate) mod watch;
