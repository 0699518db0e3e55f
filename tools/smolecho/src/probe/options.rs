//! The command line of `smolecho probe`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::args::shared::Protocols;
use crate::args::values::{deadline, number};

/// The examiner.
#[derive(Args)]
pub(crate) struct Probe {
    /// The servers: 192.168.69.1:12345, [fdaa::1]:12345, board.local:7
    #[arg(value_name = "ADDR:PORT", required_unless_present = "list")]
    pub(crate) targets: Vec<String>,
    /// Show the cases, and what each expects
    #[arg(long)]
    pub(crate) list: bool,
    /// Only these cases, separated by commas; tcp-* is all that begin so
    #[arg(long, value_name = "CASES", value_delimiter = ',')]
    pub(crate) only: Vec<String>,
    /// All cases but these
    #[arg(long, value_name = "CASES", value_delimiter = ',')]
    pub(crate) skip: Vec<String>,
    #[command(flatten)]
    pub(crate) protocols: Protocols,
    /// How long a case may take
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = deadline)]
    pub(crate) deadline: Duration,
    /// Connections that it is to serve at once
    #[arg(long, value_name = "N", default_value = "4", value_parser = number(1..=256))]
    pub(crate) connections: u16,
    /// Write the findings as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Write them as JUnit's XML, for continuous integration
    #[arg(long, value_name = "FILE")]
    pub(crate) junit: Option<PathBuf>,
    /// Write them as a page for a browser
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
}
