//! Frames made by hand, and parsed ones.

use smolecho::smoltcp::phy::ChecksumCapabilities;
use smolecho::smoltcp::time::Instant;
use smolecho::smoltcp::wire::*;

use super::NODE_MAC;

/// The source of all frames made by hand.
pub const RAW_MAC: EthernetAddress = EthernetAddress([2, 0, 0, 0, 0, 9]);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Way {
    ToNode,
    FromNode,
}

/// A frame and the instant of its departure.
#[derive(Clone, Debug)]
pub struct Frame {
    pub at: Instant,
    pub way: Way,
    pub bytes: Vec<u8>,
}

/// The fields of a TCP segment that tests use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tcp {
    pub from: IpEndpoint,
    pub to: IpEndpoint,
    pub syn: bool,
    pub ack: Option<TcpSeqNumber>,
    pub fin: bool,
    pub rst: bool,
    pub seq: TcpSeqNumber,
    pub window: u16,
    pub len: usize,
}

impl Frame {
    /// The payload of a TCP segment: the last bytes of the frame.
    pub fn payload(&self) -> &[u8] {
        let len = self.tcp().map_or(0, |tcp| tcp.len);
        &self.bytes[self.bytes.len() - len..]
    }

    pub fn tcp(&self) -> Option<Tcp> {
        let ethernet = EthernetFrame::new_checked(&self.bytes[..]).ok()?;
        match ethernet.ethertype() {
            EthernetProtocol::Ipv4 => {
                let ip = Ipv4Packet::new_checked(ethernet.payload()).ok()?;
                (ip.next_header() == IpProtocol::Tcp)
                    .then(|| tcp(ip.src_addr().into(), ip.dst_addr().into(), ip.payload()))?
            }
            EthernetProtocol::Ipv6 => {
                let ip = Ipv6Packet::new_checked(ethernet.payload()).ok()?;
                (ip.next_header() == IpProtocol::Tcp)
                    .then(|| tcp(ip.src_addr().into(), ip.dst_addr().into(), ip.payload()))?
            }
            _ => None,
        }
    }
}

fn tcp(from: IpAddress, to: IpAddress, segment: &[u8]) -> Option<Tcp> {
    let tcp = TcpPacket::new_checked(segment).ok()?;
    Some(Tcp {
        from: IpEndpoint::new(from, tcp.src_port()),
        to: IpEndpoint::new(to, tcp.dst_port()),
        syn: tcp.syn(),
        ack: tcp.ack().then(|| tcp.ack_number()),
        fin: tcp.fin(),
        rst: tcp.rst(),
        seq: tcp.seq_number(),
        window: tcp.window_len(),
        len: tcp.payload().len(),
    })
}

/// A TCP segment in an IP packet in an Ethernet frame.
#[derive(Clone, Copy, Debug)]
pub struct Segment<'p> {
    pub from: IpEndpoint,
    pub to: IpEndpoint,
    pub control: TcpControl,
    pub seq: i32,
    pub ack: Option<i32>,
    pub window: u16,
    pub payload: &'p [u8],
}

impl<'p> Segment<'p> {
    pub fn syn(from: IpEndpoint, to: IpEndpoint) -> Self {
        Segment {
            from,
            to,
            control: TcpControl::Syn,
            seq: 7_000,
            ack: None,
            window: 65_535,
            payload: &[],
        }
    }

    pub fn frame(&self) -> Vec<u8> {
        ethernet(RAW_MAC, hardware_address(self.to.addr), &self.packet())
    }

    /// The frame with this maximum segment size option, or without one.
    pub fn frame_with(&self, max_seg_size: Option<u16>) -> Vec<u8> {
        ethernet(RAW_MAC, hardware_address(self.to.addr), &self.packet_with(max_seg_size))
    }

    /// The IP packet alone.
    pub fn packet(&self) -> Vec<u8> {
        self.packet_with((self.control == TcpControl::Syn).then_some(1220))
    }

    fn packet_with(&self, max_seg_size: Option<u16>) -> Vec<u8> {
        let tcp = TcpRepr {
            src_port: self.from.port,
            dst_port: self.to.port,
            control: self.control,
            seq_number: TcpSeqNumber(self.seq),
            ack_number: self.ack.map(TcpSeqNumber),
            window_len: self.window,
            window_scale: None,
            max_seg_size,
            sack_permitted: false,
            sack_ranges: [None; 3],
            timestamp: None,
            payload: self.payload,
        };
        let len = tcp.buffer_len();
        let ip = IpRepr::new(self.from.addr, self.to.addr, IpProtocol::Tcp, len, 64);
        let mut packet = vec![0; ip.header_len() + len];
        let checksums = ChecksumCapabilities::default();
        ip.emit(&mut packet[..], &checksums);
        let mut segment = TcpPacket::new_unchecked(&mut packet[ip.header_len()..]);
        tcp.emit(&mut segment, &self.from.addr, &self.to.addr, &checksums);
        packet
    }
}

/// The hardware address for this IP destination.
pub fn hardware_address(destination: IpAddress) -> EthernetAddress {
    match destination {
        address if address.is_broadcast() => EthernetAddress::BROADCAST,
        IpAddress::Ipv4(v4) if v4.is_multicast() => {
            let [_, b, c, d] = v4.octets();
            EthernetAddress([1, 0, 0x5e, b & 0x7f, c, d])
        }
        IpAddress::Ipv6(v6) if v6.is_multicast() => {
            let o = v6.octets();
            EthernetAddress([0x33, 0x33, o[12], o[13], o[14], o[15]])
        }
        _ => NODE_MAC,
    }
}

/// An Ethernet frame around an IP packet.
pub fn ethernet(from: EthernetAddress, to: EthernetAddress, packet: &[u8]) -> Vec<u8> {
    let ethertype = match packet.first().map(|first| first >> 4) {
        Some(6) => EthernetProtocol::Ipv6,
        _ => EthernetProtocol::Ipv4,
    };
    let header = EthernetRepr { src_addr: from, dst_addr: to, ethertype };
    let mut frame = vec![0; header.buffer_len() + packet.len()];
    header.emit(&mut EthernetFrame::new_unchecked(&mut frame[..]));
    frame[header.buffer_len()..].copy_from_slice(packet);
    frame
}

/// The solicited-node multicast address (RFC 4291 section 2.7.1).
fn solicited_node(address: Ipv6Address) -> Ipv6Address {
    let [.., low] = address.segments();
    let high = 0xff00 | (address.segments()[6] & 0xff);
    Ipv6Address::new(0xff02, 0, 0, 0, 0, 1, high, low)
}

/// The IP packet of an ICMPv6 message, with its checksum.
pub fn icmpv6(from: Ipv6Address, to: Ipv6Address, hop_limit: u8, repr: &Icmpv6Repr<'_>) -> Vec<u8> {
    let (len, checksums) = (repr.buffer_len(), ChecksumCapabilities::default());
    let ip = IpRepr::new(from.into(), to.into(), IpProtocol::Icmpv6, len, hop_limit);
    let mut packet = vec![0; ip.buffer_len()];
    ip.emit(&mut packet[..], &checksums);
    let mut body = Icmpv6Packet::new_unchecked(&mut packet[ip.header_len()..]);
    repr.emit(&from, &to, &mut body, &checksums);
    packet
}

/// Gratuitous ARP (RFC 5944 section 4.6), or an unsolicited advertisement (RFC 4861 section 7.2.6): the
/// address now belongs to `mac`.
pub fn moved(address: IpAddress, mac: EthernetAddress) -> Vec<u8> {
    match address {
        IpAddress::Ipv4(_) => {
            let mut frame = who_has(address, address);
            frame[6..12].copy_from_slice(mac.as_bytes());
            frame[22..28].copy_from_slice(mac.as_bytes());
            frame
        }
        IpAddress::Ipv6(address) => {
            let advert = Icmpv6Repr::Ndisc(NdiscRepr::NeighborAdvert {
                flags: NdiscNeighborFlags::OVERRIDE,
                target_addr: address,
                lladdr: Some(mac.into()),
            });
            let to = IPV6_LINK_LOCAL_ALL_NODES;
            ethernet(mac, hardware_address(to.into()), &icmpv6(address, to, 255, &advert))
        }
    }
}

/// An ARP request or neighbor solicitation of `from` for `target`, with the hardware address of `from`.
pub fn who_has(from: IpAddress, target: IpAddress) -> Vec<u8> {
    match (from, target) {
        (IpAddress::Ipv4(source_protocol_addr), IpAddress::Ipv4(target_protocol_addr)) => {
            let arp = ArpRepr::EthernetIpv4 {
                operation: ArpOperation::Request,
                source_hardware_addr: RAW_MAC,
                source_protocol_addr,
                target_hardware_addr: EthernetAddress([0; 6]),
                target_protocol_addr,
            };
            let mut packet = vec![0; arp.buffer_len()];
            arp.emit(&mut ArpPacket::new_unchecked(&mut packet[..]));
            let mut frame = ethernet(RAW_MAC, EthernetAddress::BROADCAST, &packet);
            frame[12..14].copy_from_slice(&[0x08, 0x06]);
            frame
        }
        (IpAddress::Ipv6(source), IpAddress::Ipv6(target)) => {
            let (target_addr, lladdr) = (target, Some(RAW_MAC.into()));
            let solicit = Icmpv6Repr::Ndisc(NdiscRepr::NeighborSolicit { target_addr, lladdr });
            let to = solicited_node(target);
            ethernet(RAW_MAC, hardware_address(to.into()), &icmpv6(source, to, 255, &solicit))
        }
        _ => panic!("two families"),
    }
}

/// Corrects the checksums of a frame with changed bytes, as far as its headers can still be read.
pub fn mend_checksums(frame: &mut [u8]) {
    let mut ethernet = EthernetFrame::new_unchecked(frame);
    let packet = ethernet.payload_mut();
    match packet.first().map(|first| first >> 4) {
        Some(4) => {
            let Ok(mut ip) = Ipv4Packet::new_checked(packet) else { return };
            ip.fill_checksum();
            let (from, to) = (ip.src_addr().into(), ip.dst_addr().into());
            mend_payload(from, to, ip.next_header(), ip.payload_mut());
        }
        Some(6) => {
            let Ok(mut ip) = Ipv6Packet::new_checked(packet) else { return };
            let (from, to) = (ip.src_addr().into(), ip.dst_addr().into());
            mend_payload(from, to, ip.next_header(), ip.payload_mut());
        }
        _ => {}
    }
}

fn mend_payload(from: IpAddress, to: IpAddress, protocol: IpProtocol, payload: &mut [u8]) {
    match (protocol, from, to) {
        (IpProtocol::Tcp, ..) => {
            let Ok(mut tcp) = TcpPacket::new_checked(payload) else { return };
            tcp.fill_checksum(&from, &to);
        }
        (IpProtocol::Udp, ..) => {
            let Ok(mut udp) = UdpPacket::new_checked(payload) else { return };
            udp.fill_checksum(&from, &to);
        }
        (IpProtocol::Icmp, ..) => {
            let Ok(mut icmp) = Icmpv4Packet::new_checked(payload) else { return };
            icmp.fill_checksum();
        }
        (IpProtocol::Icmpv6, IpAddress::Ipv6(from), IpAddress::Ipv6(to)) => {
            let Ok(mut icmp) = Icmpv6Packet::new_checked(payload) else { return };
            icmp.fill_checksum(&from, &to);
        }
        _ => {}
    }
}
