//! What stands before each frame once work is left to the kernel: `struct virtio_net_hdr` (virtio 1.3,
//! section 5.1.6). It says where a checksum is still to be put, and into how large segments a frame is
//! still to be cut.
//!
//! Only TCP goes without a checksum here. A datagram may leave, or come, in fragments, and those nobody
//! sums for us: UDP keeps its own, and where the kernel has left one out it is put in.

use core::{num::NonZeroU16, ops::Range};

#[cfg(feature = "proto-ipv6")]
use smoltcp::wire::Ipv6Packet;
use smoltcp::wire::{
    EthernetFrame, EthernetProtocol, IpAddress, IpProtocol, Ipv4Packet, TcpPacket, checksum,
};

#[cfg(feature = "proto-ipv6")]
use crate::ipv6::upper_layer;

/// The length of the header: in its fields, all in the machine's own byte order, stand the flags and the
/// kind of segmentation, a byte each; and two bytes each, the length of the headers, that of a segment's
/// data, where the sum begins, and how far behind that it is put.
pub(super) const HEADER: usize = 10;

/// `VIRTIO_NET_HDR_F_NEEDS_CSUM`: the checksum is still that of the pseudo-header alone.
const NEEDS_CSUM: u8 = 1;
/// `VIRTIO_NET_HDR_F_DATA_VALID`: somebody has verified it.
const DATA_VALID: u8 = 2;
/// `VIRTIO_NET_HDR_GSO_NONE`, `_TCPV4` and `_TCPV6`.
const GSO_NONE: u8 = 0;
const GSO_TCPV4: u8 = 1;
#[cfg(feature = "proto-ipv6")]
const GSO_TCPV6: u8 = 4;

const ETHERNET: usize = EthernetFrame::<&[u8]>::header_len();
/// Where a TCP header has its checksum (RFC 9293 section 3.1).
const TCP_CHECKSUM: usize = 16;

/// What a frame carries.
enum Content {
    Tcp(Segment),
    /// A part of a segment, whose checksum nobody can tell.
    TcpFragment,
    Other,
}

/// A TCP segment in a frame: where it is, and the sum of its pseudo-header.
struct Segment {
    range: Range<usize>,
    pseudo: u16,
    gso: u8,
}

/// Says to the kernel what is still to be done with a frame of ours, whose TCP checksum is not filled in.
pub(super) fn describe(
    header: &mut [u8; HEADER],
    frame: &mut [u8],
    segment_size: Option<NonZeroU16>,
) {
    *header = [0; HEADER];
    let Content::Tcp(Segment { range, pseudo, gso }) = Content::of(frame) else { return };
    let start = range.start;
    let tcp = &mut frame[range];
    tcp[TCP_CHECKSUM..TCP_CHECKSUM + 2].copy_from_slice(&pseudo.to_be_bytes());
    header[0] = NEEDS_CSUM;
    put(header, 6, start as u16);
    put(header, 8, TCP_CHECKSUM as u16);
    if let Some(size) = segment_size {
        let headers = start as u16 + u16::from(TcpPacket::new_unchecked(tcp).header_len());
        header[1] = gso;
        put(header, 2, headers);
        put(header, 4, size.get());
    }
}

/// Whether a frame is longer than a wire would carry: the kernel has left it uncut.
pub(super) fn is_uncut(header: &[u8; HEADER]) -> bool {
    header[1] != GSO_NONE
}

/// Whether the stack may take a frame without a look at its TCP checksum; any other is put in if the
/// kernel has left it out.
pub(super) fn admit(header: &[u8; HEADER], frame: &mut [u8]) -> bool {
    let content = Content::of(frame);
    match (header[0], content) {
        (flags, Content::Tcp(segment)) if flags & NEEDS_CSUM != 0 => {
            segment.range.start == usize::from(get(header, 6))
        }
        (flags, _) if flags & NEEDS_CSUM != 0 => {
            complete(frame, get(header, 6).into(), get(header, 8).into())
        }
        (flags, Content::Tcp(_)) if flags & DATA_VALID != 0 => true,
        (_, Content::Tcp(Segment { range, pseudo, .. })) => {
            checksum::combine(&[pseudo, checksum::data(&frame[range])]) == !0
        }
        (_, Content::TcpFragment) => false,
        (_, Content::Other) => true,
    }
}

/// Fills in the TCP checksum of a frame that an offloading device carries, in either direction: for a
/// capture, which is to be read where nobody knows of offloads.
#[cfg(feature = "phy-tap-offload")]
pub fn fill_checksum(frame: &mut [u8]) {
    if let Content::Tcp(Segment { range, pseudo, .. }) = Content::of(frame) {
        let at = range.start + TCP_CHECKSUM;
        frame[at..at + 2].copy_from_slice(&pseudo.to_be_bytes());
        complete(&mut frame[..range.end], range.start, TCP_CHECKSUM);
    }
}

/// Sums from `start` to the end, and puts the sum that far behind `start`. False if that is outside.
fn complete(frame: &mut [u8], start: usize, offset: usize) -> bool {
    let Some(summed) = frame.get_mut(start..) else { return false };
    let sum = match !checksum::data(summed) {
        // RFC 768: a checksum of zero is none.
        0 => !0,
        sum => sum,
    };
    let Some(at) = summed.get_mut(offset..offset + 2) else { return false };
    at.copy_from_slice(&sum.to_be_bytes());
    true
}

impl Content {
    fn of(frame: &[u8]) -> Content {
        Content::in_frame(frame).unwrap_or(Content::Other)
    }

    fn in_frame(frame: &[u8]) -> Option<Content> {
        let ethernet = EthernetFrame::new_checked(frame).ok()?;
        match ethernet.ethertype() {
            EthernetProtocol::Ipv4 => {
                let ip = Ipv4Packet::new_checked(ethernet.payload()).ok()?;
                let range = usize::from(ip.header_len())..usize::from(ip.total_len());
                match ip.next_header() {
                    IpProtocol::Tcp if ip.more_frags() || ip.frag_offset() != 0 => {
                        Some(Content::TcpFragment)
                    }
                    IpProtocol::Tcp => {
                        let (from, to) = (ip.src_addr().into(), ip.dst_addr().into());
                        Segment::at(ethernet.payload(), range, from, to, GSO_TCPV4)
                    }
                    _ => None,
                }
            }
            #[cfg(feature = "proto-ipv6")]
            EthernetProtocol::Ipv6 => {
                let ip = Ipv6Packet::new_checked(ethernet.payload()).ok()?;
                let (protocol, start) = upper_layer(&ip)?;
                let range = ip.header_len() + start..ip.total_len();
                match protocol {
                    IpProtocol::Tcp => {
                        let (from, to) = (ip.src_addr().into(), ip.dst_addr().into());
                        Segment::at(ethernet.payload(), range, from, to, GSO_TCPV6)
                    }
                    _ => None,
                }
            }
            _ => None,
        }
    }
}

impl Segment {
    fn at(
        packet: &[u8],
        range: Range<usize>,
        from: IpAddress,
        to: IpAddress,
        gso: u8,
    ) -> Option<Content> {
        TcpPacket::new_checked(packet.get(range.clone())?).ok()?;
        let pseudo = checksum::pseudo_header(&from, &to, IpProtocol::Tcp, range.len() as u32);
        let range = ETHERNET + range.start..ETHERNET + range.end;
        Some(Content::Tcp(Segment { range, pseudo, gso }))
    }
}

fn put(header: &mut [u8; HEADER], at: usize, value: u16) {
    header[at..at + 2].copy_from_slice(&value.to_ne_bytes());
}

fn get(header: &[u8; HEADER], at: usize) -> u16 {
    u16::from_ne_bytes([header[at], header[at + 1]])
}
