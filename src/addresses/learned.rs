//! An address and a router from the network, and the interface that follows them.

use smoltcp::iface::Interface;
use smoltcp::time::Instant;
use smoltcp::wire::{IpAddress, IpCidr};

use super::{Change, Claims};

/// The address and the default router that a DHCP server or a router advertisement gives now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Learned {
    pub(super) address: Option<IpCidr>,
    pub(super) router: Option<IpAddress>,
}

impl Learned {
    pub(super) fn is(&self, cidr: IpCidr) -> bool {
        self.address == Some(cidr)
    }

    /// Updates the interface. An address that it has from another source is left alone. A new address is in use at
    /// once or, with conflict detection, after it has been probed for.
    pub(super) fn follow(
        &mut self,
        learned: Learned,
        iface: &mut Interface,
        mut claims: Option<&mut Claims>,
        now: Instant,
    ) -> Option<Change> {
        let old = *self;
        if old.router != learned.router {
            set_route(iface, old.router, learned.router);
        }
        self.router = learned.router;
        let had = old.address.map(|cidr| cidr.address());
        let is_elsewhere = |cidr: &IpCidr| {
            let address = cidr.address();
            let is_known = iface.has_ip_addr(address)
                || claims.as_ref().is_some_and(|claims| claims.contains(address));
            had != Some(address) && is_known
        };
        self.address = learned.address.filter(|cidr| !is_elsewhere(cidr));
        if old.address == self.address {
            return None;
        }
        let lost = old.address.filter(|cidr| iface.ip_addrs().contains(cidr));
        // With another mask it is still the same address, in use or not.
        let is_same = had.is_some() && had == self.address.map(|cidr| cidr.address());
        let mut gained = self.address;
        if let Some(claims) = &mut claims {
            if let Some(cidr) = old.address.filter(|_| !is_same) {
                claims.end(cidr);
            }
            if let Some(cidr) = self.address {
                claims.begin(cidr, now);
            }
            gained = gained.filter(|_| is_same && lost.is_some());
        }
        iface.update_ip_addrs(|addresses| {
            addresses.retain(|address| Some(*address) != lost);
            if let Some(address) = gained {
                // `Node::new` has seen that there is room.
                let _ = addresses.push(address);
            }
        });
        (lost.is_some() || gained.is_some()).then_some(Change { conflict: None, lost, gained })
    }
}

/// Each family has one default route: the last that was named, here or in the configuration. smoltcp's
/// table has room for both.
fn set_route(iface: &mut Interface, old: Option<IpAddress>, new: Option<IpAddress>) {
    let routes = iface.routes_mut();
    match (old, new) {
        (_, Some(IpAddress::Ipv4(router))) => {
            let _ = routes.add_default_ipv4_route(router);
        }
        (Some(IpAddress::Ipv4(_)), None) => {
            routes.remove_default_ipv4_route();
        }
        #[cfg(feature = "proto-ipv6")]
        (_, Some(IpAddress::Ipv6(router))) => {
            let _ = routes.add_default_ipv6_route(router);
        }
        #[cfg(feature = "proto-ipv6")]
        (Some(IpAddress::Ipv6(_)), None) => {
            routes.remove_default_ipv6_route();
        }
        (None, None) => {}
    }
}
