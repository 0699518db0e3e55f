//! How a conversation with the server ended.

use std::time::Duration;

use smolecho::ConnectError;

use super::options::Client;
use crate::args::values::Limit;
use crate::fault::Fault;
use crate::host::child::Child;

/// How a conversation with the server ended.
pub(super) enum Outcome {
    /// Success, or one line that says what went wrong.
    Ended(Result<(), Fault>),
    /// A signal came.
    Stopped,
}

/// The server cannot be reached at all.
pub(super) fn refused(options: &Client, error: ConnectError) -> Fault {
    Fault::failed(format!("{}: {error}", options.server))
}

/// Fails if the peer command has ended: it can no longer answer.
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

pub(super) fn within(limit: Limit<Duration>) -> String {
    limit.0.map_or_else(|| "ever".into(), |limit| humantime::format_duration(limit).to_string())
}
