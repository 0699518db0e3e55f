//! Where the node's addresses come from, beside its [`Config`]: a DHCP server and a router may each
//! lend one address and name one default route.

#[cfg(not(all(feature = "dhcpv4", feature = "slaac")))]
mod absent;
#[cfg(feature = "dhcpv4")]
mod dhcp;
#[cfg(feature = "proto-ipv6")]
pub(crate) mod eui64;
#[cfg(feature = "dhcpv4")]
mod off_link;
#[cfg(feature = "slaac")]
mod slaac;

use smoltcp::iface::Interface;
use smoltcp::phy::{ChecksumCapabilities, Device};
use smoltcp::time::Instant;
use smoltcp::wire::{EthernetAddress, IpAddress, IpCidr};

#[cfg(not(feature = "slaac"))]
use self::absent::Slaac;
#[cfg(not(feature = "dhcpv4"))]
use self::absent::{Dhcp, OffLink, next_hop};
#[cfg(feature = "dhcpv4")]
use self::dhcp::Dhcp;
#[cfg(feature = "dhcpv4")]
use self::off_link::{OffLink, next_hop};
#[cfg(feature = "slaac")]
use self::slaac::Slaac;
use crate::config::Config;
use crate::neighbor::{Heard, OffLinkRouter};

/// What a source says at the moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Learned {
    address: Option<IpCidr>,
    router: Option<IpAddress>,
}

/// An address that went, and the one that came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) lost: Option<IpCidr>,
    pub(crate) gained: Option<IpCidr>,
}

/// The sources, and what the interface knows of each.
pub(crate) struct Addresses {
    dhcp: Option<Dhcp>,
    slaac: Option<Slaac>,
    lease: Learned,
    prefix: Learned,
    off_link: OffLink,
    mac: EthernetAddress,
}

impl Addresses {
    pub(crate) fn new(config: &Config, now: Instant) -> Self {
        Addresses {
            dhcp: Dhcp::new(config, now),
            slaac: Slaac::new(config, now),
            lease: Learned::default(),
            prefix: Learned::default(),
            off_link: OffLink::default(),
            mac: config.mac,
        }
    }

    /// Whether there is anybody to learn from.
    pub(crate) fn may_change(&self) -> bool {
        self.dhcp.is_some() || self.slaac.is_some()
    }

    /// Asks what is to be asked now, and tells the interface what has been answered.
    pub(crate) fn poll<D: Device + ?Sized>(
        &mut self,
        iface: &mut Interface,
        now: Instant,
        device: &mut D,
    ) -> [Option<Change>; 2] {
        let lease = self.dhcp.as_mut().and_then(|dhcp| {
            let learned = dhcp.poll(now, device);
            self.off_link.follow(&learned, now);
            let router = next_hop(&learned);
            apply(&mut self.lease, Learned { router, ..learned }, iface)
        });
        let prefix = self.slaac.as_mut().and_then(|slaac| {
            let learned = slaac.poll(now, device);
            apply(&mut self.prefix, learned, iface)
        });
        if lease.or(prefix).is_some() {
            self.off_link.ask_again(now);
        }
        self.off_link.poll(self.mac, now, device);
        [lease, prefix]
    }

    /// When that is due again.
    pub(crate) fn poll_at(&self) -> Option<Instant> {
        let dhcp = self.dhcp.as_ref().map(Dhcp::poll_at);
        let slaac = self.slaac.as_ref().and_then(|slaac| slaac.poll_at());
        [dhcp, slaac, self.off_link.poll_at()].into_iter().flatten().min()
    }

    /// The link is back, perhaps to another network: what was learned is asked for again, and meanwhile kept.
    pub(crate) fn link_up(&mut self, now: Instant) {
        if let Some(dhcp) = &mut self.dhcp {
            dhcp.link_up(now);
        }
        if let Some(slaac) = &mut self.slaac {
            slaac.link_up(now);
        }
        self.off_link.ask_again(now);
    }

    /// Takes what a neighbour says.
    pub(crate) fn heard(&mut self, heard: &Heard, now: Instant) {
        self.off_link.hear(heard, now);
    }

    /// The router that ARP has to be told of under another name.
    pub(crate) fn off_link_router(&self) -> Option<OffLinkRouter> {
        self.off_link.router()
    }

    /// Whether there is a DHCP client.
    pub(crate) fn leases(&self) -> bool {
        self.dhcp.is_some()
    }

    /// Takes a frame for a DHCP client, if there is one.
    pub(crate) fn offered(&mut self, frame: &[u8], now: Instant, checksums: &ChecksumCapabilities) {
        if let Some(dhcp) = &mut self.dhcp {
            dhcp.deliver(frame, now, checksums);
        }
    }

    /// Takes a frame with what a router says.
    #[cfg(feature = "proto-ipv6")]
    pub(crate) fn advertised(&mut self, frame: &[u8], now: Instant) {
        if let Some(slaac) = &mut self.slaac {
            slaac.advertised(frame, now);
        }
    }
}

/// Makes the interface know what a source says now. An address that it has from elsewhere is not the
/// source's to take away.
fn apply(known: &mut Learned, learned: Learned, iface: &mut Interface) -> Option<Change> {
    let old = *known;
    if old.router != learned.router {
        set_route(iface, old.router, learned.router);
    }
    known.router = learned.router;
    let had = old.address.map(|cidr| cidr.address());
    let is_elsewhere =
        |cidr: &IpCidr| had != Some(cidr.address()) && iface.has_ip_addr(cidr.address());
    known.address = learned.address.filter(|cidr| !is_elsewhere(cidr));
    if old.address == known.address {
        return None;
    }
    iface.update_ip_addrs(|addresses| {
        addresses.retain(|address| Some(*address) != old.address);
        if let Some(address) = known.address {
            // `Node::new` has seen that there is room.
            let _ = addresses.push(address);
        }
    });
    Some(Change { lost: old.address, gained: known.address })
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
