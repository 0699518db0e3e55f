//! What a host that has moved to another hardware address tells everybody.

use smoltcp::wire::{
    ArpOperation, ArpPacket, ArpRepr, EthernetFrame, EthernetProtocol, IpCidr, Ipv4Address,
};

/// Bytes of ARP for IPv4 over Ethernet, and of its frame.
const ARP: usize = 28;
const FRAME: usize = EthernetFrame::<&[u8]>::buffer_len(ARP);

/// An announcement (RFC 5227 section 1.2), as if it had been told to us alone: smoltcp listens to nothing
/// else, and would use the old hardware address for a minute more.
pub(crate) fn as_told_to_us(frame: &[u8], own: &[IpCidr]) -> Option<[u8; FRAME]> {
    let ethernet = EthernetFrame::new_checked(frame).ok()?;
    if ethernet.ethertype() != EthernetProtocol::Arp {
        return None;
    }
    let arp = ArpRepr::parse(&ArpPacket::new_checked(ethernet.payload()).ok()?).ok()?;
    let ArpRepr::EthernetIpv4 {
        source_hardware_addr,
        source_protocol_addr,
        target_hardware_addr,
        target_protocol_addr,
        ..
    } = arp
    else {
        return None;
    };
    if source_protocol_addr != target_protocol_addr {
        return None;
    }
    let told = ArpRepr::EthernetIpv4 {
        operation: ArpOperation::Reply,
        source_hardware_addr,
        source_protocol_addr,
        target_hardware_addr,
        target_protocol_addr: own.iter().find_map(ipv4)?,
    };
    let mut buffer = [0; FRAME];
    let (header, packet) = buffer.split_at_mut(FRAME - ARP);
    header.copy_from_slice(&frame[..FRAME - ARP]);
    told.emit(&mut ArpPacket::new_unchecked(packet));
    Some(buffer)
}

fn ipv4(cidr: &IpCidr) -> Option<Ipv4Address> {
    match cidr {
        IpCidr::Ipv4(v4) => Some(v4.address()),
        #[cfg(feature = "proto-ipv6")]
        IpCidr::Ipv6(_) => None,
    }
}
