//! TCP segments with every field under the fuzzer's control, and the segments of the node.

use smolecho_sim::{dissect, forge};
use smoltcp::wire::{IpAddress, IpEndpoint, IpProtocol, TcpPacket, TcpSeqNumber};

/// The control bits of a segment, in any combination.
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

/// A TCP segment with any field values, and correct checksums.
#[derive(Clone, Debug)]
pub struct Segment<'s> {
    /// Its source.
    pub from: IpEndpoint,
    /// Its destination.
    pub to: IpEndpoint,
    /// Its control bits.
    pub flags: Flags,
    /// Its sequence number.
    pub seq: i32,
    /// Its acknowledgement number, meant or not.
    pub ack: i32,
    /// Its window.
    pub window: u16,
    /// Its options: at most 40 bytes are used, in words of 4.
    pub options: &'s [u8],
    /// Its payload.
    pub payload: &'s [u8],
}

impl Segment<'_> {
    /// The whole frame.
    pub fn frame(&self) -> Vec<u8> {
        let options = &self.options[..self.options.len().min(40) / 4 * 4];
        let header = 20 + options.len();
        let len = header + self.payload.len();
        forge::packet(self.from.addr, self.to.addr, IpProtocol::Tcp, len, |buffer, _| {
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

/// A segment that the node has sent.
#[derive(Clone, Debug)]
pub struct Sent {
    /// Its destination.
    pub to: IpEndpoint,
    /// Its source.
    pub from: IpEndpoint,
    /// Its control bits.
    pub flags: Flags,
    /// Its sequence number.
    pub seq: i32,
    /// Its acknowledgement number.
    pub ack: i32,
    /// Its payload.
    pub payload: Vec<u8>,
}

impl Sent {
    /// The TCP segment in a frame, if there is one.
    ///
    /// # Panics
    ///
    /// If its checksum is wrong.
    pub fn read(frame: &[u8]) -> Option<Sent> {
        dissect::packet(frame, IpProtocol::Tcp, Self::in_packet)
    }

    fn in_packet(from: IpAddress, to: IpAddress, segment: &[u8]) -> Option<Sent> {
        let tcp = TcpPacket::new_checked(segment).ok()?;
        assert!(tcp.verify_checksum(&from, &to), "the node sent a wrong checksum");
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
