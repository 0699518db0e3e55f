//! Router advertisements.

use smolecho::smoltcp::time::Duration;
use smolecho::smoltcp::wire::*;

use super::frames::{RAW_MAC, ethernet, hardware_address, icmpv6};
use super::s;

/// The address of the router with this number.
pub const fn router(n: u16) -> Ipv6Address {
    Ipv6Address::new(0xfe80, 0, 0, 0, 0, 0, 0, n)
}

/// The prefix with this number.
pub const fn prefix(n: u16) -> Ipv6Address {
    Ipv6Address::new(0x2001, 0xdb8, 0, n, 0, 0, 0, 0)
}

/// A router advertisement; each field may be wrong.
#[derive(Clone, Copy, Debug)]
pub struct Advertisement {
    pub from: Ipv6Address,
    pub hop_limit: u8,
    pub router_lifetime: Duration,
    pub prefix: Option<Ipv6Address>,
    pub prefix_len: u8,
    pub flags: NdiscPrefixInfoFlags,
    pub valid: Duration,
    pub preferred: Duration,
}

impl Default for Advertisement {
    /// Router 1, for 30 minutes, with prefix 1, for an hour.
    fn default() -> Self {
        Advertisement {
            from: router(1),
            hop_limit: 255,
            router_lifetime: s(1800),
            prefix: Some(prefix(1)),
            prefix_len: 64,
            flags: NdiscPrefixInfoFlags::ON_LINK | NdiscPrefixInfoFlags::ADDRCONF,
            valid: s(3600),
            preferred: s(60),
        }
    }
}

impl Advertisement {
    pub fn frame(&self) -> Vec<u8> {
        let prefix_info = self.prefix.map(|prefix| NdiscPrefixInformation {
            prefix_len: self.prefix_len,
            flags: self.flags,
            valid_lifetime: self.valid,
            preferred_lifetime: self.preferred,
            prefix,
        });
        let repr = Icmpv6Repr::Ndisc(NdiscRepr::RouterAdvert {
            hop_limit: 64,
            flags: NdiscRouterFlags::empty(),
            router_lifetime: self.router_lifetime,
            reachable_time: Duration::ZERO,
            retrans_time: Duration::ZERO,
            lladdr: Some(RAW_MAC.into()),
            mtu: None,
            prefix_info,
        });
        let to = IPV6_LINK_LOCAL_ALL_NODES;
        let packet = icmpv6(self.from, to, self.hop_limit, &repr);
        ethernet(RAW_MAC, hardware_address(to.into()), &packet)
    }
}
