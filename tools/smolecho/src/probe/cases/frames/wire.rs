//! Packets built and parsed with smoltcp::wire.

use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{
    ArpOperation, ArpPacket, ArpRepr, EthernetFrame, EthernetProtocol, Icmpv6Packet, Icmpv6Repr,
    IpAddress, IpEndpoint, IpProtocol, IpRepr, Ipv4Packet, Ipv6Address, Ipv6Packet, NdiscRepr,
    TcpControl, TcpPacket, TcpRepr, TcpSeqNumber, UdpPacket, UdpRepr,
};

/// A packet that the target has sent.
pub(super) struct Packet {
    pub(super) to: IpAddress,
    pub(super) protocol: IpProtocol,
    pub(super) payload: Vec<u8>,
}

/// A packet with an IP header.
pub(super) fn ip(
    from: IpAddress,
    to: IpAddress,
    protocol: IpProtocol,
    hop_limit: u8,
    payload: &[u8],
) -> Vec<u8> {
    let header = IpRepr::new(from, to, protocol, payload.len(), hop_limit);
    let mut packet = vec![0; header.header_len()];
    header.emit(&mut packet[..], &ChecksumCapabilities::default());
    packet.extend(payload);
    packet
}

/// A UDP datagram with its checksum.
pub(super) fn datagram(from: IpEndpoint, to: IpEndpoint, payload: &[u8]) -> Vec<u8> {
    let udp = UdpRepr { src_port: from.port, dst_port: to.port };
    let mut bytes = vec![0; udp.header_len() + payload.len()];
    let mut packet = UdpPacket::new_unchecked(&mut bytes[..]);
    let (len, checksums) = (payload.len(), ChecksumCapabilities::default());
    udp.emit(&mut packet, &from.addr, &to.addr, len, |it| it.copy_from_slice(payload), &checksums);
    bytes
}

/// A TCP segment with its checksum.
pub(super) fn segment(
    from: IpEndpoint,
    to: IpEndpoint,
    control: TcpControl,
    seq_number: TcpSeqNumber,
    ack_number: Option<TcpSeqNumber>,
    payload: &[u8],
) -> Vec<u8> {
    let tcp = TcpRepr {
        src_port: from.port,
        dst_port: to.port,
        control,
        seq_number,
        ack_number,
        window_len: 8192,
        window_scale: None,
        max_seg_size: (control == TcpControl::Syn).then_some(1200),
        sack_permitted: false,
        sack_ranges: [None; 3],
        timestamp: None,
        payload,
    };
    let mut bytes = vec![0; tcp.buffer_len()];
    let mut packet = TcpPacket::new_unchecked(&mut bytes[..]);
    tcp.emit(&mut packet, &from.addr, &to.addr, &ChecksumCapabilities::default());
    bytes
}

/// A packet with a TCP segment.
pub(super) fn tcp(from: IpEndpoint, to: IpEndpoint, segment: &[u8]) -> Vec<u8> {
    ip(from.addr, to.addr, IpProtocol::Tcp, 64, segment)
}

/// The packet in a frame. Checksums are not verified: a TAP leaves them to hardware that it lacks.
pub(super) fn packet(frame: &EthernetFrame<&[u8]>) -> Option<Packet> {
    match frame.ethertype() {
        EthernetProtocol::Ipv4 => {
            let ip = Ipv4Packet::new_checked(frame.payload()).ok()?;
            let (to, protocol) = (ip.dst_addr().into(), ip.next_header());
            Some(Packet { to, protocol, payload: ip.payload().to_vec() })
        }
        EthernetProtocol::Ipv6 => {
            let ip = Ipv6Packet::new_checked(frame.payload()).ok()?;
            let (to, protocol) = (ip.dst_addr().into(), ip.next_header());
            Some(Packet { to, protocol, payload: ip.payload().to_vec() })
        }
        _ => None,
    }
}

/// A neighbor discovery message with its source and destination.
pub(super) fn ndisc(packet: &[u8]) -> Option<(NdiscRepr<'_>, Ipv6Address, Ipv6Address)> {
    let ip = Ipv6Packet::new_checked(packet).ok()?;
    let (from, to) = (ip.src_addr(), ip.dst_addr());
    if ip.next_header() != IpProtocol::Icmpv6 {
        return None;
    }
    let message = Icmpv6Packet::new_checked(ip.payload()).ok()?;
    let checksums = ChecksumCapabilities::ignored();
    match Icmpv6Repr::parse(&from, &to, &message, &checksums).ok()? {
        Icmpv6Repr::Ndisc(says) => Some((says, from, to)),
        _ => None,
    }
}

/// Whether the sender claims this address.
pub(super) fn claims(frame: &EthernetFrame<&[u8]>, wanted: IpAddress) -> bool {
    match (wanted, frame.ethertype()) {
        (IpAddress::Ipv4(wanted), EthernetProtocol::Arp) => {
            let arp = ArpPacket::new_checked(frame.payload());
            let says = arp.and_then(|arp| ArpRepr::parse(&arp));
            matches!(says, Ok(ArpRepr::EthernetIpv4 {
                operation: ArpOperation::Reply, source_protocol_addr, ..
            }) if source_protocol_addr == wanted)
        }
        (IpAddress::Ipv6(wanted), EthernetProtocol::Ipv6) => {
            let says = ndisc(frame.payload());
            matches!(says, Some((NdiscRepr::NeighborAdvert { target_addr, .. }, ..))
                if target_addr == wanted)
        }
        _ => false,
    }
}
