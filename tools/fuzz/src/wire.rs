//! The device of a [`Scene`](crate::Scene), and the frames that its peers send.

use std::collections::VecDeque;

use smoltcp::phy::{
    Checksum, ChecksumCapabilities, Device, DeviceCapabilities, Medium, RxToken, TxToken,
};
use smoltcp::time::Instant;
use smoltcp::wire::*;

/// The hardware address of the node.
pub const NODE_MAC: EthernetAddress = EthernetAddress([2, 0, 0, 0, 0, 1]);

/// And of everybody else.
pub const PEER_MAC: EthernetAddress = EthernetAddress([2, 0, 0, 0, 0, 2]);

/// Two queues.
#[derive(Default)]
pub struct Port {
    /// To the node.
    pub inbox: VecDeque<Vec<u8>>,
    /// From the node.
    pub outbox: Vec<Vec<u8>>,
    /// Checksums are not looked at: a fuzzer seldom gets one right.
    pub trusting: bool,
}

impl Device for Port {
    type RxToken<'t> = Rx;
    type TxToken<'t> = Tx<'t>;

    fn receive(&mut self, _: Instant) -> Option<(Rx, Tx<'_>)> {
        let frame = self.inbox.pop_front()?;
        Some((Rx(frame), Tx(&mut self.outbox)))
    }

    fn transmit(&mut self, _: Instant) -> Option<Tx<'_>> {
        Some(Tx(&mut self.outbox))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = 1514;
        if self.trusting {
            capabilities.checksum = ChecksumCapabilities::ignored();
            // What leaves has its sums all the same, or nobody could look at it.
            capabilities.checksum.ipv4 = Checksum::Tx;
            capabilities.checksum.tcp = Checksum::Tx;
            capabilities.checksum.udp = Checksum::Tx;
        }
        capabilities
    }
}

/// A frame that has arrived.
pub struct Rx(Vec<u8>);

impl RxToken for Rx {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(&self.0)
    }
}

/// Room for one that is to leave.
pub struct Tx<'t>(&'t mut Vec<Vec<u8>>);

impl TxToken for Tx<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        let mut frame = vec![0; len];
        let result = f(&mut frame);
        self.0.push(frame);
        result
    }
}

/// The control bits of a segment, any of them together with any other.
#[derive(Clone, Copy, Debug, Default)]
pub struct Flags {
    /// SYN
    pub syn: bool,
    /// ACK
    pub ack: bool,
    /// FIN
    pub fin: bool,
    /// RST
    pub rst: bool,
    /// PSH
    pub psh: bool,
}

/// A TCP segment with every field as its maker wants it, and right checksums.
#[derive(Clone, Debug)]
pub struct Segment<'s> {
    /// Its source.
    pub from: IpEndpoint,
    /// Its destination.
    pub to: IpEndpoint,
    /// What it asks for.
    pub flags: Flags,
    /// Its sequence number.
    pub seq: i32,
    /// Its acknowledgement, looked at or not.
    pub ack: i32,
    /// The window that it offers.
    pub window: u16,
    /// Bytes of options: at most 40, cut to words.
    pub options: &'s [u8],
    /// Its data.
    pub payload: &'s [u8],
}

impl Segment<'_> {
    /// The whole frame.
    pub fn frame(&self) -> Vec<u8> {
        let options = &self.options[..self.options.len().min(40) / 4 * 4];
        let header = 20 + options.len();
        let len = header + self.payload.len();
        packet(self.from.addr, self.to.addr, IpProtocol::Tcp, len, |buffer| {
            let mut tcp = TcpPacket::new_unchecked(buffer);
            tcp.set_src_port(self.from.port);
            tcp.set_dst_port(self.to.port);
            tcp.set_seq_number(TcpSeqNumber(self.seq));
            tcp.set_ack_number(TcpSeqNumber(self.ack));
            tcp.clear_flags();
            tcp.set_header_len(header as u8);
            tcp.set_syn(self.flags.syn);
            tcp.set_ack(self.flags.ack);
            tcp.set_fin(self.flags.fin);
            tcp.set_rst(self.flags.rst);
            tcp.set_psh(self.flags.psh);
            tcp.set_window_len(self.window);
            tcp.options_mut().copy_from_slice(options);
            tcp.payload_mut().copy_from_slice(self.payload);
            tcp.fill_checksum(&self.from.addr, &self.to.addr);
        })
    }
}

/// A frame with an IP packet from a peer to the node.
fn packet(
    from: IpAddress,
    to: IpAddress,
    protocol: IpProtocol,
    len: usize,
    write: impl FnOnce(&mut [u8]),
) -> Vec<u8> {
    let ip = IpRepr::new(from, to, protocol, len, 64);
    let ethertype = match to {
        IpAddress::Ipv4(_) => EthernetProtocol::Ipv4,
        IpAddress::Ipv6(_) => EthernetProtocol::Ipv6,
    };
    let ethernet = EthernetRepr { src_addr: PEER_MAC, dst_addr: NODE_MAC, ethertype };
    let mut frame = vec![0; 14 + ip.buffer_len()];
    ethernet.emit(&mut EthernetFrame::new_unchecked(&mut frame[..]));
    ip.emit(&mut frame[14..], &ChecksumCapabilities::default());
    write(&mut frame[14 + ip.header_len()..]);
    frame
}

/// A peer asks for the node's hardware address, and so tells its own.
pub fn hello(from: IpAddress, node: IpAddress) -> Vec<u8> {
    match (from, node) {
        (IpAddress::Ipv4(source_protocol_addr), IpAddress::Ipv4(target_protocol_addr)) => {
            let arp = ArpRepr::EthernetIpv4 {
                operation: ArpOperation::Request,
                source_hardware_addr: PEER_MAC,
                source_protocol_addr,
                target_hardware_addr: EthernetAddress([0; 6]),
                target_protocol_addr,
            };
            let ethertype = EthernetProtocol::Arp;
            let ethernet = EthernetRepr { src_addr: PEER_MAC, dst_addr: NODE_MAC, ethertype };
            let mut frame = vec![0; 14 + arp.buffer_len()];
            ethernet.emit(&mut EthernetFrame::new_unchecked(&mut frame[..]));
            arp.emit(&mut ArpPacket::new_unchecked(&mut frame[14..]));
            frame
        }
        (IpAddress::Ipv6(source), IpAddress::Ipv6(target_addr)) => {
            let icmp = Icmpv6Repr::Ndisc(NdiscRepr::NeighborSolicit {
                target_addr,
                lladdr: Some(PEER_MAC.into()),
            });
            let mut frame = packet(from, node, IpProtocol::Icmpv6, icmp.buffer_len(), |buffer| {
                let mut packet = Icmpv6Packet::new_unchecked(buffer);
                icmp.emit(&source, &target_addr, &mut packet, &ChecksumCapabilities::default());
            });
            // RFC 4861 section 7.1.1: from a router it would not be taken.
            frame[21] = 255;
            frame
        }
        _ => Vec::new(),
    }
}

/// A segment that the node has sent.
#[derive(Clone, Debug)]
pub struct Sent {
    /// Where it goes, and from where.
    pub to: IpEndpoint,
    /// Its source.
    pub from: IpEndpoint,
    /// Its control bits.
    pub flags: Flags,
    /// Its sequence number.
    pub seq: i32,
    /// Its acknowledgement.
    pub ack: i32,
    /// Its data.
    pub payload: Vec<u8>,
}

impl Sent {
    /// Reads it, if the frame is one. What the node sends must be right: `None` for anything else.
    pub fn read(frame: &[u8]) -> Option<Sent> {
        let ethernet = EthernetFrame::new_checked(frame).ok()?;
        match ethernet.ethertype() {
            EthernetProtocol::Ipv4 => {
                let ip = Ipv4Packet::new_checked(ethernet.payload()).ok()?;
                let (from, to) = (ip.src_addr().into(), ip.dst_addr().into());
                (ip.next_header() == IpProtocol::Tcp && ip.verify_checksum())
                    .then(|| Self::in_packet(from, to, ip.payload()))?
            }
            EthernetProtocol::Ipv6 => {
                let ip = Ipv6Packet::new_checked(ethernet.payload()).ok()?;
                let (from, to) = (ip.src_addr().into(), ip.dst_addr().into());
                (ip.next_header() == IpProtocol::Tcp)
                    .then(|| Self::in_packet(from, to, ip.payload()))?
            }
            _ => None,
        }
    }

    fn in_packet(from: IpAddress, to: IpAddress, segment: &[u8]) -> Option<Sent> {
        let tcp = TcpPacket::new_checked(segment).ok()?;
        assert!(tcp.verify_checksum(&from, &to), "a segment of ours with a wrong checksum");
        let (syn, ack, fin, rst, psh) = (tcp.syn(), tcp.ack(), tcp.fin(), tcp.rst(), tcp.psh());
        Some(Sent {
            from: IpEndpoint::new(from, tcp.src_port()),
            to: IpEndpoint::new(to, tcp.dst_port()),
            flags: Flags { syn, ack, fin, rst, psh },
            seq: tcp.seq_number().0,
            ack: tcp.ack_number().0,
            payload: tcp.payload().to_vec(),
        })
    }
}
