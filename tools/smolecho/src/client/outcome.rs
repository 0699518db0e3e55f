//! How the attempt to talk to the server came out.

use smolecho::ConnectError;

use super::options::Client;
use crate::args::values::Limit;
use crate::fault::Fault;
use crate::host::child::Child;

/// How an attempt to talk to the server came out.
pub(super) enum Outcome {
    /// Well or not; one line says why not.
    Ended(Result<(), Fault>),
    /// A signal ended it.
    Stopped,
}

/// Why nothing can be sent at all.
pub(super) fn refused(options: &Client, error: ConnectError) -> Fault {
    Fault::failed(format!("{}: {error}", options.server))
}

/// A peer that is no longer there cannot answer.
pub(super) fn check_peer(peer: &mut Child, options: &Client, what: &str) -> Result<(), Fault> {
    match peer.ended()? {
        None => Ok(()),
        Some(status) => Err(Fault::failed(format!(
            "{} ended with {status} before it {what} on {}",
            peer.name(),
            options.server
        ))),
    }
}

pub(super) fn within(limit: Limit) -> String {
    limit.0.map_or_else(|| "ever".into(), |limit| humantime::format_duration(limit).to_string())
}
