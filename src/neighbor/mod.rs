//! What neighbours say to each other, where smoltcp 0.14 does not follow: ARP and neighbour discovery.
//!
//! A frame is left to smoltcp as it is, or told to it in words that it understands, or answered here.

mod arp;
mod message;
#[cfg(feature = "proto-ipv6")]
mod ndisc;

use smoltcp::phy::ChecksumCapabilities;
#[cfg(feature = "conflict-detection")]
use smoltcp::wire::IpAddress;
use smoltcp::wire::{EthernetAddress, EthernetFrame, EthernetProtocol, IpCidr, Ipv4Address};

use self::arp::Arp;
#[cfg(feature = "dhcpv4")]
pub(crate) use self::arp::OffLinkRouter;
pub(crate) use self::message::Message;
#[cfg(feature = "proto-ipv6")]
use self::ndisc::Ndisc;

/// An ARP packet, or a neighbour solicitation or advertisement.
#[derive(Clone, Copy)]
pub(crate) enum Heard {
    Arp(Arp),
    #[cfg(feature = "proto-ipv6")]
    Ndisc(Ndisc),
}

/// What becomes of it.
pub(crate) enum Reaction {
    /// smoltcp takes it as it is.
    Deliver,
    /// smoltcp takes this in its place.
    Retell(Message),
    /// It gets this answer; smoltcp does not see it.
    Answer(Message),
}

#[cfg(feature = "conflict-detection")]
impl Message {
    /// Asks whether another station has the address.
    pub(crate) fn probe(mac: EthernetAddress, address: IpAddress) -> Message {
        match address {
            IpAddress::Ipv4(v4) => Message::who_has(mac, Ipv4Address::UNSPECIFIED, v4),
            #[cfg(feature = "proto-ipv6")]
            IpAddress::Ipv6(v6) => Message::detect_duplicate(mac, v6),
        }
    }

    /// Tells all that the address is ours.
    pub(crate) fn announce(mac: EthernetAddress, address: IpAddress) -> Message {
        match address {
            IpAddress::Ipv4(v4) => Message::who_has(mac, v4, v4),
            #[cfg(feature = "proto-ipv6")]
            IpAddress::Ipv6(v6) => Message::advertise(mac, v6),
        }
    }
}

impl Heard {
    /// Reads a frame; `None` if it is nothing of the kind, or damaged.
    pub(crate) fn read(frame: &[u8], checksums: &ChecksumCapabilities) -> Option<Heard> {
        let frame = EthernetFrame::new_checked(frame).ok()?;
        match frame.ethertype() {
            EthernetProtocol::Arp => Arp::read(&frame).map(Heard::Arp),
            #[cfg(feature = "proto-ipv6")]
            EthernetProtocol::Ipv6 => Ndisc::read(&frame, checksums).map(Heard::Ndisc),
            _ => {
                let _ = checksums; // ARP has none.
                None
            }
        }
    }

    /// `alias` is what the router is called that tells its hardware address, see [`OffLinkRouter`].
    pub(crate) fn reaction(
        &self,
        mac: EthernetAddress,
        own: &[IpCidr],
        alias: Option<Ipv4Address>,
    ) -> Reaction {
        match self {
            Heard::Arp(arp) => arp.reaction(mac, own, alias),
            #[cfg(feature = "proto-ipv6")]
            Heard::Ndisc(ndisc) => ndisc.reaction(mac, own),
        }
    }

    /// The address that its sender has; or that it probes for, then the last is true.
    #[cfg(feature = "conflict-detection")]
    pub(crate) fn claimed(&self) -> Option<(IpAddress, EthernetAddress, bool)> {
        match self {
            Heard::Arp(arp) => arp.claimed(),
            #[cfg(feature = "proto-ipv6")]
            Heard::Ndisc(ndisc) => ndisc.claimed(),
        }
    }

    /// Whether it tells the hardware address of this router.
    #[cfg(feature = "dhcpv4")]
    pub(crate) fn is_of(&self, off_link: OffLinkRouter) -> bool {
        match self {
            Heard::Arp(arp) => arp.is_of(off_link),
            #[cfg(feature = "proto-ipv6")]
            Heard::Ndisc(_) => false,
        }
    }
}
