//! The gate: classifies each frame by its headers before smoltcp sees it.
//!
//! It decides nothing about connections. It checks lengths, not checksums; those are smoltcp's. A frame
//! that later fails its checksum changes no state.

use smoltcp::wire::{
    ArpPacket, EthernetAddress, EthernetFrame, EthernetProtocol, IpAddress, IpCidr, IpEndpoint,
    IpProtocol, Ipv4Packet, UdpPacket,
};
#[cfg(feature = "proto-ipv6")]
use smoltcp::wire::{Icmpv6Message, Icmpv6Packet, Ipv6Address, Ipv6Packet};

use crate::event::{DropReason, Tuple};
#[cfg(feature = "proto-ipv6")]
use crate::ipv6::{Fault, Problem, UpperLayer, upper_layer};
use crate::path_mtu::{DISCOVERS, TooBig};
use crate::segment::Segment;
use crate::unreachable;

/// The port of a DHCP client (RFC 2131 section 4.1).
const DHCP_CLIENT: u16 = 68;

/// What a frame carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FrameClass<'f> {
    /// A TCP segment; its destination may be no address of this node.
    Segment(Segment<'f>),
    /// A UDP datagram, with its two ends.
    Datagram(Tuple),
    /// A fragment of a UDP datagram: the offset of its end, in bytes.
    Fragment(usize),
    /// A UDP datagram for a DHCP client's port.
    Dhcp(Tuple),
    /// ARP, or a neighbour solicitation or advertisement, with the address whose hardware address it tells.
    Neighbor(Option<IpAddress>),
    /// A router advertisement.
    #[cfg(feature = "proto-ipv6")]
    Router,
    /// An IPv6 packet that is not understood, from and to these addresses.
    #[cfg(feature = "proto-ipv6")]
    Problem(Problem, Ipv6Address, Ipv6Address),
    /// A router's word that a segment was too big, and the router's hardware address.
    TooBig(TooBig, EthernetAddress),
    /// ICMP: nobody has bound the remote port of a datagram with these two ends.
    PortUnreachable(Tuple),
    /// Anything else: smoltcp answers it or ignores it.
    Other,
    /// Not passed on to smoltcp.
    Drop(DropReason),
}

/// The hardware address and the IP addresses of this node.
pub(crate) struct LocalAddresses<'a> {
    pub(crate) mac: EthernetAddress,
    pub(crate) addresses: &'a [IpCidr],
}

impl LocalAddresses<'_> {
    /// Reads a frame's headers, down to the TCP or UDP ports.
    pub(crate) fn classify<'f>(&self, frame: &'f [u8]) -> FrameClass<'f> {
        let Ok(ethernet) = EthernetFrame::new_checked(frame) else {
            return FrameClass::Drop(DropReason::Malformed);
        };
        let to = ethernet.dst_addr();
        if to != self.mac && !to.is_broadcast() && !to.is_multicast() {
            return FrameClass::Drop(DropReason::NotOurs);
        }
        let is_for_all = to != self.mac;
        match ethernet.ethertype() {
            EthernetProtocol::Arp => FrameClass::Neighbor(arp_sender(ethernet.payload())),
            EthernetProtocol::Ipv4 => self.classify_ipv4(frame, ethernet.payload(), is_for_all),
            #[cfg(feature = "proto-ipv6")]
            EthernetProtocol::Ipv6 => self.classify_ipv6(frame, ethernet.payload(), is_for_all),
            _ => FrameClass::Drop(DropReason::UnknownProtocol),
        }
    }

    fn classify_ipv4<'f>(
        &self,
        frame: &'f [u8],
        packet: &'f [u8],
        is_for_all: bool,
    ) -> FrameClass<'f> {
        let Ok(ip) = Ipv4Packet::new_checked(packet) else {
            return FrameClass::Drop(DropReason::Malformed);
        };
        let (from, to) = (ip.src_addr(), ip.dst_addr());
        // RFC 1122 section 3.3.6: a link-layer broadcast does not carry a packet for one host.
        if is_for_all && self.has(&to.into()) {
            return FrameClass::Drop(DropReason::Broadcast);
        }
        let is_fragment = ip.more_frags() || ip.frag_offset() != 0;
        match ip.next_header() {
            // Without reassembly smoltcp takes a fragment for a whole packet.
            _ if is_fragment && cfg!(not(feature = "ipv4-fragmentation")) => {
                FrameClass::Drop(DropReason::Fragment)
            }
            IpProtocol::Tcp if is_fragment => FrameClass::Drop(DropReason::Fragment),
            IpProtocol::Tcp => classify_tcp(frame, from, to, ip.payload()),
            IpProtocol::Udp if is_fragment => {
                FrameClass::Fragment(usize::from(ip.frag_offset()) + ip.payload().len())
            }
            IpProtocol::Udp => classify_udp(from, to, ip.payload()),
            IpProtocol::Icmp if self.has(&from.into()) => FrameClass::Drop(DropReason::BadSource),
            IpProtocol::Icmp if !is_for_all => match unreachable::ipv4(ip.payload()) {
                Some(tuple) => FrameClass::PortUnreachable(tuple),
                None if DISCOVERS => classify_too_big(frame, TooBig::ipv4(ip.payload())),
                None => FrameClass::Other,
            },
            _ => FrameClass::Other,
        }
    }

    #[cfg(feature = "proto-ipv6")]
    fn classify_ipv6<'f>(
        &self,
        frame: &'f [u8],
        packet: &'f [u8],
        is_for_all: bool,
    ) -> FrameClass<'f> {
        let Ok(ip) = Ipv6Packet::new_checked(packet) else {
            return FrameClass::Drop(DropReason::Malformed);
        };
        let (from, to) = (ip.src_addr(), ip.dst_addr());
        if is_for_all && self.has(&to.into()) {
            return FrameClass::Drop(DropReason::Broadcast);
        }
        let UpperLayer { protocol, start, .. } = match upper_layer(&ip) {
            Ok(upper) => upper,
            Err(Fault::Drop(reason)) => return FrameClass::Drop(reason),
            Err(Fault::Problem(problem)) => {
                return FrameClass::Problem(problem, from, to);
            }
        };
        let payload = &ip.payload()[start..];
        let message = payload.first().map(|message| Icmpv6Message::from(*message));
        match protocol {
            IpProtocol::Tcp => classify_tcp(frame, from, to, payload),
            // RFC 8200 section 8.1: over IPv6 the checksum is not optional.
            IpProtocol::Udp if matches!(payload, [_, _, _, _, _, _, 0, 0, ..]) => {
                FrameClass::Drop(DropReason::Malformed)
            }
            IpProtocol::Udp => classify_udp(from, to, payload),
            IpProtocol::Icmpv6
                if message == Some(Icmpv6Message::EchoRequest) && self.has(&from.into()) =>
            {
                FrameClass::Drop(DropReason::BadSource)
            }
            IpProtocol::Icmpv6 if message == Some(Icmpv6Message::NeighborAdvert) => {
                FrameClass::Neighbor(advertised(payload))
            }
            IpProtocol::Icmpv6 if message == Some(Icmpv6Message::DstUnreachable) && !is_for_all => {
                unreachable::ipv6(payload, from, to)
                    .map_or(FrameClass::Other, FrameClass::PortUnreachable)
            }
            IpProtocol::Icmpv6
                if DISCOVERS && message == Some(Icmpv6Message::PktTooBig) && !is_for_all =>
            {
                classify_too_big(frame, TooBig::ipv6(payload, from, to))
            }
            IpProtocol::Icmpv6 if message == Some(Icmpv6Message::NeighborSolicit) => {
                FrameClass::Neighbor(Some(from.into()))
            }
            IpProtocol::Icmpv6 if message == Some(Icmpv6Message::RouterAdvert) => {
                FrameClass::Router
            }
            _ => FrameClass::Other,
        }
    }

    /// Why a segment to this address is dropped; `None` if the address is this node's.
    pub(crate) fn drop_reason(&self, address: &IpAddress) -> Option<DropReason> {
        if self.has(address) {
            return None;
        }
        // RFC 9293 MUST-57: a SYN to a broadcast or multicast address is dropped, not answered.
        let is_for_all = address.is_multicast() || self.is_broadcast(address);
        Some(if is_for_all { DropReason::Broadcast } else { DropReason::NotOurs })
    }

    /// RFC 1122 section 3.2.1.3, RFC 9293 MUST-63: whether another host can have this source address.
    pub(crate) fn is_possible_peer(&self, from: &IpAddress, to: &IpAddress) -> bool {
        from.is_unicast()
            && !self.is_broadcast(from)
            && !self.has(from)
            && (!is_loopback(from) || is_loopback(to))
    }

    pub(crate) fn has(&self, address: &IpAddress) -> bool {
        self.addresses.iter().any(|own| own.address() == *address)
    }

    fn is_broadcast(&self, address: &IpAddress) -> bool {
        address.is_broadcast()
            || self.addresses.iter().any(|own| match own {
                IpCidr::Ipv4(own) => own.broadcast().map(IpAddress::Ipv4) == Some(*address),
                #[cfg(feature = "proto-ipv6")]
                IpCidr::Ipv6(_) => false,
            })
    }
}

fn classify_tcp<'f>(
    frame: &'f [u8],
    from: impl Into<IpAddress>,
    to: impl Into<IpAddress>,
    segment: &'f [u8],
) -> FrameClass<'f> {
    match Segment::new(frame, segment, from.into(), to.into()) {
        Some(segment) => FrameClass::Segment(segment),
        None => FrameClass::Drop(DropReason::Malformed),
    }
}

fn classify_udp<'f, A: Into<IpAddress>>(from: A, to: A, datagram: &[u8]) -> FrameClass<'f> {
    let Ok(udp) = UdpPacket::new_checked(datagram) else {
        return FrameClass::Drop(DropReason::Malformed);
    };
    let tuple = Tuple {
        local: IpEndpoint::new(to.into(), udp.dst_port()),
        remote: IpEndpoint::new(from.into(), udp.src_port()),
    };
    if udp.dst_port() == DHCP_CLIENT {
        FrameClass::Dhcp(tuple)
    } else {
        FrameClass::Datagram(tuple)
    }
}

fn classify_too_big<'f>(frame: &[u8], too_big: Option<TooBig>) -> FrameClass<'f> {
    let router = EthernetFrame::new_unchecked(frame).src_addr();
    too_big.map_or(FrameClass::Other, |too_big| FrameClass::TooBig(too_big, router))
}

fn is_loopback(address: &IpAddress) -> bool {
    match address {
        IpAddress::Ipv4(v4) => v4.is_loopback(),
        #[cfg(feature = "proto-ipv6")]
        IpAddress::Ipv6(v6) => v6.is_loopback(),
    }
}

/// The sender's protocol address (RFC 826).
fn arp_sender(arp: &[u8]) -> Option<IpAddress> {
    let arp = ArpPacket::new_checked(arp).ok()?;
    let octets: [u8; 4] = arp.source_protocol_addr().try_into().ok()?;
    Some(IpAddress::Ipv4(octets.into()))
}

/// The target of a neighbour advertisement (RFC 4861 section 4.4).
#[cfg(feature = "proto-ipv6")]
fn advertised(icmp: &[u8]) -> Option<IpAddress> {
    // The header and the target address; smoltcp's own check does not cover the latter.
    let icmp = Icmpv6Packet::new_checked(icmp.get(..24)?).ok()?;
    Some(icmp.target_addr().into())
}
