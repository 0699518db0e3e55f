//! IPv6 extension headers.

use smoltcp::wire::{IpProtocol, Ipv6ExtHeader, Ipv6Packet};

/// The upper-layer protocol, and its offset in the packet's payload. A hop-by-hop header is skipped; it may
/// only follow the IPv6 header (RFC 8200 section 4.1).
pub(crate) fn upper_layer(ip: &Ipv6Packet<&[u8]>) -> Option<(IpProtocol, usize)> {
    if ip.next_header() != IpProtocol::HopByHop {
        return Some((ip.next_header(), 0));
    }
    let header = Ipv6ExtHeader::new_checked(ip.payload()).ok()?;
    let start = 8 * (1 + usize::from(header.header_len()));
    (header.next_header() != IpProtocol::HopByHop).then_some((header.next_header(), start))
}
