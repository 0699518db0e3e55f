//! Events as text: `Display`, and with the features of these names `log` and `defmt`.
//!
//! The node itself logs nothing, so a program that does not print its events pays nothing.

use core::fmt::{Display, Formatter, Result};
use core::net::{IpAddr, SocketAddr};

use smoltcp::wire::{EthernetAddress, IpEndpoint};

use crate::event::Event;

/// The text of an event, for `core::write` and `defmt::write`.
macro_rules! write_event {
    ($write:ident, $f:expr, $event:expr) => {
        match $event {
            Event::Accepted { tuple } => {
                $write!($f, "Accepted connection from {}", socket_addr(tuple.remote))
            }
            Event::Connected { tuple } => $write!($f, "Connected to {}", socket_addr(tuple.remote)),
            Event::Received { tuple, data, .. } => {
                $write!($f, "Received {} bytes from {}", data.len(), socket_addr(tuple.remote))
            }
            Event::Sent { tuple, bytes, .. } => {
                $write!($f, "Sent {} bytes to {}", bytes, socket_addr(tuple.remote))
            }
            Event::Closed { tuple, reason, received, sent } => $write!(
                $f,
                "Closed {}: {}, {} bytes received, {} sent",
                socket_addr(tuple.remote),
                reason.name(),
                received,
                sent
            ),
            Event::DatagramDropped { reason, tuple } => {
                $write!($f, "No answer to {}: {}", socket_addr(tuple.remote), reason.name())
            }
            Event::Reported { tuple, report } => $write!(
                $f,
                "Asked {}: {} sent, {} answered, {} lost",
                socket_addr(tuple.remote),
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
                $write!($f, "Refused a frame of {}: {}", socket_addr(tuple.remote), reason.name())
            }
            Event::Dropped { reason, tuple: None } => {
                $write!($f, "Refused a frame: {}", reason.name())
            }
        }
    };
}

/// For the standard library's format: an IPv6 address in brackets.
fn socket_addr(endpoint: IpEndpoint) -> SocketAddr {
    SocketAddr::new(endpoint.addr.into(), endpoint.port)
}

impl Display for Event<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write_event!(write, f, self)
    }
}

#[cfg(feature = "log")]
impl Event<'_> {
    /// Logs the event through the `log` crate: events of connections, addresses and the link at level
    /// `info`, those that can occur for each frame at level `debug`.
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
    use smoltcp::wire::EthernetAddress;

    use super::socket_addr;
    use crate::event::{Event, Tuple};

    impl Format for Event<'_> {
        fn format(&self, f: Formatter<'_>) {
            write_event!(write, f, self);
        }
    }

    impl Format for Tuple {
        fn format(&self, f: Formatter<'_>) {
            write!(f, "{} with {}", socket_addr(self.local), socket_addr(self.remote));
        }
    }
}
