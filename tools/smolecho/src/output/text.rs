//! The dialogue as text.

use smolecho::{CloseReason, Event, Protocol, Report as Tally};
use smoltcp::wire::IpEndpoint;

use super::dialogue::{self, Role};
use super::excerpt::Excerpt;
use super::stderr::say;
use super::stdout::Stdout;
use crate::args::scope::Scoped;

pub(super) struct Text {
    role: Role,
    /// The client's answer so far; its pieces are printed as one line.
    answer: Excerpt,
}

impl Text {
    pub(super) fn new(role: Role) -> Text {
        Text { role, answer: Excerpt::default() }
    }

    /// The lecture's line; services other than echo are named.
    pub(super) fn listening(
        &self,
        local: IpEndpoint,
        service: &'static str,
        link: &str,
        out: &mut Stdout,
    ) {
        let line = dialogue::listening(Scoped::on(link, local));
        match service {
            "echo" => out.line(line),
            name => out.line(format_args!("{line} ({name})")),
        }
    }

    pub(super) fn event(&mut self, event: &Event<'_>, link: &str, out: &mut Stdout) {
        let place = |endpoint| Scoped::on(link, endpoint);
        match (self.role, event) {
            (_, Event::Accepted { tuple }) => out.line(dialogue::accepted(place(tuple.remote))),
            (_, Event::Connected { tuple }) => out.line(dialogue::connected(place(tuple.remote))),
            (Role::Server, Event::Received { data, .. }) => {
                out.line(dialogue::request(&Excerpt::of(data)));
            }
            (Role::Client, Event::Received { protocol: Protocol::Udp, data, .. }) => {
                out.line(dialogue::answer(&Excerpt::of(data)));
            }
            (Role::Client, Event::Received { data, .. }) => self.answer.push(data),
            (Role::Client, Event::Closed { reason, .. }) if !reason.is_handshake() => {
                out.line(dialogue::answer(&self.answer));
            }
            _ => {}
        }
    }
}

/// Events of both roles: address changes, and queries with retries or wrong answers.
pub(super) fn news(event: &Event<'_>, link: &str) {
    match event {
        Event::AddressGained { cidr } => say(format_args!("{link}: address {cidr}")),
        Event::AddressLost { cidr } => say(format_args!("{link}: lost {cidr}")),
        Event::AddressConflict { cidr, mac } => {
            say(format_args!("{link}: another station has {cidr}: {mac}"));
        }
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

/// Connections that ended badly.
pub(super) fn trouble(event: &Event<'_>, link: &str) {
    if let Event::Closed { tuple, reason, .. } = event
        && *reason != CloseReason::Finished
        && !reason.is_handshake()
    {
        say(format_args!("{}: {}", Scoped::on(link, tuple.remote), reason.name()));
    }
}

/// Everything else, with `-v`.
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
            "{} to {}: a datagram, dropped, {}",
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
