//! JSON lines: one object per event, without fields that do not apply.

use std::net::SocketAddr;

use serde::Serialize;
use smolecho::{CloseReason, Event, Protocol, Report as Tally, Tuple};
use smoltcp::wire::{IpCidr, IpEndpoint};

use super::counters::Snapshot;
use super::dialogue::Role;
use super::stdout::Stdout;

pub(super) struct Json {
    role: Role,
    /// The chargen port: data sent from it is no echo.
    chargen: Option<u16>,
}

#[derive(Default, Serialize)]
struct Line<'l> {
    event: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    proto: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    peer: Option<SocketAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    local: Option<SocketAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sent: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    interface: Option<&'l str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    datagrams: Option<Datagrams>,
}

/// The outcome of a query.
#[derive(Serialize)]
struct Datagrams {
    sent: u32,
    answered: u32,
    lost: u32,
    duplicates: u32,
    reordered: u32,
    mismatched: u32,
}

impl Json {
    pub(super) fn new(role: Role) -> Json {
        Json { role, chargen: None }
    }

    pub(super) fn listening(
        &mut self,
        local: IpEndpoint,
        service: &'static str,
        over: &[Protocol],
        out: &mut Stdout,
    ) {
        if service == "chargen" {
            self.chargen = Some(local.port);
        }
        for protocol in over {
            let line = Line {
                event: "listening",
                proto: Some(proto(*protocol)),
                local: Some(local.into()),
                service: Some(service),
                ..Line::default()
            };
            print(&line, out);
        }
    }

    pub(super) fn event(&self, event: &Event<'_>, link: &str, out: &mut Stdout) {
        use Protocol::{Tcp, Udp};
        let line = match *event {
            Event::Accepted { tuple } => about("accepted", Tcp, tuple),
            Event::Connected { tuple } => about("connected", Tcp, tuple),
            Event::Received { protocol, tuple, data } => {
                Line { bytes: Some(data.len() as u64), ..about("received", protocol, tuple) }
            }
            Event::Sent { protocol, tuple, bytes } => {
                Line { bytes: Some(bytes as u64), ..about(self.sent(tuple), protocol, tuple) }
            }
            Event::Closed { tuple, reason, received, sent } => Line {
                bytes: Some(received),
                sent: Some(sent),
                reason: Some(reason.name()),
                ..about(kind(reason), Tcp, tuple)
            },
            Event::Reported { tuple, report } => reported(tuple, report),
            Event::DatagramDropped { reason, tuple } => {
                Line { reason: Some(reason.name()), ..about("refused", Udp, tuple) }
            }
            Event::Dropped { reason, tuple } => Line {
                reason: Some(reason.name()),
                ..tuple.map_or(nameless("refused"), |tuple| about("refused", Tcp, tuple))
            },
            Event::AddressGained { cidr } => of_link(link, "address gained", Some(cidr)),
            Event::AddressLost { cidr } => of_link(link, "address lost", Some(cidr)),
            Event::AddressConflict { cidr, .. } => of_link(link, "address conflict", Some(cidr)),
            _ => return,
        };
        print(&line, out);
    }

    pub(super) fn link(&self, name: &str, state: &'static str, out: &mut Stdout) {
        print(&of_link(name, state, None), out);
    }

    pub(super) fn unanswered(&self, name: &str, who: &'static str, out: &mut Stdout) {
        print(&Line { event: "timeout", ..of_link(name, who, None) }, out);
    }

    pub(super) fn stats(&self, snapshot: &Snapshot<'_>, out: &mut Stdout) {
        print(&snapshot.object(), out);
    }

    fn sent(&self, tuple: Tuple) -> &'static str {
        match self.role {
            Role::Server if self.chargen != Some(tuple.local.port) => "echoed",
            _ => "sent",
        }
    }
}

fn proto(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Tcp => "tcp",
        Protocol::Udp => "udp",
    }
}

fn nameless(event: &'static str) -> Line<'static> {
    Line { event, ..Line::default() }
}

fn about(event: &'static str, protocol: Protocol, tuple: Tuple) -> Line<'static> {
    Line {
        proto: Some(proto(protocol)),
        peer: Some(tuple.remote.into()),
        local: Some(tuple.local.into()),
        ..nameless(event)
    }
}

fn of_link<'l>(name: &'l str, reason: &'static str, cidr: Option<IpCidr>) -> Line<'l> {
    Line {
        event: "link",
        interface: Some(name),
        reason: Some(reason),
        address: cidr.map(|cidr| cidr.to_string()),
        ..Line::default()
    }
}

fn reported(tuple: Tuple, tally: Tally) -> Line<'static> {
    let Tally { sent, answered, lost, duplicates, reordered, mismatched, .. } = tally;
    let (event, reason) = match lost {
        0 => ("closed", "answered"),
        _ => ("timeout", "no answer"),
    };
    Line {
        reason: Some(reason),
        datagrams: Some(Datagrams { sent, answered, lost, duplicates, reordered, mismatched }),
        ..about(event, Protocol::Udp, tuple)
    }
}

/// The event of a closed connection: a deadline, a refusal, or a close.
fn kind(end: CloseReason) -> &'static str {
    match end {
        CloseReason::HandshakeTimeout
        | CloseReason::IdleTimeout
        | CloseReason::StallTimeout
        | CloseReason::PersistTimeout
        | CloseReason::FinWaitTimeout => "timeout",
        CloseReason::ConnectRefused => "refused",
        _ => "closed",
    }
}

fn print(line: &impl Serialize, out: &mut Stdout) {
    // Numbers and short strings always serialize.
    if let Ok(line) = serde_json::to_string(line) {
        out.line(line);
    }
}
