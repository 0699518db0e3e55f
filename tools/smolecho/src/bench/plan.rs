//! The plan of a run: figures, peers and rounds.

use std::time::{Duration, SystemTime};

use super::figure::{self, Figure};
use super::machine::Machine;
use super::options::Bench;
use super::peer::{self, PEERS};
use super::place::Places;
use super::results::{Named, Results, Row};
use crate::fault::Fault;
use crate::host::cores;
use crate::kernel::target::resolve;
use crate::load::scene::Load;

/// Figures, peers and rounds, checked.
pub(super) struct Plan {
    pub(super) figures: Vec<&'static Figure>,
    pub(super) peers: Vec<Asked>,
    pub(super) rounds: u16,
    pub(super) time: Duration,
    two_cores: bool,
    pub(super) cores: [usize; 2],
    command: String,
}

/// A peer of this run.
pub(super) struct Asked {
    pub(super) name: Named,
    /// The index in [`PEERS`]; `None` for a server that is already running.
    pub(super) at: Option<usize>,
    pub(super) places: Places,
}

impl Plan {
    pub(super) fn new(options: &Bench) -> Result<Plan, Fault> {
        let figures = figure::chosen(options)?;
        let peers = match &options.target {
            Some(target) => vec![theirs(target, options)?],
            None => peer::chosen(&options.peers)?.into_iter().map(ours).collect(),
        };
        Ok(Plan {
            figures,
            peers,
            rounds: options.rounds(),
            time: options.time(),
            two_cores: options.two_cores,
            cores: cores::choose(options.two_cores)?,
            command: options.command(),
        })
    }

    /// The number of measurements.
    pub(super) fn steps(&self) -> u64 {
        let asked = |figure: &&Figure| self.peers.iter().filter(|it| self.has(it, figure)).count();
        u64::from(self.rounds) * self.figures.iter().map(|it| asked(it) as u64).sum::<u64>()
    }

    /// Whether the figure is measured on this peer.
    pub(super) fn has(&self, asked: &Asked, figure: &Figure) -> bool {
        match asked.at {
            Some(at) => PEERS[at].takes(figure.load),
            None => {
                let is_seen = !figure.value.counts_calls() && !is_held(figure.load);
                is_seen && asked.places.of(figure.load).is_some()
            }
        }
    }

    pub(super) fn results(&self) -> Results {
        Results {
            smolecho: env!("CARGO_PKG_VERSION").into(),
            smoltcp: env!("SMOLTCP_VERSION").into(),
            date: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
            command: self.command.clone(),
            machine: Machine::this(),
            rounds: self.rounds,
            milliseconds: u64::try_from(self.time.as_millis()).unwrap_or(u64::MAX),
            two_cores: self.two_cores,
            complete: false,
            notes: Vec::new(),
            peers: self.peers.iter().map(|asked| asked.name.clone()).collect(),
            ratios: Vec::new(),
            figures: self.figures.iter().map(|figure| Row::new(figure)).collect(),
        }
    }
}

/// Whether a load needs to see the server's process.
fn is_held(load: Load) -> bool {
    matches!(load, Load::Held { .. } | Load::Idle { .. })
}

fn ours(at: usize) -> Asked {
    let name = Named { name: PEERS[at].name.into(), about: PEERS[at].about.into() };
    Asked { name, at: Some(at), places: Places::of_peers() }
}

fn theirs(target: &str, options: &Bench) -> Result<Asked, Fault> {
    let resolved = resolve(&[target.to_owned()])?;
    let echo = *resolved.first().ok_or_else(|| {
        Fault::usage(format!("{target}: the name has no address; one like 192.168.69.1:7 would do"))
    })?;
    let places = Places { echo, discard: options.discard, chargen: options.chargen };
    let name = Named { name: echo.to_string(), about: "measured from kernel sockets".into() };
    Ok(Asked { name, at: None, places })
}
