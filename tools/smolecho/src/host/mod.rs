//! Linux: interfaces, namespaces, signals, cores, child processes.

pub(crate) mod child;
pub(crate) mod cores;
pub(crate) mod entropy;
pub(crate) mod link;
pub(crate) mod neighbors;
mod netlink;
pub(crate) mod netns;
pub(crate) mod packet;
mod route;
pub(crate) mod signals;
pub(crate) mod tap;
pub(crate) mod watch;
