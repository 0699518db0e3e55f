//! Frames made by hand, from whomever they please.

use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{
    ArpOperation, ArpPacket, ArpRepr, EthernetAddress, EthernetFrame, EthernetProtocol,
    EthernetRepr, IpAddress, IpEndpoint, IpProtocol, IpRepr, Ipv4Address, TcpControl, TcpPacket,
    TcpRepr, TcpSeqNumber, UdpPacket, UdpRepr,
};

use crate::network::{address, mac};

/// Where they come from.
const FORGER: EthernetAddress = EthernetAddress([2, 0, 0, 0, 9, 9]);

/// Whose hardware address a frame to this address has.
fn hardware(of: IpAddress) -> EthernetAddress {
    let station =
        (0..100).find(|station| [false, true].map(|v6| address(*station, v6)).contains(&of));
    station.map_or(EthernetAddress::BROADCAST, mac)
}

pub(crate) fn packet(
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
    let ethernet = EthernetRepr { src_addr: FORGER, dst_addr: hardware(to), ethertype };
    let mut frame = vec![0; 14 + ip.buffer_len()];
    let checksums = ChecksumCapabilities::default();
    ethernet.emit(&mut EthernetFrame::new_unchecked(&mut frame[..]));
    ip.emit(&mut frame[14..], &checksums);
    write(&mut frame[14 + ip.header_len()..], &checksums);
    frame
}

pub(crate) fn segment(
    from: IpEndpoint,
    to: IpEndpoint,
    control: TcpControl,
    seq: TcpSeqNumber,
    ack: Option<TcpSeqNumber>,
    payload: &[u8],
) -> Vec<u8> {
    emit(from, to, &repr(from, to, control, seq, ack, payload))
}

pub(crate) fn repr<'p>(
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

pub(crate) fn emit(from: IpEndpoint, to: IpEndpoint, tcp: &TcpRepr<'_>) -> Vec<u8> {
    packet(from.addr, to.addr, IpProtocol::Tcp, tcp.buffer_len(), |buffer, checksums| {
        tcp.emit(&mut TcpPacket::new_unchecked(buffer), &from.addr, &to.addr, checksums);
    })
}

pub(crate) fn datagram(from: IpEndpoint, to: IpEndpoint, payload: &[u8]) -> Vec<u8> {
    let udp = UdpRepr { src_port: from.port, dst_port: to.port };
    let len = udp.header_len() + payload.len();
    packet(from.addr, to.addr, IpProtocol::Udp, len, |buffer, checksums| {
        let fill = |room: &mut [u8]| room.copy_from_slice(payload);
        let mut packet = UdpPacket::new_unchecked(buffer);
        udp.emit(&mut packet, &from.addr, &to.addr, payload.len(), fill, checksums);
    })
}

/// Somebody asks for a hardware address, and so tells one of his own.
pub(crate) fn who_has(from: Ipv4Address, to: Ipv4Address) -> Vec<u8> {
    let arp = ArpRepr::EthernetIpv4 {
        operation: ArpOperation::Request,
        source_hardware_addr: FORGER,
        source_protocol_addr: from,
        target_hardware_addr: EthernetAddress([0; 6]),
        target_protocol_addr: to,
    };
    let (dst_addr, ethertype) = (hardware(to.into()), EthernetProtocol::Arp);
    let ethernet = EthernetRepr { src_addr: FORGER, dst_addr, ethertype };
    let mut frame = vec![0; 14 + arp.buffer_len()];
    ethernet.emit(&mut EthernetFrame::new_unchecked(&mut frame[..]));
    arp.emit(&mut ArpPacket::new_unchecked(&mut frame[14..]));
    frame
}
