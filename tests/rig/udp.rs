//! UDP and ICMP datagrams made by hand, and reassembled from the trace.

use smolecho::smoltcp::phy::ChecksumCapabilities;
use smolecho::smoltcp::wire::*;
use smolecho::{DatagramMemory, DatagramStorage};

use super::frames::{Frame, RAW_MAC, ethernet, hardware_address, who_has};
use super::{Family, PORT, Station, World};

/// Bytes of the largest IP packet in one frame.
const MTU: usize = 1500;

/// Four ports and four transmit slots, each for datagrams of this many bytes.
pub const SIZE: usize = 8192;

pub fn memory() -> DatagramMemory<'static> {
    Box::leak(Box::new(DatagramStorage::<4, 4, SIZE>::new())).memory()
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Datagram {
    pub from: IpEndpoint,
    pub to: IpEndpoint,
    pub payload: Vec<u8>,
}

impl Datagram {
    /// The UDP header and the payload.
    pub fn udp(&self) -> Vec<u8> {
        let udp = UdpRepr { src_port: self.from.port, dst_port: self.to.port };
        let mut bytes = vec![0; udp.header_len() + self.payload.len()];
        udp.emit(
            &mut UdpPacket::new_unchecked(&mut bytes[..]),
            &self.from.addr,
            &self.to.addr,
            self.payload.len(),
            |room| room.copy_from_slice(&self.payload),
            &ChecksumCapabilities::default(),
        );
        bytes
    }

    /// The IP packet alone.
    pub fn packet(&self) -> Vec<u8> {
        packet(self.from.addr, self.to.addr, IpProtocol::Udp, &self.udp())
    }

    /// One frame, or with IPv4 as many fragments as it takes.
    pub fn frames(&self, ident: u16) -> Vec<Vec<u8>> {
        fragments(self.from.addr, self.to.addr, IpProtocol::Udp, &self.udp(), ident)
    }

    /// The only frame.
    pub fn frame(&self) -> Vec<u8> {
        let packet = self.packet();
        assert!(packet.len() <= MTU);
        ethernet(RAW_MAC, hardware_address(self.to.addr), &packet)
    }
}

fn packet(from: IpAddress, to: IpAddress, protocol: IpProtocol, payload: &[u8]) -> Vec<u8> {
    let ip = IpRepr::new(from, to, protocol, payload.len(), 64);
    let mut packet = vec![0; ip.buffer_len()];
    ip.emit(&mut packet[..], &ChecksumCapabilities::default());
    packet[ip.header_len()..].copy_from_slice(payload);
    packet
}

/// The frames of an IP packet: one, or with IPv4 as many fragments as it takes.
pub fn fragments(
    from: IpAddress,
    to: IpAddress,
    protocol: IpProtocol,
    payload: &[u8],
    ident: u16,
) -> Vec<Vec<u8>> {
    let packet = |payload: &[u8]| packet(from, to, protocol, payload);
    let frame = |packet: Vec<u8>| ethernet(RAW_MAC, hardware_address(to), &packet);
    if payload.len() <= MTU - 20 || matches!(to, IpAddress::Ipv6(_)) {
        return vec![frame(packet(payload))];
    }
    let pieces = payload.chunks((MTU - 20) / 8 * 8);
    let last = pieces.len() - 1;
    pieces
        .enumerate()
        .map(|(i, piece)| {
            let mut bytes = packet(piece);
            let mut ip = Ipv4Packet::new_unchecked(&mut bytes[..]);
            ip.set_ident(ident);
            ip.set_dont_frag(false);
            ip.set_more_frags(i < last);
            ip.set_frag_offset((i * ((MTU - 20) / 8 * 8)) as u16);
            ip.fill_checksum();
            frame(bytes)
        })
        .collect()
}

/// The reassembled IP packets among these frames: protocol, source, destination, payload.
pub fn packets<'f>(
    frames: impl Iterator<Item = &'f Frame>,
) -> Vec<(IpProtocol, IpAddress, IpAddress, Vec<u8>)> {
    let mut packets: Vec<(IpProtocol, IpAddress, IpAddress, Vec<u8>)> = Vec::new();
    let mut unfinished: Vec<(u16, Vec<u8>)> = Vec::new();
    for frame in frames {
        let Ok(ethernet) = EthernetFrame::new_checked(&frame.bytes[..]) else { continue };
        match ethernet.ethertype() {
            EthernetProtocol::Ipv4 => {
                let ip = Ipv4Packet::new_checked(ethernet.payload()).expect("a whole packet");
                assert!(ip.verify_checksum());
                let (key, mut bytes) = match unfinished.iter().position(|(id, _)| *id == ip.ident())
                {
                    Some(at) if ip.frag_offset() != 0 => unfinished.remove(at),
                    _ => (ip.ident(), Vec::new()),
                };
                assert_eq!(bytes.len(), usize::from(ip.frag_offset()), "in order, without gaps");
                bytes.extend_from_slice(ip.payload());
                if ip.more_frags() {
                    unfinished.push((key, bytes));
                } else {
                    let (from, to) = (ip.src_addr().into(), ip.dst_addr().into());
                    packets.push((ip.next_header(), from, to, bytes));
                }
            }
            EthernetProtocol::Ipv6 => {
                let ip = Ipv6Packet::new_checked(ethernet.payload()).expect("a whole packet");
                let (from, to) = (ip.src_addr().into(), ip.dst_addr().into());
                packets.push((ip.next_header(), from, to, ip.payload().to_vec()));
            }
            _ => {}
        }
    }
    assert!(unfinished.is_empty(), "fragments are missing");
    packets
}

/// The datagrams among these frames.
pub fn datagrams<'f>(frames: impl Iterator<Item = &'f Frame>) -> Vec<Datagram> {
    let udp = |(protocol, from, to, bytes): (IpProtocol, IpAddress, IpAddress, Vec<u8>)| {
        (protocol == IpProtocol::Udp).then(|| {
            let udp = UdpPacket::new_checked(&bytes[..]).expect("a whole datagram");
            assert!(udp.verify_checksum(&from, &to), "checksum");
            let (from, to) =
                (IpEndpoint::new(from, udp.src_port()), IpEndpoint::new(to, udp.dst_port()));
            Datagram { from, to, payload: udp.payload().to_vec() }
        })
    };
    packets(frames).into_iter().filter_map(udp).collect()
}

/// A peer that sends datagrams.
#[derive(Clone, Copy, Debug)]
pub struct Asker {
    pub me: IpEndpoint,
    pub server: IpEndpoint,
}

impl Asker {
    /// A peer whose hardware address the node has learned from its request.
    pub fn new<F: Station>(world: &mut World<F>, family: Family, n: u16) -> Self {
        let asker = Self::unknown(family, n);
        world.inject_and_settle(who_has(asker.me.addr, family.node()));
        asker
    }

    /// A peer whose hardware address the node does not know, and that never answers a request.
    pub fn unknown(family: Family, n: u16) -> Self {
        let me = IpEndpoint::new(family.stranger(n), 40_000 + n);
        Asker { me, server: IpEndpoint::new(family.node(), PORT) }
    }

    pub fn question(&self, payload: &[u8]) -> Datagram {
        Datagram { from: self.me, to: self.server, payload: payload.to_vec() }
    }

    /// Sends a question and returns the answers.
    pub fn ask<F: Station>(&self, world: &mut World<F>, payload: &[u8]) -> Vec<Vec<u8>> {
        let mark = world.mark();
        for frame in self.question(payload).frames(payload.len() as u16) {
            world.inject(frame);
        }
        world.run_for(world.latency * 4);
        self.answers_since(world, mark)
    }

    /// Payloads from the server's endpoint to the peer's since `mark`.
    pub fn answers_since<F: Station>(&self, world: &World<F>, mark: usize) -> Vec<Vec<u8>> {
        let is_answer =
            |datagram: &Datagram| datagram.from == self.server && datagram.to == self.me;
        let answers = datagrams(world.sent_since(mark)).into_iter().filter(is_answer);
        answers.map(|datagram| datagram.payload).collect()
    }
}

/// An ICMP echo request.
pub fn ping(from: IpAddress, to: IpAddress, data: &[u8]) -> Vec<Vec<u8>> {
    let (ident, seq_no) = (0x1234, 7);
    let checksums = ChecksumCapabilities::default();
    let (protocol, bytes) = match (from, to) {
        (IpAddress::Ipv6(from), IpAddress::Ipv6(to)) => {
            let repr = Icmpv6Repr::EchoRequest { ident, seq_no, data };
            let mut bytes = vec![0; repr.buffer_len()];
            let mut packet = Icmpv6Packet::new_unchecked(&mut bytes[..]);
            repr.emit(&from, &to, &mut packet, &checksums);
            (IpProtocol::Icmpv6, bytes)
        }
        _ => {
            let repr = Icmpv4Repr::EchoRequest { ident, seq_no, data };
            let mut bytes = vec![0; repr.buffer_len()];
            repr.emit(&mut Icmpv4Packet::new_unchecked(&mut bytes[..]), &checksums);
            (IpProtocol::Icmp, bytes)
        }
    };
    fragments(from, to, protocol, &bytes, 1)
}
