//! The command line of `smolecho sim`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, value_parser};

use crate::args::values::{number, seed};

/// The options of `smolecho sim`.
#[derive(Args)]
pub(crate) struct Sim {
    /// List the scenarios
    #[arg(long)]
    pub(crate) list: bool,
    /// Seed of the first run; each next run adds one [default: random]
    #[arg(long, value_name = "S", value_parser = seed)]
    pub(crate) seed: Option<u64>,
    /// Number of runs
    #[arg(long, value_name = "N", default_value = "1000", value_parser = value_parser!(u64).range(1..))]
    runs: u64,
    /// Minutes to run, instead of a number of runs
    #[arg(long, value_name = "M", conflicts_with = "runs", value_parser = number(1..=65535))]
    minutes: Option<u16>,
    /// Only this scenario, instead of all in turn
    #[arg(long, value_name = "NAME")]
    pub(crate) scenario: Option<String>,
    /// Write every frame of the failed run, or of the first, to a file for Wireshark
    #[arg(long, value_name = "FILE")]
    pub(crate) pcap: Option<PathBuf>,
    /// Draw the connection of that run with the most losses and retransmissions, as SVG
    #[arg(long, value_name = "FILE")]
    pub(crate) svg: Option<PathBuf>,
}

impl Sim {
    pub(crate) fn limit(&self) -> Limit {
        match self.minutes {
            None => Limit::Runs(self.runs),
            Some(minutes) => Limit::Time(Duration::from_secs(60 * u64::from(minutes))),
        }
    }
}

/// When to stop.
#[derive(Clone, Copy)]
pub(crate) enum Limit {
    Runs(u64),
    Time(Duration),
}
