//! IPv6 addresses that follow from the hardware address.

use smoltcp::wire::{EthernetAddress, Ipv6Address, Ipv6Cidr};

/// The address that every IPv6 interface has (RFC 4291 section 2.5.6).
pub(crate) fn link_local(mac: EthernetAddress) -> Ipv6Cidr {
    with_interface_id(Ipv6Address::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), mac)
}

/// RFC 4291 appendix A: the hardware address as the interface identifier.
pub(crate) fn with_interface_id(
    prefix: Ipv6Address,
    EthernetAddress(mac): EthernetAddress,
) -> Ipv6Cidr {
    let mut octets = prefix.octets();
    octets[8..11].copy_from_slice(&mac[..3]);
    octets[11..13].copy_from_slice(&[0xff, 0xfe]);
    octets[13..].copy_from_slice(&mac[3..]);
    octets[8] ^= 0x02;
    Ipv6Cidr::new(Ipv6Address::from(octets), 64)
}
