//! The other end of the line. It acknowledges an echo with its next message, so that a round trip is two
//! segments.

use smolecho::smoltcp::phy::ChecksumCapabilities;
use smolecho::smoltcp::wire::{
    ArpOperation, ArpPacket, ArpRepr, EthernetAddress, EthernetFrame, EthernetProtocol,
    EthernetRepr, IpProtocol, Ipv4Address, Ipv4Packet, Ipv4Repr, TcpControl, TcpPacket, TcpRepr,
    TcpSeqNumber,
};

pub(crate) const SERVER_MAC: EthernetAddress = EthernetAddress([2, 0, 0, 0, 0, 1]);
pub(crate) const SERVER: Ipv4Address = Ipv4Address::new(10, 0, 0, 1);
pub(crate) const PORT: u16 = 12345;

const MAC: EthernetAddress = EthernetAddress([2, 0, 0, 0, 0, 2]);
const ADDRESS: Ipv4Address = Ipv4Address::new(10, 0, 0, 2);

/// An ARP request, from which the server learns the peer's hardware address.
pub(crate) fn question() -> Vec<u8> {
    let arp = ArpRepr::EthernetIpv4 {
        operation: ArpOperation::Request,
        source_hardware_addr: MAC,
        source_protocol_addr: ADDRESS,
        target_hardware_addr: EthernetAddress::BROADCAST,
        target_protocol_addr: SERVER,
    };
    frame(EthernetAddress::BROADCAST, EthernetProtocol::Arp, arp.buffer_len(), |bytes| {
        arp.emit(&mut ArpPacket::new_unchecked(bytes));
    })
}

/// The peer's end of one connection.
pub(crate) struct Connection {
    port: u16,
    seq: TcpSeqNumber,
    ack: TcpSeqNumber,
}

impl Connection {
    pub(crate) fn new(port: u16) -> Connection {
        Connection { port, seq: TcpSeqNumber(1000), ack: TcpSeqNumber(0) }
    }

    pub(crate) fn syn(&mut self) -> Vec<u8> {
        let frame = self.segment(TcpControl::Syn, None, &[]);
        self.seq += 1;
        frame
    }

    /// An ACK, with data if there is any.
    pub(crate) fn say(&mut self, data: &[u8]) -> Vec<u8> {
        let control = if data.is_empty() { TcpControl::None } else { TcpControl::Psh };
        let frame = self.segment(control, Some(self.ack), data);
        self.seq += data.len();
        frame
    }

    /// Receives the server's next segment and returns its data.
    pub(crate) fn hear<'f>(&mut self, frame: Option<&'f [u8]>) -> Option<&'f [u8]> {
        let ethernet = EthernetFrame::new_checked(frame?).ok()?;
        let packet = Ipv4Packet::new_checked(ethernet.payload()).ok()?;
        let tcp = TcpPacket::new_checked(packet.payload()).ok()?;
        self.ack = tcp.seq_number() + tcp.segment_len();
        (tcp.dst_port() == self.port && !tcp.rst()).then(|| tcp.payload())
    }

    fn segment(&self, control: TcpControl, ack: Option<TcpSeqNumber>, data: &[u8]) -> Vec<u8> {
        let checksums = ChecksumCapabilities::default();
        let tcp = TcpRepr {
            src_port: self.port,
            dst_port: PORT,
            control,
            seq_number: self.seq,
            ack_number: ack,
            window_len: 8192,
            window_scale: None,
            max_seg_size: None,
            sack_permitted: false,
            sack_ranges: [None; 3],
            timestamp: None,
            payload: data,
        };
        let ip = Ipv4Repr {
            src_addr: ADDRESS,
            dst_addr: SERVER,
            next_header: IpProtocol::Tcp,
            payload_len: tcp.buffer_len(),
            hop_limit: 64,
        };
        let len = ip.buffer_len() + tcp.buffer_len();
        frame(SERVER_MAC, EthernetProtocol::Ipv4, len, |bytes| {
            let mut packet = Ipv4Packet::new_unchecked(bytes);
            ip.emit(&mut packet, &checksums);
            let mut segment = TcpPacket::new_unchecked(packet.payload_mut());
            tcp.emit(&mut segment, &ADDRESS.into(), &SERVER.into(), &checksums);
        })
    }
}

fn frame(
    to: EthernetAddress,
    ethertype: EthernetProtocol,
    len: usize,
    fill: impl FnOnce(&mut [u8]),
) -> Vec<u8> {
    let ethernet = EthernetRepr { src_addr: MAC, dst_addr: to, ethertype };
    let mut bytes = vec![0; EthernetFrame::<&[u8]>::buffer_len(len)];
    let mut frame = EthernetFrame::new_unchecked(&mut bytes);
    ethernet.emit(&mut frame);
    fill(frame.payload_mut());
    bytes
}
