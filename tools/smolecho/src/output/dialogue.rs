//! The five lines of the lecture's dialogue.

use smoltcp::wire::IpEndpoint;

use super::excerpt::Excerpt;
use crate::args::scope::Scoped;

/// The side of the dialogue: a server receives requests, a client answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Server,
    Client,
}

pub(crate) fn listening(local: impl Into<Scoped<IpEndpoint>>) -> String {
    format!("Server listening on {}", local.into())
}

pub(crate) fn accepted(peer: impl Into<Scoped<IpEndpoint>>) -> String {
    format!("Accepted connection from {}", peer.into())
}

pub(crate) fn request(data: &Excerpt) -> String {
    format!("Received data: {data}")
}

pub(crate) fn connected(server: impl Into<Scoped<IpEndpoint>>) -> String {
    format!("Connected to server on {}", server.into())
}

pub(crate) fn answer(data: &Excerpt) -> String {
    format!("Received from server: {data}")
}
