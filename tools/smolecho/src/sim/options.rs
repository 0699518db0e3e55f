//! The command line of `smolecho sim`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, value_parser};

use crate::args::values::{number, seed};

/// The simulation.
#[derive(Args)]
pub(crate) struct Sim {
    /// Show the scenarios
    #[arg(long)]
    pub(crate) list: bool,
    /// The first run's seed; the next runs count up from it [default: from the system]
    #[arg(long, value_name = "S", value_parser = seed)]
    pub(crate) seed: Option<u64>,
    /// How many runs
    #[arg(long, value_name = "N", default_value = "1000", value_parser = value_parser!(u64).range(1..))]
    runs: u64,
    /// Runs for so long instead
    #[arg(long, value_name = "M", conflicts_with = "runs", value_parser = number(1..=65535))]
    minutes: Option<u16>,
    /// This scenario alone, not all in turn
    #[arg(long, value_name = "NAME")]
    pub(crate) scenario: Option<String>,
    /// Write every frame of the run that failed, or of the first, to a file for Wireshark
    #[arg(long, value_name = "FILE")]
    pub(crate) pcap: Option<PathBuf>,
    /// Draw the segments of its most troubled connection
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

/// How long to go on.
#[derive(Clone, Copy)]
pub(crate) enum Limit {
    Runs(u64),
    Time(Duration),
}
