//! An ARP packet, or a message of neighbour discovery, of the node's own.

#[cfg(any(feature = "conflict-detection", feature = "dhcpv4", feature = "slaac"))]
use smoltcp::phy::TxToken;
use smoltcp::wire::{ArpPacket, ArpRepr, EthernetAddress, EthernetFrame, EthernetProtocol};
#[cfg(feature = "proto-ipv6")]
use smoltcp::wire::{
    Icmpv6Message, Icmpv6Packet, IpProtocol, Ipv6Address, Ipv6Packet, NdiscNeighborFlags,
};
#[cfg(feature = "conflict-detection")]
use smoltcp::wire::{IpAddress, Ipv4Address};

/// It, and its two stations.
pub(crate) struct Message {
    pub(super) from: EthernetAddress,
    pub(super) to: EthernetAddress,
    pub(super) body: Body,
}

pub(super) enum Body {
    Arp(ArpRepr),
    #[cfg(feature = "proto-ipv6")]
    Ndisc {
        from: Ipv6Address,
        to: Ipv6Address,
        kind: Icmpv6Message,
        /// All but a router solicitation have one.
        target: Option<Ipv6Address>,
        lladdr: Option<EthernetAddress>,
    },
}

/// Bytes of a frame with ARP for IPv4.
pub(super) const ARP_FRAME: usize = EthernetFrame::<&[u8]>::buffer_len(28);

/// Bytes of an IPv6 header; of a message before its target, that target, and its link-layer address.
#[cfg(feature = "proto-ipv6")]
pub(super) const IPV6: usize = 40;
#[cfg(feature = "proto-ipv6")]
pub(super) const HEAD: usize = 8;
#[cfg(feature = "proto-ipv6")]
pub(super) const TARGET: usize = 16;
#[cfg(feature = "proto-ipv6")]
const OPTION: usize = 8;

/// Source and target link-layer address (RFC 4861 section 4.6.1).
#[cfg(feature = "proto-ipv6")]
pub(super) const SOURCE_LLADDR: u8 = 1;
#[cfg(feature = "proto-ipv6")]
const TARGET_LLADDR: u8 = 2;

impl Message {
    #[cfg(any(feature = "conflict-detection", feature = "dhcpv4", feature = "slaac"))]
    pub(crate) fn send(&self, token: impl TxToken) {
        token.consume(self.len(), |buffer| {
            self.write(buffer);
        });
    }

    /// Asks whether another station has the address.
    #[cfg(feature = "conflict-detection")]
    pub(crate) fn probe(mac: EthernetAddress, address: IpAddress) -> Message {
        match address {
            IpAddress::Ipv4(v4) => Message::who_has(mac, Ipv4Address::UNSPECIFIED, v4),
            #[cfg(feature = "proto-ipv6")]
            IpAddress::Ipv6(v6) => Message::detect_duplicate(mac, v6),
        }
    }

    /// Tells all stations that the address is ours.
    #[cfg(feature = "conflict-detection")]
    pub(crate) fn announce(mac: EthernetAddress, address: IpAddress) -> Message {
        match address {
            IpAddress::Ipv4(v4) => Message::who_has(mac, v4, v4),
            #[cfg(feature = "proto-ipv6")]
            IpAddress::Ipv6(v6) => Message::advertise(mac, v6),
        }
    }

    /// Bytes of its frame.
    fn len(&self) -> usize {
        match &self.body {
            Body::Arp(_) => ARP_FRAME,
            #[cfg(feature = "proto-ipv6")]
            Body::Ndisc { target, lladdr, .. } => {
                let target = if target.is_some() { TARGET } else { 0 };
                let option = if lladdr.is_some() { OPTION } else { 0 };
                EthernetFrame::<&[u8]>::buffer_len(IPV6 + HEAD + target + option)
            }
        }
    }

    /// Writes its frame, and returns it.
    pub(super) fn write<'b>(&self, buffer: &'b mut [u8]) -> &'b [u8] {
        let buffer = &mut buffer[..self.len()];
        let mut frame = EthernetFrame::new_unchecked(&mut *buffer);
        frame.set_src_addr(self.from);
        frame.set_dst_addr(self.to);
        match self.body {
            Body::Arp(arp) => {
                frame.set_ethertype(EthernetProtocol::Arp);
                arp.emit(&mut ArpPacket::new_unchecked(frame.payload_mut()));
            }
            #[cfg(feature = "proto-ipv6")]
            Body::Ndisc { from, to, kind, target, lladdr } => {
                frame.set_ethertype(EthernetProtocol::Ipv6);
                let packet = frame.payload_mut();
                packet.fill(0);
                let len = packet.len() - IPV6;
                let mut ip = Ipv6Packet::new_unchecked(&mut *packet);
                ip.set_version(6);
                ip.set_payload_len(len as u16);
                ip.set_next_header(IpProtocol::Icmpv6);
                // RFC 4861 section 7.1: no router has passed it on.
                ip.set_hop_limit(255);
                ip.set_src_addr(from);
                ip.set_dst_addr(to);

                let icmp = &mut packet[IPV6..];
                let is_advertisement = kind == Icmpv6Message::NeighborAdvert;
                icmp[0] = kind.into();
                if is_advertisement {
                    icmp[4] = NdiscNeighborFlags::OVERRIDE.bits();
                }
                let mut rest = &mut icmp[HEAD..];
                if let Some(target) = target {
                    rest[..TARGET].copy_from_slice(&target.octets());
                    rest = &mut rest[TARGET..];
                }
                if let Some(EthernetAddress(mac)) = lladdr {
                    rest[0] = if is_advertisement { TARGET_LLADDR } else { SOURCE_LLADDR };
                    rest[1] = 1;
                    rest[2..OPTION].copy_from_slice(&mac);
                }
                Icmpv6Packet::new_unchecked(icmp).fill_checksum(&from, &to);
            }
        }
        buffer
    }
}
