//! `struct virtio_net_hdr` (virtio 1.3, section 5.1.6), which precedes each frame with offloads. It says where
//! a checksum is missing, and into which segments a frame is to be cut.
//!
//! Only TCP uses checksum offload. Datagrams may be fragmented, which rules it out, so UDP checksums are always
//! filled in; those that the kernel left out are completed here.

use core::{num::NonZeroU16, ops::Range};

#[cfg(feature = "proto-ipv6")]
use smoltcp::wire::Ipv6Packet;
use smoltcp::wire::{
    EthernetFrame, EthernetProtocol, IpAddress, IpProtocol, Ipv4Packet, TcpPacket, checksum,
};

#[cfg(feature = "proto-ipv6")]
use crate::ipv6::{UpperLayer, upper_layer};
use crate::strip::tag_len;

/// The length in bytes. The fields, in native byte order: flags (u8), gso_type (u8), hdr_len, gso_size,
/// csum_start and csum_offset (u16 each).
pub(super) const HEADER: usize = 10;

/// `VIRTIO_NET_HDR_F_NEEDS_CSUM`: the checksum field holds only the pseudo-header's sum.
const NEEDS_CSUM: u8 = 1;
/// `VIRTIO_NET_HDR_F_DATA_VALID`: the checksum has been verified.
const DATA_VALID: u8 = 2;
/// `VIRTIO_NET_HDR_GSO_NONE`, `_TCPV4` and `_TCPV6`.
const GSO_NONE: u8 = 0;
const GSO_TCPV4: u8 = 1;
#[cfg(feature = "proto-ipv6")]
const GSO_TCPV6: u8 = 4;

const ETHERNET: usize = EthernetFrame::<&[u8]>::header_len();
/// The offset of the checksum in a TCP header (RFC 9293 section 3.1).
const TCP_CHECKSUM: usize = 16;

/// The content of a frame.
enum Content {
    Tcp(Segment),
    /// A fragment of a segment, whose checksum cannot be verified.
    TcpFragment,
    Other,
}

/// A TCP segment in a frame: its range, and the sum of its pseudo-header.
struct Segment {
    range: Range<usize>,
    pseudo: u16,
    gso: u8,
}

/// Writes the header for a frame from the stack, which has no TCP checksum.
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

/// Whether a received frame is an uncut segment, which may exceed the MTU.
pub(super) fn is_uncut(header: &[u8; HEADER]) -> bool {
    header[1] != GSO_NONE
}

/// Whether a received frame's TCP checksum is valid or not needed. Completes other checksums that the kernel left
/// out.
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

/// Fills in the TCP checksum of a frame of a [`Tap`](super::Tap) with offloads, sent or received, so that a
/// capture shows it correct.
#[cfg(feature = "phy-tap-offload")]
pub fn fill_checksum(frame: &mut [u8]) {
    if let Content::Tcp(Segment { range, pseudo, .. }) = Content::of(frame) {
        let at = range.start + TCP_CHECKSUM;
        frame[at..at + 2].copy_from_slice(&pseudo.to_be_bytes());
        complete(&mut frame[..range.end], range.start, TCP_CHECKSUM);
    }
}

/// Sums the bytes from `start` on, and writes the checksum at `offset` from there. False if that is outside the
/// frame.
fn complete(frame: &mut [u8], start: usize, offset: usize) -> bool {
    let Some(summed) = frame.get_mut(start..) else { return false };
    let sum = match !checksum::data(summed) {
        // RFC 768: a checksum of zero means none.
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
        // The rest of a tagged frame reads like a frame, but for its addresses.
        let tag = tag_len(frame);
        let ethernet = EthernetFrame::new_checked(frame.get(tag..)?).ok()?;
        let (protocol, range, from, to, gso): (_, _, IpAddress, IpAddress, _) =
            match ethernet.ethertype() {
                EthernetProtocol::Ipv4 => {
                    let ip = Ipv4Packet::new_checked(ethernet.payload()).ok()?;
                    let is_fragment = ip.more_frags() || ip.frag_offset() != 0;
                    if ip.next_header() == IpProtocol::Tcp && is_fragment {
                        return Some(Content::TcpFragment);
                    }
                    let range = usize::from(ip.header_len())..usize::from(ip.total_len());
                    let (from, to) = (ip.src_addr().into(), ip.dst_addr().into());
                    (ip.next_header(), range, from, to, GSO_TCPV4)
                }
                #[cfg(feature = "proto-ipv6")]
                EthernetProtocol::Ipv6 => {
                    let ip = Ipv6Packet::new_checked(ethernet.payload()).ok()?;
                    let UpperLayer { protocol, start, .. } = upper_layer(&ip).ok()?;
                    let range = ip.header_len() + start..ip.total_len();
                    let (from, to) = (ip.src_addr().into(), ip.dst_addr().into());
                    (protocol, range, from, to, GSO_TCPV6)
                }
                _ => return None,
            };
        if protocol != IpProtocol::Tcp {
            return None;
        }
        TcpPacket::new_checked(ethernet.payload().get(range.clone())?).ok()?;
        let pseudo = checksum::pseudo_header(&from, &to, IpProtocol::Tcp, range.len() as u32);
        let start = tag + ETHERNET;
        let range = start + range.start..start + range.end;
        Some(Content::Tcp(Segment { range, pseudo, gso }))
    }
}

fn put(header: &mut [u8; HEADER], at: usize, value: u16) {
    header[at..at + 2].copy_from_slice(&value.to_ne_bytes());
}

fn get(header: &[u8; HEADER], at: usize) -> u16 {
    u16::from_ne_bytes([header[at], header[at + 1]])
}
