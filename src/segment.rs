//! TCP segments: the gate's view of one that came, and one that this library writes itself.

use smoltcp::phy::{ChecksumCapabilities, TxToken};
use smoltcp::wire::{
    EthernetAddress, EthernetFrame, EthernetProtocol, IpAddress, IpEndpoint, IpProtocol, IpRepr,
    IpVersion, Ipv4Packet, Ipv4Repr, TcpControl, TcpPacket, TcpRepr, TcpSeqNumber,
};
#[cfg(feature = "proto-ipv6")]
use smoltcp::wire::{Ipv6Packet, Ipv6Repr};

use crate::event::Tuple;

/// Bytes of a TCP header without options.
const TCP_HEADER: usize = 20;

/// A segment's control bits, as far as they decide where it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Control {
    Syn,
    SynAck,
    /// ACK without SYN, FIN and RST.
    Ack,
    /// FIN with ACK.
    Fin,
    Rst,
    /// None of SYN, RST and ACK.
    NoFlags,
}

/// A segment whose lengths have been checked, and its checksums not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Segment<'f> {
    /// The two ends; the local one is the destination.
    pub(crate) tuple: Tuple,
    pub(crate) control: Control,
    pub(crate) seq: TcpSeqNumber,
    pub(crate) ack: TcpSeqNumber,
    frame: &'f [u8],
    tcp: &'f [u8],
}

impl<'f> Segment<'f> {
    /// Reads the TCP header at the start of `tcp`, which lies in the Ethernet frame `frame`.
    pub(crate) fn new(
        frame: &'f [u8],
        tcp: &'f [u8],
        from: IpAddress,
        to: IpAddress,
    ) -> Option<Segment<'f>> {
        let packet = TcpPacket::new_checked(tcp).ok()?;
        let (local, remote) = (packet.dst_port(), packet.src_port());
        if local == 0 || remote == 0 {
            return None;
        }
        Some(Segment {
            tuple: Tuple {
                local: IpEndpoint::new(to, local),
                remote: IpEndpoint::new(from, remote),
            },
            control: match (packet.rst(), packet.syn(), packet.ack()) {
                (true, _, _) => Control::Rst,
                (_, true, false) => Control::Syn,
                (_, true, true) => Control::SynAck,
                (_, _, true) if packet.fin() => Control::Fin,
                (_, _, true) => Control::Ack,
                _ => Control::NoFlags,
            },
            seq: packet.seq_number(),
            ack: packet.ack_number(),
            frame,
            tcp,
        })
    }

    /// SEG.WND, not scaled.
    pub(crate) fn window(&self) -> u16 {
        TcpPacket::new_unchecked(self.tcp).window_len()
    }

    pub(crate) fn text(&self) -> &'f [u8] {
        TcpPacket::new_unchecked(self.tcp).payload()
    }

    /// The sequence number behind its text.
    pub(crate) fn end(&self) -> TcpSeqNumber {
        self.seq + self.text().len()
    }

    /// Whether it has options.
    pub(crate) fn has_options(&self) -> bool {
        TcpPacket::new_unchecked(self.tcp).header_len() > TCP_HEADER as u8
    }

    /// The sequence number behind all of it: SEG.SEQ + SEG.LEN.
    pub(crate) fn next_seq(&self) -> TcpSeqNumber {
        self.seq + TcpPacket::new_unchecked(self.tcp).segment_len()
    }

    /// Whether its FIN lies beyond a window that ends here.
    pub(crate) fn ends_beyond(&self, window_end: TcpSeqNumber) -> bool {
        self.control == Control::Fin && window_end < self.end()
    }

    /// Verifies the checksums that the device leaves to the stack, and parses the options.
    pub(crate) fn verify(&self, checksums: &ChecksumCapabilities) -> Option<TcpRepr<'f>> {
        let packet = EthernetFrame::new_unchecked(self.frame).payload();
        let Tuple { local, remote } = &self.tuple;
        match local.addr {
            IpAddress::Ipv4(_) => {
                Ipv4Repr::parse(&Ipv4Packet::new_unchecked(packet), checksums).ok()?;
            }
            #[cfg(feature = "proto-ipv6")]
            IpAddress::Ipv6(_) => {
                Ipv6Repr::parse(&Ipv6Packet::new_unchecked(packet)).ok()?;
            }
        }
        let tcp = TcpPacket::new_unchecked(self.tcp);
        TcpRepr::parse(&tcp, &remote.addr, &local.addr, checksums).ok()
    }

    /// A segment from the same sender to the same receiver.
    pub(crate) fn of_sender(&self, control: TcpControl, seq: TcpSeqNumber) -> SegmentRepr<'static> {
        let ethernet = EthernetFrame::new_unchecked(self.frame);
        SegmentRepr {
            from: (ethernet.src_addr(), self.tuple.remote),
            to: (ethernet.dst_addr(), self.tuple.local),
            control,
            seq,
            ack: None,
            window: self.window(),
            segment_size: None,
            text: &[],
        }
    }

    /// A segment from its receiver to its sender.
    pub(crate) fn answer(
        &self,
        control: TcpControl,
        seq: TcpSeqNumber,
        ack: TcpSeqNumber,
        window: u16,
    ) -> SegmentRepr<'static> {
        let segment = self.of_sender(control, seq);
        let (from, to) = (segment.to, segment.from);
        SegmentRepr { from, to, ack: Some(ack), window, ..segment }
    }
}

/// A segment to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SegmentRepr<'t> {
    pub(crate) from: (EthernetAddress, IpEndpoint),
    pub(crate) to: (EthernetAddress, IpEndpoint),
    pub(crate) control: TcpControl,
    pub(crate) seq: TcpSeqNumber,
    pub(crate) ack: Option<TcpSeqNumber>,
    pub(crate) window: u16,
    pub(crate) segment_size: Option<u16>,
    pub(crate) text: &'t [u8],
}

impl SegmentRepr<'_> {
    /// Bytes of the largest frame without text: Ethernet, IPv6, and TCP with 40 bytes of options.
    pub(crate) const MAX_LEN: usize = EthernetFrame::<&[u8]>::buffer_len(40 + 60);

    /// Sends it, if there is room.
    pub(crate) fn send(&self, token: Option<impl TxToken>) {
        if let Some(token) = token {
            token.consume(self.len(), |buffer| self.emit(buffer));
        }
    }

    /// Bytes of its frame.
    pub(crate) fn len(&self) -> usize {
        EthernetFrame::<&[u8]>::buffer_len(self.ip().buffer_len())
    }

    /// Writes its frame, [`len`](Self::len) bytes.
    pub(crate) fn emit(&self, buffer: &mut [u8]) {
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
        const MSS_OPTION: usize = 4;
        let options = if self.segment_size.is_some() { MSS_OPTION } else { 0 };
        let len = TCP_HEADER + options + self.text.len();
        IpRepr::new(self.from.1.addr, self.to.1.addr, IpProtocol::Tcp, len, HOP_LIMIT)
    }

    fn tcp(&self) -> TcpRepr<'_> {
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
            payload: self.text,
        }
    }
}
