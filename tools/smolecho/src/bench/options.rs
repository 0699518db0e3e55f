//! The command line of `smolecho bench`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::args::values::{deadline, number};

/// The measurer.
#[derive(Args)]
pub(crate) struct Bench {
    /// A server that is there, 192.168.69.1:12345 or board.local:7; without one, ours and others to
    /// compare with, each in a private network
    #[arg(value_name = "ADDR:PORT")]
    pub(super) target: Option<String>,
    /// Show the figures and the peers
    #[arg(long)]
    pub(super) list: bool,
    /// Only these figures, separated by commas; tcp-* is all that begin so
    #[arg(long, value_name = "FIGURES", value_delimiter = ',')]
    pub(super) only: Vec<String>,
    /// Only these peers
    #[arg(long, value_name = "PEERS", value_delimiter = ',', conflicts_with = "target")]
    pub(super) peers: Vec<String>,
    /// How often each figure is taken, peer after peer
    #[arg(long, value_name = "N", default_value = "5", value_parser = number(1..=1000))]
    rounds: u16,
    /// How long a figure takes, each time
    #[arg(long, value_name = "DURATION", default_value = "400ms", value_parser = deadline)]
    time: Duration,
    /// One short round: whether everything works, not how fast
    #[arg(long, conflicts_with_all = ["rounds", "time"])]
    pub(super) quick: bool,
    /// Client and server on a core each, not both on one
    #[arg(long, conflicts_with = "target")]
    pub(super) two_cores: bool,
    /// Where the server discards (RFC 863)
    #[arg(long, value_name = "PORT", requires = "target", value_parser = number(1..=65535))]
    pub(super) discard: Option<u16>,
    /// Where it sends characters (RFC 864)
    #[arg(long, value_name = "PORT", requires = "target", value_parser = number(1..=65535))]
    pub(super) chargen: Option<u16>,
    /// Show what has changed since an earlier run, by the JSON that it wrote. A change is noise if one
    /// median lies within the other's spread: from the lowest round to the highest, and at least 2 % to
    /// either side
    #[arg(long, value_name = "FILE")]
    pub(super) compare: Option<PathBuf>,
    /// Write the figures as JSON
    #[arg(long, value_name = "FILE")]
    pub(super) json: Option<PathBuf>,
    /// Write them as JUnit's XML, for continuous integration
    #[arg(long, value_name = "FILE")]
    pub(super) junit: Option<PathBuf>,
    /// Write them as a page for a browser
    #[arg(long, value_name = "FILE")]
    pub(super) html: Option<PathBuf>,
    /// Write them as tables for a README
    #[arg(long, value_name = "FILE")]
    pub(super) markdown: Option<PathBuf>,
}

impl Bench {
    /// What to type for the same figures, without the files, which are nobody's business.
    pub(super) fn command(&self) -> String {
        let mut words = vec!["smolecho bench".to_owned()];
        words.extend(self.target.clone());
        match self {
            Bench { quick: true, .. } => words.push("--quick".into()),
            Bench { rounds, time, .. } => {
                words.push(format!(
                    "--rounds {rounds} --time {}",
                    humantime::format_duration(*time)
                ));
            }
        }
        words.extend(self.two_cores.then(|| "--two-cores".into()));
        for (option, names) in [("--only", &self.only), ("--peers", &self.peers)] {
            words.extend((!names.is_empty()).then(|| format!("{option} {}", names.join(","))));
        }
        words.join(" ")
    }

    pub(super) fn rounds(&self) -> u16 {
        if self.quick { 1 } else { self.rounds }
    }

    pub(super) fn time(&self) -> Duration {
        if self.quick { Duration::from_millis(50) } else { self.time }
    }
}

/// A part of the program that it starts by itself.
#[derive(Args)]
pub(crate) struct BenchPart {
    pub(super) part: String,
}
