//! An event in words: by `Display`, and with the features of their names through `log` and `defmt`.
//!
//! The node itself logs nothing: a program that wants lines passes its events on, so one that does not
//! pays for none.

use core::fmt::{Display, Formatter, Result};
use core::net::{IpAddr, SocketAddr};

use smoltcp::wire::{EthernetAddress, IpEndpoint};

use crate::event::Event;

/// One text for every kind of writer.
macro_rules! words {
    ($write:ident, $f:expr, $event:expr) => {
        match $event {
            Event::Accepted { tuple } => {
                $write!($f, "Accepted connection from {}", place(tuple.remote))
            }
            Event::Connected { tuple } => $write!($f, "Connected to {}", place(tuple.remote)),
            Event::Received { tuple, data, .. } => {
                $write!($f, "Received {} bytes from {}", data.len(), place(tuple.remote))
            }
            Event::Sent { tuple, bytes, .. } => {
                $write!($f, "Sent {} bytes to {}", bytes, place(tuple.remote))
            }
            Event::Closed { tuple, reason, received, sent } => $write!(
                $f,
                "Closed {}: {}, {} bytes received, {} sent",
                place(tuple.remote),
                reason.name(),
                received,
                sent
            ),
            Event::DatagramDropped { reason, tuple } => {
                $write!($f, "No answer to {}: {}", place(tuple.remote), reason.name())
            }
            Event::Reported { tuple, report } => $write!(
                $f,
                "Asked {}: {} sent, {} answered, {} lost",
                place(tuple.remote),
                report.sent,
                report.answered,
                report.lost
            ),
            Event::AddressGained { cidr } => $write!(
                $f,
                "Gained the address {}/{}",
                IpAddr::from(cidr.address()),
                cidr.prefix_len()
            ),
            Event::AddressLost { cidr } => $write!(
                $f,
                "Lost the address {}/{}",
                IpAddr::from(cidr.address()),
                cidr.prefix_len()
            ),
            Event::AddressConflict { cidr, mac: EthernetAddress(mac) } => $write!(
                $f,
                "Another station has the address {}/{}: {:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}",
                IpAddr::from(cidr.address()),
                cidr.prefix_len(),
                mac[0],
                mac[1],
                mac[2],
                mac[3],
                mac[4],
                mac[5]
            ),
            Event::LinkUp => $write!($f, "Link up"),
            Event::LinkDown => $write!($f, "Link down"),
            Event::Dropped { reason, tuple: Some(tuple) } => {
                $write!($f, "Refused a frame of {}: {}", place(tuple.remote), reason.name())
            }
            Event::Dropped { reason, tuple: None } => {
                $write!($f, "Refused a frame: {}", reason.name())
            }
        }
    };
}

/// As the standard library writes it, for either writer: an IPv6 address in brackets.
fn place(endpoint: IpEndpoint) -> SocketAddr {
    SocketAddr::new(endpoint.addr.into(), endpoint.port)
}

impl Display for Event<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        words!(write, f, self)
    }
}

#[cfg(feature = "log")]
impl Event<'_> {
    /// Logs it: what becomes of a connection or an address as information, every other thing, and there
    /// can be one for each frame, for debugging.
    pub fn log(&self) {
        let level = match self {
            Event::Received { .. }
            | Event::Sent { .. }
            | Event::DatagramDropped { .. }
            | Event::Dropped { .. } => log::Level::Debug,
            _ => log::Level::Info,
        };
        log::log!(target: "smolecho", level, "{self}");
    }
}

#[cfg(feature = "defmt")]
mod deferred {
    use core::net::IpAddr;

    use defmt::{Format, Formatter, write};

    use super::place;
    use smoltcp::wire::EthernetAddress;

    use crate::event::{Event, Tuple};

    impl Format for Event<'_> {
        fn format(&self, f: Formatter<'_>) {
            words!(write, f, self);
        }
    }

    impl Format for Tuple {
        fn format(&self, f: Formatter<'_>) {
            write!(f, "{} with {}", place(self.local), place(self.remote));
        }
    }
}
