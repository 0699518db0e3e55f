//! What stands between an IPv6 header and what the packet carries.

use smoltcp::wire::{IpProtocol, Ipv6ExtHeader, Ipv6Packet};

/// What the packet carries, and where in its payload that begins: behind a hop-by-hop header, which stands
/// right behind the IPv6 header, so only once (RFC 8200 section 4.3).
pub(crate) fn upper_layer(ip: &Ipv6Packet<&[u8]>) -> Option<(IpProtocol, usize)> {
    if ip.next_header() != IpProtocol::HopByHop {
        return Some((ip.next_header(), 0));
    }
    let header = Ipv6ExtHeader::new_checked(ip.payload()).ok()?;
    let start = 8 * (1 + usize::from(header.header_len()));
    (header.next_header() != IpProtocol::HopByHop).then_some((header.next_header(), start))
}
