//! The command line of `smolecho probe`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::args::shared::Protocols;
use crate::args::values::{deadline, number};

/// The options of `smolecho probe`.
#[derive(Args)]
pub(crate) struct Probe {
    /// Servers: 192.168.69.1:12345, [fdaa::1]:12345, board.local:7
    #[arg(value_name = "ADDR:PORT", required_unless_present = "list")]
    pub(crate) targets: Vec<String>,
    /// List the cases and what each expects
    #[arg(long)]
    pub(crate) list: bool,
    /// Only these cases, separated by commas; tcp-* means all that begin with tcp-
    #[arg(long, value_name = "CASES", value_delimiter = ',')]
    pub(crate) only: Vec<String>,
    /// All cases but these
    #[arg(long, value_name = "CASES", value_delimiter = ',')]
    pub(crate) skip: Vec<String>,
    #[command(flatten)]
    pub(crate) protocols: Protocols,
    /// Limit for each case
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = deadline)]
    pub(crate) deadline: Duration,
    /// Connections that the server should serve at once
    #[arg(long, value_name = "N", default_value = "4", value_parser = number(1..=256))]
    pub(crate) connections: u16,
    /// Write the findings as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Write the findings as JUnit XML, for continuous integration
    #[arg(long, value_name = "FILE")]
    pub(crate) junit: Option<PathBuf>,
    /// Write the findings as an HTML page
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
}
