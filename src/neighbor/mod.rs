//! ARP and neighbour discovery, where smoltcp 0.14 needs help.
//!
//! A frame goes to smoltcp unchanged, or in other words that smoltcp understands, or gets an answer from here.

mod arp;
#[cfg(any(feature = "conflict-detection", feature = "dhcpv4"))]
mod heard;
mod message;
#[cfg(feature = "proto-ipv6")]
mod ndisc;
mod reaction;

#[cfg(any(feature = "conflict-detection", feature = "dhcpv4"))]
use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{EthernetFrame, EthernetProtocol};

#[cfg(any(feature = "conflict-detection", feature = "dhcpv4"))]
pub(crate) use self::heard::Heard;
#[cfg(any(feature = "conflict-detection", feature = "dhcpv4", feature = "slaac"))]
pub(crate) use self::message::Message;
pub(crate) use self::reaction::{Buffer, Reaction, Station};

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

/// Reads what a frame says about an address; `None` if it is nothing, or not valid.
#[cfg(any(feature = "conflict-detection", feature = "dhcpv4"))]
pub(crate) fn hear(frame: &[u8], checksums: &ChecksumCapabilities) -> Option<Heard> {
    let frame = EthernetFrame::new_checked(frame).ok()?;
    match frame.ethertype() {
        EthernetProtocol::Arp => arp::Arp::read(frame.payload())?.heard(),
        #[cfg(all(feature = "proto-ipv6", feature = "conflict-detection"))]
        EthernetProtocol::Ipv6 => ndisc::heard(&frame, checksums),
        _ => {
            let _ = checksums; // ARP has none.
            None
        }
    }
}
