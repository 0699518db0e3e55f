//! The command line of `smolecho bench`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::args::values::{deadline, number};

/// The options of `smolecho bench`.
#[derive(Args)]
pub(crate) struct Bench {
    /// Server to measure: 192.168.69.1:12345 or board.local:7. Without one, smolecho and its peers are
    /// measured, each in a private network namespace
    #[arg(value_name = "ADDR:PORT")]
    pub(super) target: Option<String>,
    /// List the figures and the peers
    #[arg(long)]
    pub(super) list: bool,
    /// Only these figures, separated by commas; tcp-* means all that begin with tcp-
    #[arg(long, value_name = "FIGURES", value_delimiter = ',')]
    pub(super) only: Vec<String>,
    /// Only these peers
    #[arg(long, value_name = "PEERS", value_delimiter = ',', conflicts_with = "target")]
    pub(super) peers: Vec<String>,
    /// Rounds per figure; the peers take turns within a round
    #[arg(long, value_name = "N", default_value = "5", value_parser = number(1..=1000))]
    rounds: u16,
    /// Time of a figure in each round
    #[arg(long, value_name = "DURATION", default_value = "400ms", value_parser = deadline)]
    time: Duration,
    /// One round of 50 ms: checks that everything works, not how fast
    #[arg(long, conflicts_with_all = ["rounds", "time"])]
    pub(super) quick: bool,
    /// Pin client and server to one core each, instead of both to the same
    #[arg(long, conflicts_with = "target")]
    pub(super) two_cores: bool,
    /// Port of the server's discard service (RFC 863)
    #[arg(long, value_name = "PORT", requires = "target", value_parser = number(1..=65535))]
    pub(super) discard: Option<u16>,
    /// Port of its chargen service (RFC 864)
    #[arg(long, value_name = "PORT", requires = "target", value_parser = number(1..=65535))]
    pub(super) chargen: Option<u16>,
    /// Compare with an earlier run, read from its JSON file. A change is noise if one median lies
    /// within the other's spread, which reaches from the lowest round to the highest and at least 2 % to either
    /// side
    #[arg(long, value_name = "FILE")]
    pub(super) compare: Option<PathBuf>,
    /// Write the figures as JSON
    #[arg(long, value_name = "FILE")]
    pub(super) json: Option<PathBuf>,
    /// Write the figures as JUnit XML, for continuous integration
    #[arg(long, value_name = "FILE")]
    pub(super) junit: Option<PathBuf>,
    /// Write the figures as an HTML page
    #[arg(long, value_name = "FILE")]
    pub(super) html: Option<PathBuf>,
    /// Write the figures as Markdown tables
    #[arg(long, value_name = "FILE")]
    pub(super) markdown: Option<PathBuf>,
}

impl Bench {
    /// The command that repeats the run; file names are left out.
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

/// The part that a child process plays, as JSON.
#[derive(Args)]
pub(crate) struct BenchPart {
    pub(super) part: String,
}
