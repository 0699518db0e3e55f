//! The host program of smolecho: demo, serve, client, probe, bench, sim. It is a library so that fuzzing can parse
//! command lines without running them.
//!
//! ```text
//! cli
//! serve  client  demo  bench  sim
//! probe  node  load
//! output  kernel
//! args  host  document
//! fault
//! ```
//!
//! A file imports from its own row and the rows below it; imports form no circle.

mod args;
mod bench;
mod cli;
mod client;
mod demo;
mod document;
mod fault;
mod host;
mod kernel;
mod load;
mod node;
mod output;
mod probe;
mod serve;
mod sim;

pub use cli::{check, main};
