//! Frames built by hand, from any IP address to any other.

use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{
    ArpOperation, ArpPacket, ArpRepr, EthernetAddress, EthernetFrame, EthernetProtocol,
    EthernetRepr, Icmpv6Packet, Icmpv6Repr, IpAddress, IpEndpoint, IpProtocol, IpRepr, NdiscRepr,
    TcpControl, TcpPacket, TcpRepr, TcpSeqNumber, UdpPacket, UdpRepr,
};

use crate::dissect::ETHERNET_HEADER_LEN;
use crate::network::{address, mac};

/// Source hardware address of every frame.
const MAC: EthernetAddress = EthernetAddress([2, 0, 0, 0, 9, 9]);

/// Hardware address of the station with this IP address; broadcast if there is none.
fn hardware(of: IpAddress) -> EthernetAddress {
    let station =
        (0..100).find(|station| [false, true].map(|v6| address(*station, v6)).contains(&of));
    station.map_or(EthernetAddress::BROADCAST, mac)
}

/// A frame with an IP packet: `write` fills the `len` bytes behind the IP header.
pub fn packet(
    from: IpAddress,
    to: IpAddress,
    protocol: IpProtocol,
    len: usize,
    write: impl FnOnce(&mut [u8], &ChecksumCapabilities),
) -> Vec<u8> {
    let ip = IpRepr::new(from, to, protocol, len, 64);
    let ethertype = match to {
        IpAddress::Ipv4(_) => EthernetProtocol::Ipv4,
        IpAddress::Ipv6(_) => EthernetProtocol::Ipv6,
    };
    let checksums = ChecksumCapabilities::default();
    frame(to, ethertype, ip.buffer_len(), |buffer| {
        ip.emit(&mut buffer[..], &checksums);
        write(&mut buffer[ip.header_len()..], &checksums);
    })
}

/// A frame with a TCP segment: [`emit`] of [`repr`].
pub fn segment(
    from: IpEndpoint,
    to: IpEndpoint,
    control: TcpControl,
    seq: TcpSeqNumber,
    ack: Option<TcpSeqNumber>,
    payload: &[u8],
) -> Vec<u8> {
    emit(from, to, &repr(from, to, control, seq, ack, payload))
}

/// A TCP segment with a window of 4,096 bytes; a SYN has an MSS option of 1,460.
pub fn repr<'p>(
    from: IpEndpoint,
    to: IpEndpoint,
    control: TcpControl,
    seq: TcpSeqNumber,
    ack: Option<TcpSeqNumber>,
    payload: &'p [u8],
) -> TcpRepr<'p> {
    TcpRepr {
        src_port: from.port,
        dst_port: to.port,
        control,
        seq_number: seq,
        ack_number: ack,
        window_len: 4096,
        window_scale: None,
        max_seg_size: (control == TcpControl::Syn).then_some(1460),
        sack_permitted: false,
        sack_ranges: [None; 3],
        timestamp: None,
        payload,
    }
}

/// A frame with this TCP segment.
pub fn emit(from: IpEndpoint, to: IpEndpoint, tcp: &TcpRepr<'_>) -> Vec<u8> {
    packet(from.addr, to.addr, IpProtocol::Tcp, tcp.buffer_len(), |buffer, checksums| {
        tcp.emit(&mut TcpPacket::new_unchecked(buffer), &from.addr, &to.addr, checksums);
    })
}

/// A frame with a UDP datagram.
pub fn datagram(from: IpEndpoint, to: IpEndpoint, payload: &[u8]) -> Vec<u8> {
    let udp = UdpRepr { src_port: from.port, dst_port: to.port };
    let len = udp.header_len() + payload.len();
    packet(from.addr, to.addr, IpProtocol::Udp, len, |buffer, checksums| {
        let fill = |room: &mut [u8]| room.copy_from_slice(payload);
        let mut packet = UdpPacket::new_unchecked(buffer);
        udp.emit(&mut packet, &from.addr, &to.addr, payload.len(), fill, checksums);
    })
}

/// An ARP request, or a neighbor solicitation: the receiver learns the sender's hardware address from it.
///
/// # Panics
///
/// If the addresses are of different families.
pub fn who_has(from: IpAddress, to: IpAddress) -> Vec<u8> {
    match (from, to) {
        (IpAddress::Ipv4(source_protocol_addr), IpAddress::Ipv4(target_protocol_addr)) => {
            let arp = ArpRepr::EthernetIpv4 {
                operation: ArpOperation::Request,
                source_hardware_addr: MAC,
                source_protocol_addr,
                target_hardware_addr: EthernetAddress([0; 6]),
                target_protocol_addr,
            };
            frame(to, EthernetProtocol::Arp, arp.buffer_len(), |buffer| {
                arp.emit(&mut ArpPacket::new_unchecked(buffer));
            })
        }
        (IpAddress::Ipv6(source), IpAddress::Ipv6(target_addr)) => {
            let lladdr = Some(MAC.into());
            let icmp = Icmpv6Repr::Ndisc(NdiscRepr::NeighborSolicit { target_addr, lladdr });
            let len = icmp.buffer_len();
            let mut frame = packet(from, to, IpProtocol::Icmpv6, len, |buffer, checksums| {
                let mut packet = Icmpv6Packet::new_unchecked(buffer);
                icmp.emit(&source, &target_addr, &mut packet, checksums);
            });
            // RFC 4861 section 7.1.1: only a hop limit of 255 is accepted.
            frame[ETHERNET_HEADER_LEN + 7] = 255;
            frame
        }
        _ => panic!("{from} asks for {to}"),
    }
}

fn frame(
    to: IpAddress,
    ethertype: EthernetProtocol,
    len: usize,
    write: impl FnOnce(&mut [u8]),
) -> Vec<u8> {
    let ethernet = EthernetRepr { src_addr: MAC, dst_addr: hardware(to), ethertype };
    let mut frame = vec![0; ETHERNET_HEADER_LEN + len];
    ethernet.emit(&mut EthernetFrame::new_unchecked(&mut frame[..]));
    write(&mut frame[ETHERNET_HEADER_LEN..]);
    frame
}
