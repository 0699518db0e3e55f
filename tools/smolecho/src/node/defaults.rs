//! The addresses of the stack and of the host, where the command line gives none.

use smoltcp::wire::{IpAddress, IpCidr, Ipv4Address, Ipv6Address};

/// The stack's default addresses.
pub(crate) const ADDRESSES: [IpCidr; 2] = [
    IpCidr::new(IpAddress::Ipv4(Ipv4Address::new(192, 168, 69, 1)), 24),
    IpCidr::new(IpAddress::Ipv6(Ipv6Address::new(0xfdaa, 0, 0, 0, 0, 0, 0, 1)), 64),
];

/// The default addresses of the host's side.
pub(crate) const HOST_ADDRESSES: [IpCidr; 2] = [
    IpCidr::new(IpAddress::Ipv4(Ipv4Address::new(192, 168, 69, 100)), 24),
    IpCidr::new(IpAddress::Ipv6(Ipv6Address::new(0xfdaa, 0, 0, 0, 0, 0, 0, 0x100)), 64),
];
