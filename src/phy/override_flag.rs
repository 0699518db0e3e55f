//! The override flag of neighbour advertisements.

/// ICMPv6's number among the protocols of IPv6, and a neighbour advertisement's among its messages.
const ICMPV6: u8 = 58;
const NEIGHBOR_ADVERT: u8 = 136;

const OVERRIDE: u8 = 0x20;

/// RFC 4861 section 7.2.4: an advertisement of the node's own address sets the flag, so that a neighbour with
/// another hardware address in its cache takes the new one. smoltcp does not set it. Its frames have nothing between
/// the IPv6 header and the message.
pub(super) fn set(frame: &mut [u8]) {
    let is_advertisement = frame.len() > 58
        && frame[12..14] == [0x86, 0xDD]
        && frame[20] == ICMPV6
        && frame[54] == NEIGHBOR_ADVERT;
    if is_advertisement && frame[58] & OVERRIDE == 0 {
        frame[58] |= OVERRIDE;
        // RFC 1624: the word of the flags has grown, so the checksum is less by as much, in one's complement.
        let checksum = u16::from_be_bytes([frame[56], frame[57]]);
        let (less, borrow) = checksum.overflowing_sub(u16::from(OVERRIDE) << 8);
        frame[56..58].copy_from_slice(&(less - u16::from(borrow)).to_be_bytes());
    }
}
