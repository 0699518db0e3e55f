//! Messages between the bench process and its stages, one JSON line each.

use std::ffi::OsString;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::peer::Other;
use super::place::Places;
use crate::fault::Fault;
use crate::load::sample::Sample;
use crate::load::scene::Load;

/// The part that a child process plays.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Part {
    Stage(Setting),
    Server(Other),
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Setting {
    /// The index in `PEERS`; `None` for a server that is already running.
    pub(super) peer: Option<usize>,
    pub(super) places: Places,
    /// Cores of the client and of the server.
    pub(super) cores: [usize; 2],
}

/// The arguments that start this program as `part`.
pub(super) fn arguments(part: &Part) -> Result<[OsString; 2], Fault> {
    let json = serde_json::to_string(part).map_err(|error| Fault::failed(error.to_string()))?;
    Ok(["bench-part".into(), json.into()])
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Order {
    pub(super) load: Load,
    pub(super) time: Duration,
    pub(super) counts_calls: bool,
}

/// Why the server does not echo over TCP or UDP; `None` if it does.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Services {
    pub(super) tcp: Option<String>,
    pub(super) udp: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Answer {
    /// The server runs.
    Ready(Services),
    /// There is no server: the exit status, and why.
    Refused(u8, String),
    Done(Box<Sample>),
    Failed(String),
}
