//! Segments that smoltcp does not make: answers of the gate itself, and a SYN that comes twice.

use smoltcp::phy::{ChecksumCapabilities, TxToken};
use smoltcp::wire::{
    EthernetAddress, EthernetFrame, EthernetProtocol, IpAddress, IpEndpoint, IpProtocol, IpRepr,
    IpVersion, Ipv4Packet, Ipv4Repr, TcpControl, TcpPacket, TcpRepr, TcpSeqNumber,
};
#[cfg(feature = "proto-ipv6")]
use smoltcp::wire::{Ipv6Packet, Ipv6Repr};

use crate::event::Tuple;
#[cfg(feature = "proto-ipv6")]
use crate::ipv6::upper_layer;

/// A segment but for its data, and who sends it to whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) from: (EthernetAddress, IpEndpoint),
    pub(crate) to: (EthernetAddress, IpEndpoint),
    pub(crate) control: TcpControl,
    pub(crate) seq: TcpSeqNumber,
    pub(crate) ack: Option<TcpSeqNumber>,
    /// The number behind the data that it came with; nothing is sent of it.
    pub(crate) end: TcpSeqNumber,
    pub(crate) window: u16,
    pub(crate) segment_size: Option<u16>,
}

impl Segment {
    /// Ethernet, IPv6, and TCP with all the options that there is room for.
    pub(crate) const MAX_LEN: usize = EthernetFrame::<&[u8]>::buffer_len(40 + 60);

    /// Reads a segment whole, with the checksums that the device has left to us; data, if any, is left
    /// out.
    pub(crate) fn read(frame: &[u8], checksums: &ChecksumCapabilities) -> Option<Segment> {
        let frame = EthernetFrame::new_checked(frame).ok()?;
        let (from, to, segment): (IpAddress, IpAddress, _) = match frame.ethertype() {
            EthernetProtocol::Ipv4 => {
                let packet = Ipv4Packet::new_checked(frame.payload()).ok()?;
                let ip = Ipv4Repr::parse(&packet, checksums).ok()?;
                (ip.src_addr.into(), ip.dst_addr.into(), packet.payload())
            }
            #[cfg(feature = "proto-ipv6")]
            EthernetProtocol::Ipv6 => {
                let packet = Ipv6Packet::new_checked(frame.payload()).ok()?;
                let ip = Ipv6Repr::parse(&packet).ok()?;
                let (_, start) = upper_layer(&packet)?;
                (ip.src_addr.into(), ip.dst_addr.into(), &packet.payload()[start..])
            }
            _ => return None,
        };
        let packet = TcpPacket::new_checked(segment).ok()?;
        let tcp = TcpRepr::parse(&packet, &from, &to, checksums).ok()?;
        Some(Segment {
            from: (frame.src_addr(), IpEndpoint::new(from, tcp.src_port)),
            to: (frame.dst_addr(), IpEndpoint::new(to, tcp.dst_port)),
            control: tcp.control,
            seq: tcp.seq_number,
            ack: tcp.ack_number,
            end: tcp.seq_number + tcp.payload.len(),
            window: tcp.window_len,
            segment_size: tcp.max_seg_size,
        })
    }

    /// The ends, as the receiver sees them.
    pub(crate) fn tuple(&self) -> Tuple {
        Tuple { local: self.to.1, remote: self.from.1 }
    }

    /// Whether its FIN stands beyond a window that ends here.
    pub(crate) fn ends_beyond(&self, window_end: TcpSeqNumber) -> bool {
        self.control == TcpControl::Fin && window_end < self.end
    }

    /// The answer to it.
    pub(crate) fn answer(
        &self,
        control: TcpControl,
        seq: TcpSeqNumber,
        ack: TcpSeqNumber,
        window: u16,
    ) -> Segment {
        let (from, to) = (self.to, self.from);
        Segment { from, to, control, seq, ack: Some(ack), end: seq, window, segment_size: None }
    }

    /// Sends it.
    pub(crate) fn send(&self, token: Option<impl TxToken>) {
        if let Some(token) = token {
            token.consume(self.len(), |buffer| self.write(buffer));
        }
    }

    /// Bytes of its frame.
    pub(crate) fn len(&self) -> usize {
        let ip = self.ip();
        EthernetFrame::<&[u8]>::buffer_len(ip.header_len() + self.tcp().buffer_len())
    }

    /// Writes its frame, [`len`](Self::len) bytes.
    pub(crate) fn write(&self, buffer: &mut [u8]) {
        let checksums = ChecksumCapabilities::default();
        let (ip, tcp) = (self.ip(), self.tcp());
        let mut frame = EthernetFrame::new_unchecked(buffer);
        frame.set_src_addr(self.from.0);
        frame.set_dst_addr(self.to.0);
        frame.set_ethertype(match ip.version() {
            IpVersion::Ipv4 => EthernetProtocol::Ipv4,
            #[cfg(feature = "proto-ipv6")]
            IpVersion::Ipv6 => EthernetProtocol::Ipv6,
        });
        let packet = frame.payload_mut();
        ip.emit(&mut *packet, &checksums);
        tcp.emit(
            &mut TcpPacket::new_unchecked(&mut packet[ip.header_len()..]),
            &self.from.1.addr,
            &self.to.1.addr,
            &checksums,
        );
    }

    fn ip(&self) -> IpRepr {
        const HOP_LIMIT: u8 = 64;
        let len = self.tcp().buffer_len();
        IpRepr::new(self.from.1.addr, self.to.1.addr, IpProtocol::Tcp, len, HOP_LIMIT)
    }

    fn tcp(&self) -> TcpRepr<'static> {
        TcpRepr {
            src_port: self.from.1.port,
            dst_port: self.to.1.port,
            control: self.control,
            seq_number: self.seq,
            ack_number: self.ack,
            window_len: self.window,
            window_scale: None,
            max_seg_size: self.segment_size,
            sack_permitted: false,
            sack_ranges: [None; 3],
            timestamp: None,
            payload: &[],
        }
    }
}
