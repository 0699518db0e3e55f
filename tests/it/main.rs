//! The library in virtual time, one module a subject: a node on one end of a cable in memory, and on the
//! other a host of plain smoltcp sockets, another node, or frames made by hand.
//!
//! Tests of real TAP devices are in `tests/tap`; those that need a process of their own stand beside this
//! folder.

mod client;
mod closed_port;
mod config;
mod conformance;
mod cookie;
mod datagrams;
mod deadlines;
mod determinism;
mod dhcp;
mod display;
mod duplicate_address;
mod echo;
mod embassy;
mod flood;
mod gate;
mod headers;
mod loss;
mod neighbors;
mod once;
mod path_mtu;
mod pool;
mod prefixes;
mod pressure;
mod properties;
mod query;
mod recovery;
#[path = "../rig/mod.rs"]
mod rig;
mod services;
mod shutdown;
mod slaac;
mod states;
mod stopped;
mod storage;
mod stress;
mod traps;
mod work;
