//! Frames with headers that smoltcp does not read, as they are without those headers.

use smoltcp::wire::EthernetFrame;

/// Bytes of the largest such frame that is taken: the largest of Ethernet without a tag, or of a TAP interface
/// with offloads. The copy stands on the stack while the frame is delivered, and takes no memory otherwise.
pub(crate) const MAX_LEN: usize = EthernetFrame::<&[u8]>::buffer_len(MAX_PACKET);
const MAX_PACKET: usize = if cfg!(feature = "phy-tap-offload") { 65_535 } else { 1500 };

/// Bytes of the hardware addresses, and of a tag behind them.
const ADDRESSES: usize = 12;
const TAG: usize = 4;

/// Whether a frame has a header that smoltcp does not read.
pub(crate) fn is_needed(frame: &[u8]) -> bool {
    if tag_len(frame) > 0 {
        return true;
    }
    match (frame.get(ADDRESSES..ADDRESSES + 2), frame.get(20)) {
        // Hop-by-hop options, which others may follow; routing, fragment, destination options.
        #[cfg(feature = "proto-ipv6")]
        (Some([0x86, 0xDD]), Some(0 | 43 | 44 | 60)) => true,
        _ => false,
    }
}

/// Bytes of a frame's priority tag, which has VLAN ID 0 and so names no VLAN (IEEE 802.1Q).
pub(crate) fn tag_len(frame: &[u8]) -> usize {
    match frame.get(ADDRESSES..ADDRESSES + TAG) {
        Some([0x81, 0x00, high, 0]) if high & 0x0F == 0 => TAG,
        _ => 0,
    }
}

/// Writes the frame without these headers into the buffer, or `None` if it is too large.
pub(crate) fn strip<'b>(frame: &[u8], buffer: &'b mut [u8; MAX_LEN]) -> Option<&'b [u8]> {
    let tag = tag_len(frame);
    let len = frame.len() - tag;
    let copy = buffer.get_mut(..len)?;
    copy[..ADDRESSES].copy_from_slice(&frame[..ADDRESSES]);
    copy[ADDRESSES..].copy_from_slice(&frame[ADDRESSES + tag..]);
    #[cfg(feature = "proto-ipv6")]
    if copy[ADDRESSES..].starts_with(&[0x86, 0xDD])
        && let Some(len) = crate::ipv6::strip_extensions(copy)
    {
        return Some(&copy[..len]);
    }
    Some(copy)
}
