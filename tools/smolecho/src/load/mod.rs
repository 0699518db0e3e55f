//! Loads that `bench` and `demo` put on a server from the kernel's sockets, one kind a file. Every byte that comes
//! back is compared.

mod bulk;
mod connects;
mod datagrams;
mod held;
mod many;
pub(crate) mod meter;
pub(crate) mod run;
pub(crate) mod sample;
pub(crate) mod scene;
mod small_services;
pub(crate) mod stream;
mod syscalls;
