//! Frames read as the attacker and the oracle read them.

use smoltcp::wire::{
    EthernetFrame, EthernetProtocol, IPV4_HEADER_LEN, IPV6_HEADER_LEN, IpAddress, IpEndpoint,
    IpProtocol, Ipv4Packet, Ipv6Packet, TcpPacket, TcpSeqNumber, UdpPacket,
};

/// Bytes before the IP header.
pub(crate) const ETHERNET_HEADER_LEN: usize = EthernetFrame::<&[u8]>::header_len();

/// The header of a TCP segment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Segment {
    pub(crate) from: IpEndpoint,
    pub(crate) to: IpEndpoint,
    pub(crate) is_syn: bool,
    pub(crate) is_fin: bool,
    pub(crate) is_rst: bool,
    pub(crate) seq: TcpSeqNumber,
    pub(crate) ack: Option<TcpSeqNumber>,
    /// Bytes of payload.
    pub(crate) len: usize,
}

impl Segment {
    /// The TCP segment in a frame, if there is one.
    pub(crate) fn in_frame(frame: &[u8]) -> Option<Segment> {
        packet(frame, IpProtocol::Tcp, |from, to, payload| {
            let tcp = TcpPacket::new_checked(payload).ok()?;
            Some(Segment {
                from: IpEndpoint::new(from, tcp.src_port()),
                to: IpEndpoint::new(to, tcp.dst_port()),
                is_syn: tcp.syn(),
                is_fin: tcp.fin(),
                is_rst: tcp.rst(),
                seq: tcp.seq_number(),
                ack: tcp.ack().then(|| tcp.ack_number()),
                len: tcp.payload().len(),
            })
        })
    }

    /// The sequence number after the segment.
    pub(crate) fn next(&self) -> TcpSeqNumber {
        self.seq + self.len + usize::from(self.is_syn) + usize::from(self.is_fin)
    }
}

/// Changes the TCP segment in a frame and corrects its checksum.
pub(crate) fn alter(frame: &mut [u8], change: impl FnOnce(&mut TcpPacket<&mut [u8]>)) {
    let Some(Segment { from, to, .. }) = Segment::in_frame(frame) else { return };
    let header_len = match to.addr {
        IpAddress::Ipv4(_) => IPV4_HEADER_LEN,
        IpAddress::Ipv6(_) => IPV6_HEADER_LEN,
    };
    let mut tcp = TcpPacket::new_unchecked(&mut frame[ETHERNET_HEADER_LEN + header_len..]);
    change(&mut tcp);
    tcp.fill_checksum(&from.addr, &to.addr);
}

/// A whole UDP datagram: source, destination, payload.
pub(crate) fn datagram(frame: &[u8]) -> Option<(IpEndpoint, IpEndpoint, Vec<u8>)> {
    packet(frame, IpProtocol::Udp, |from, to, payload| {
        let udp = UdpPacket::new_checked(payload).ok()?;
        let (from, to) =
            (IpEndpoint::new(from, udp.src_port()), IpEndpoint::new(to, udp.dst_port()));
        Some((from, to, udp.payload().to_vec()))
    })
}

/// What `read` makes of a whole IP packet of this protocol: its source, its destination and its payload.
/// `None` for any other frame, a fragment, or a wrong IPv4 checksum.
pub fn packet<T>(
    frame: &[u8],
    protocol: IpProtocol,
    read: impl FnOnce(IpAddress, IpAddress, &[u8]) -> Option<T>,
) -> Option<T> {
    let frame = EthernetFrame::new_checked(frame).ok()?;
    match frame.ethertype() {
        EthernetProtocol::Ipv4 => {
            let ip = Ipv4Packet::new_checked(frame.payload()).ok()?;
            let is_whole = !ip.more_frags() && ip.frag_offset() == 0 && ip.verify_checksum();
            let is_it = ip.next_header() == protocol && is_whole;
            read(ip.src_addr().into(), ip.dst_addr().into(), is_it.then(|| ip.payload())?)
        }
        EthernetProtocol::Ipv6 => {
            let ip = Ipv6Packet::new_checked(frame.payload()).ok()?;
            let is_it = ip.next_header() == protocol;
            read(ip.src_addr().into(), ip.dst_addr().into(), is_it.then(|| ip.payload())?)
        }
        _ => None,
    }
}
