//! The host program of smolecho: demo, serve, client, probe, bench, sim. A library only so that its command line
//! can be tried without it being done.

mod awaited;
mod bench;
mod capture;
mod child;
mod cli;
mod client;
mod clock;
mod demo;
mod fault;
mod files;
mod host;
mod impaired;
mod lecture;
mod memory;
mod options;
mod page;
mod plan;
mod probe;
mod reach;
mod report;
mod run;
mod scope;
mod serve;
mod services;
mod sim;
mod values;

pub use cli::{check, main};
