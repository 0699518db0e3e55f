//! What the first process and its stages tell each other, a JSON line each.

use std::ffi::OsString;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::peer::Other;
use super::place::Places;
use crate::fault::Fault;
use crate::load::sample::Sample;
use crate::load::scene::Load;

/// What this process of the program is to be.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Part {
    Stage(Setting),
    Server(Other),
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Setting {
    /// Its place in [`PEERS`]; without one it is somebody else's server.
    pub(super) peer: Option<usize>,
    pub(super) places: Places,
    /// Cores of the client and of the server.
    pub(super) cores: [usize; 2],
}

/// The arguments that make this program that part.
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

/// Over which protocols it echoes; if not, why.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Services {
    pub(super) tcp: Option<String>,
    pub(super) udp: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Answer {
    /// What it lacks.
    Ready(Services),
    /// There is no server: an exit status, and why.
    Refused(u8, String),
    Done(Box<Sample>),
    Failed(String),
}
