//! ARP and neighbour discovery, where smoltcp 0.14 needs help.
//!
//! A frame goes to smoltcp unchanged, or in other words that smoltcp understands, or gets an answer from here.

mod arp;
#[cfg(any(feature = "conflict-detection", feature = "dhcpv4"))]
mod heard;
mod message;
#[cfg(feature = "proto-ipv6")]
mod ndisc;

#[cfg(feature = "proto-ipv6")]
use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{EthernetAddress, EthernetFrame, EthernetProtocol, IpCidr, Ipv4Address};

#[cfg(any(feature = "conflict-detection", feature = "dhcpv4"))]
pub(crate) use self::heard::Heard;
#[cfg(any(feature = "conflict-detection", feature = "dhcpv4", feature = "slaac"))]
pub(crate) use self::message::Message;

/// Room for a message to smoltcp or from it: a neighbour advertisement with a few options more than usual.
pub(crate) type Buffer = [u8; if cfg!(feature = "proto-ipv6") { 128 } else { arp::FRAME }];

/// What becomes of a frame.
pub(crate) enum Reaction<'b> {
    /// smoltcp takes it.
    Deliver,
    /// smoltcp takes this in its place.
    Retell(&'b [u8]),
    /// It gets this answer, and smoltcp does not see it.
    Answer(&'b [u8]),
}

/// A station's view of a frame with ARP or neighbour discovery.
pub(crate) struct Station<'a> {
    pub(crate) mac: EthernetAddress,
    pub(crate) own: &'a [IpCidr],
    #[cfg(feature = "proto-ipv6")]
    pub(crate) checksums: &'a ChecksumCapabilities,
    /// The name for the sender of this frame, if it is a router outside the network: see
    /// `addresses::off_link`.
    pub(crate) alias: Option<Ipv4Address>,
}

impl Station<'_> {
    pub(crate) fn react<'b>(&self, frame: &[u8], buffer: &'b mut Buffer) -> Reaction<'b> {
        let Ok(ethernet) = EthernetFrame::new_checked(frame) else { return Reaction::Deliver };
        let reaction = match ethernet.ethertype() {
            EthernetProtocol::Arp => self.react_to_arp(ethernet.payload(), buffer),
            #[cfg(feature = "proto-ipv6")]
            EthernetProtocol::Ipv6 => self.react_to_ndisc(frame, buffer),
            _ => None,
        };
        reaction.unwrap_or(Reaction::Deliver)
    }
}
