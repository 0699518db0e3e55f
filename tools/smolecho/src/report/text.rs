//! The dialogue in the lecture's words.

use smolecho::{CloseReason, Event, Protocol, Report as Tally};
use smoltcp::wire::IpEndpoint;

use super::stdout::Stdout;
use super::{Excerpt, Role, say};
use crate::lecture;
use crate::scope::Scoped;
use crate::services::Offer;

pub(super) struct Text {
    role: Role,
    /// What the client has received; the answer may come in pieces, and is printed as one.
    answer: Excerpt,
}

impl Text {
    pub(super) fn new(role: Role) -> Text {
        Text { role, answer: Excerpt::default() }
    }

    /// The lecture's line for the echo; what was asked for beside it is named.
    pub(super) fn listening(&self, local: IpEndpoint, offer: &Offer, link: &str, out: &mut Stdout) {
        let line = lecture::listening(Scoped::on(link, local));
        match offer.name {
            "echo" => out.line(line),
            name => out.line(format_args!("{line} ({name})")),
        }
    }

    pub(super) fn event(&mut self, event: &Event<'_>, link: &str, out: &mut Stdout) {
        let place = |endpoint| Scoped::on(link, endpoint);
        match (self.role, event) {
            (_, Event::Accepted { tuple }) => out.line(lecture::accepted(place(tuple.remote))),
            (_, Event::Connected { tuple }) => out.line(lecture::connected(place(tuple.remote))),
            (Role::Server, Event::Received { data, .. }) => {
                out.line(lecture::request(&Excerpt::of(data)));
            }
            (Role::Client, Event::Received { protocol: Protocol::Udp, data, .. }) => {
                out.line(lecture::answer(&Excerpt::of(data)));
            }
            (Role::Client, Event::Received { data, .. }) => self.answer.push(data),
            (Role::Client, Event::Closed { reason, .. }) if !reason.is_handshake() => {
                out.line(lecture::answer(&self.answer));
            }
            _ => {}
        }
    }
}

/// What changed for both roles: the stack's addresses, and how asking went, if not at once.
pub(super) fn news(event: &Event<'_>, link: &str) {
    match event {
        Event::AddressGained { cidr } => say(format_args!("{link}: the network gave us {cidr}")),
        Event::AddressLost { cidr } => say(format_args!("{link}: {cidr} is no longer ours")),
        Event::Reported {
            report: Tally { sent, answered, lost: 0, duplicates, mismatched, .. },
            ..
        } if *sent > *answered || *duplicates > 0 || *mismatched > 0 => {
            let also = [(duplicates, "duplicate"), (mismatched, "different")];
            let also = also.into_iter().filter(|(n, _)| **n > 0);
            let also: String = also.map(|(n, what)| format!(", {n} {what}")).collect();
            say(format_args!("datagrams: {sent} sent, {answered} answered{also}"));
        }
        _ => {}
    }
}

/// What the dialogue does not say: how a connection ended, if not well.
pub(super) fn trouble(event: &Event<'_>, link: &str) {
    if let Event::Closed { tuple, reason, .. } = event
        && *reason != CloseReason::Finished
        && !reason.is_handshake()
    {
        say(format_args!("{}: {}", Scoped::on(link, tuple.remote), reason.name()));
    }
}

/// And with `-v` all of it.
pub(super) fn detail(event: &Event<'_>, link: &str) {
    let place = |endpoint| Scoped::on(link, endpoint);
    match event {
        Event::Sent { tuple, bytes, .. } => {
            say(format_args!("{}: {bytes} bytes sent", place(tuple.remote)));
        }
        Event::Closed { tuple, reason, received, sent } => say(format_args!(
            "{}: closed, {}, {received} bytes received, {sent} sent",
            place(tuple.remote),
            reason.name()
        )),
        Event::DatagramDropped { reason, tuple } => say(format_args!(
            "{} to {}: a datagram, ignored, {}",
            place(tuple.remote),
            place(tuple.local),
            reason.name()
        )),
        Event::Dropped { reason, tuple: Some(tuple) } => say(format_args!(
            "{} to {}: refused, {}",
            place(tuple.remote),
            place(tuple.local),
            reason.name()
        )),
        Event::Dropped { reason, tuple: None } => {
            say(format_args!("a frame: refused, {}", reason.name()));
        }
        _ => {}
    }
}
