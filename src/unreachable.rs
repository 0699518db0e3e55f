//! ICMP "port unreachable": nobody has bound the port that a datagram of ours was sent to.

use smoltcp::wire::{Icmpv4Packet, IpAddress, IpEndpoint, IpProtocol, Ipv4Packet, UdpPacket};
#[cfg(feature = "proto-ipv6")]
use smoltcp::wire::{Icmpv6Packet, Ipv6Address, Ipv6Packet};

use crate::event::Tuple;

/// Only a client asks. Without the feature its code is left out.
const ASKS: bool = cfg!(feature = "client");

/// Bytes of an ICMP header.
const ICMP: usize = 8;

/// Reads RFC 792's type 3, code 3; returns the two ends of the quoted datagram.
pub(crate) fn ipv4(icmp: &[u8]) -> Option<Tuple> {
    let (&[3, 3, ..], Some(packet), true) = (icmp, icmp.get(ICMP..), ASKS) else { return None };
    let quoted = Ipv4Packet::new_unchecked(packet.get(..20)?);
    let udp = packet.get(usize::from(quoted.header_len())..)?;
    let is_valid = quoted.version() == 4
        && quoted.next_header() == IpProtocol::Udp
        && Icmpv4Packet::new_unchecked(icmp).verify_checksum();
    let tuple = tuple(quoted.src_addr().into(), quoted.dst_addr().into(), udp);
    tuple.filter(|_| is_valid)
}

/// Reads RFC 4443's type 1, code 4; likewise.
#[cfg(feature = "proto-ipv6")]
pub(crate) fn ipv6(icmp: &[u8], from: Ipv6Address, to: Ipv6Address) -> Option<Tuple> {
    let (&[1, 4, ..], Some(packet), true) = (icmp, icmp.get(ICMP..), ASKS) else { return None };
    let quoted = Ipv6Packet::new_unchecked(packet.get(..40)?);
    let is_valid = quoted.next_header() == IpProtocol::Udp
        && Icmpv6Packet::new_unchecked(icmp).verify_checksum(&from, &to);
    let tuple = tuple(quoted.src_addr().into(), quoted.dst_addr().into(), &packet[40..]);
    tuple.filter(|_| is_valid)
}

fn tuple(from: IpAddress, to: IpAddress, udp: &[u8]) -> Option<Tuple> {
    let udp = UdpPacket::new_unchecked(udp.get(..8)?);
    Some(Tuple {
        local: IpEndpoint::new(from, udp.src_port()),
        remote: IpEndpoint::new(to, udp.dst_port()),
    })
}
