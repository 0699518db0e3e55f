//! The node's addresses: from its [`Config`], a DHCP server and a router, which may each assign one address
//! and one default route. With conflict detection, each is probed for, announced and defended.

#[cfg(not(all(feature = "dhcpv4", feature = "slaac", feature = "conflict-detection")))]
mod absent;
#[cfg(feature = "conflict-detection")]
mod claims;
#[cfg(feature = "dhcpv4")]
mod dhcp;
#[cfg(feature = "proto-ipv6")]
pub(crate) mod eui64;
mod learned;
#[cfg(feature = "dhcpv4")]
mod off_link;
#[cfg(feature = "slaac")]
mod slaac;

use smoltcp::iface::Interface;
use smoltcp::phy::{ChecksumCapabilities, Device};
use smoltcp::time::Instant;
use smoltcp::wire::{EthernetAddress, IpCidr, Ipv4Address};

#[cfg(not(feature = "slaac"))]
use self::absent::Slaac;
#[cfg(not(feature = "conflict-detection"))]
use self::absent::{Claims, Outcome};
#[cfg(not(feature = "dhcpv4"))]
use self::absent::{Dhcp, OffLink, next_hop};
#[cfg(feature = "conflict-detection")]
use self::claims::{Claims, Outcome};
#[cfg(feature = "dhcpv4")]
use self::dhcp::Dhcp;
use self::learned::Learned;
#[cfg(feature = "dhcpv4")]
use self::off_link::{OffLink, next_hop};
#[cfg(feature = "slaac")]
use self::slaac::Slaac;
use crate::config::Config;
#[cfg(any(feature = "conflict-detection", feature = "dhcpv4"))]
use crate::neighbor;
use crate::phy::LinkState;

/// Changes of the node's addresses: a conflict, an address lost, an address gained.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) conflict: Option<(IpCidr, EthernetAddress)>,
    pub(crate) lost: Option<IpCidr>,
    pub(crate) gained: Option<IpCidr>,
}

/// The sources, and what the interface knows of each.
pub(crate) struct Addresses {
    mac: EthernetAddress,
    dhcp: Option<Dhcp>,
    slaac: Option<Slaac>,
    lease: Learned,
    prefix: Learned,
    off_link: OffLink,
    claims: Option<Claims>,
}

impl Addresses {
    /// With conflict detection the interface loses its addresses until they have been probed for.
    pub(crate) fn new(config: &Config, iface: &mut Interface, now: Instant) -> Self {
        let mut claims = Claims::new(config);
        if let Some(claims) = &mut claims {
            iface.ip_addrs().iter().for_each(|cidr| claims.begin(*cidr, now));
            iface.update_ip_addrs(|addresses| addresses.clear());
        }
        Addresses {
            mac: config.mac,
            dhcp: Dhcp::new(config, now),
            slaac: Slaac::new(config, now),
            lease: Learned::default(),
            prefix: Learned::default(),
            off_link: Default::default(),
            claims,
        }
    }

    /// Whether addresses may change.
    pub(crate) fn may_change(&self) -> bool {
        self.dhcp.is_some() || self.slaac.is_some() || self.claims.is_some()
    }

    /// Sends what is due and applies one change to the interface; to be called until there is none.
    pub(crate) fn poll<D: Device + ?Sized>(
        &mut self,
        iface: &mut Interface,
        now: Instant,
        device: &mut D,
    ) -> Option<Change> {
        let change = self.learn(iface, now, device).or_else(|| self.defend(iface, now, device));
        if change.is_some() {
            self.off_link.ask_again(now);
        }
        self.off_link.poll(self.mac, now, device);
        change
    }

    /// Follows servers and routers.
    fn learn<D: Device + ?Sized>(
        &mut self,
        iface: &mut Interface,
        now: Instant,
        device: &mut D,
    ) -> Option<Change> {
        if let Some(dhcp) = &mut self.dhcp {
            let learned = dhcp.poll(now, device);
            let is_in_use = |cidr: &IpCidr| iface.has_ip_addr(cidr.address());
            let address = learned.address.filter(is_in_use);
            self.off_link.follow(&Learned { address, ..learned }, now);
            let learned = Learned { router: next_hop(&learned), ..learned };
            let change = self.lease.follow(learned, iface, self.claims.as_mut(), now);
            if change.is_some() {
                return change;
            }
        }
        let slaac = self.slaac.as_mut()?;
        let learned = slaac.poll(has_link_local(iface, self.mac), now, device);
        self.prefix.follow(learned, iface, self.claims.as_mut(), now)
    }

    /// Runs conflict detection.
    fn defend<D: Device + ?Sized>(
        &mut self,
        iface: &mut Interface,
        now: Instant,
        device: &mut D,
    ) -> Option<Change> {
        match self.claims.as_mut()?.poll(now, device)? {
            Outcome::Won(cidr) => {
                // `Node::new` has seen that there is room.
                iface.update_ip_addrs(|addresses| {
                    let _ = addresses.push(cidr);
                });
                Some(Change { gained: Some(cidr), ..Change::default() })
            }
            Outcome::Conflict { cidr, mac, is_lost } => {
                let lost = (is_lost && iface.has_ip_addr(cidr.address())).then_some(cidr);
                if lost.is_some() {
                    iface.update_ip_addrs(|addresses| addresses.retain(|own| *own != cidr));
                }
                if let Some(dhcp) = self.dhcp.as_mut().filter(|_| is_lost && self.lease.is(cidr)) {
                    dhcp.decline(now);
                }
                Some(Change { conflict: Some((cidr, mac)), lost, gained: None })
            }
        }
    }

    /// When the next poll is due.
    pub(crate) fn poll_at(&self) -> Option<Instant> {
        let dhcp = self.dhcp.as_ref().map(Dhcp::poll_at);
        let slaac = self.slaac.as_ref().and_then(Slaac::poll_at);
        let claims = self.claims.as_ref().and_then(Claims::poll_at);
        [dhcp, slaac, claims, self.off_link.poll_at()].into_iter().flatten().min()
    }

    /// After a link has come up the network may be another: lease and prefix are asked for again, and kept
    /// meanwhile.
    pub(crate) fn link_changed(&mut self, link: LinkState, now: Instant) {
        let is_up = link == LinkState::Up;
        if let Some(claims) = &mut self.claims {
            claims.link_changed(is_up, now);
        }
        if let Some(dhcp) = self.dhcp.as_mut().filter(|_| is_up) {
            dhcp.link_up(now);
        }
        if let Some(slaac) = self.slaac.as_mut().filter(|_| is_up) {
            slaac.link_up(now);
        }
        self.off_link.ask_again(now);
    }

    /// Takes a message of a neighbour. Returns the alias of a router outside the network that tells its hardware
    /// address.
    pub(crate) fn hear(
        &mut self,
        frame: &[u8],
        checksums: &ChecksumCapabilities,
        now: Instant,
    ) -> Option<Ipv4Address> {
        #[cfg(any(feature = "conflict-detection", feature = "dhcpv4"))]
        {
            let heard = neighbor::hear(frame, checksums)?;
            if let Some(claims) = &mut self.claims {
                claims.hear(&heard, now);
            }
            self.off_link.hear(&heard, now)
        }
        #[cfg(not(any(feature = "conflict-detection", feature = "dhcpv4")))]
        {
            let _ = (frame, checksums, now);
            None
        }
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

#[cfg(feature = "proto-ipv6")]
fn has_link_local(iface: &Interface, mac: EthernetAddress) -> bool {
    iface.has_ip_addr(eui64::link_local(mac).address())
}

#[cfg(not(feature = "proto-ipv6"))]
fn has_link_local(_: &Interface, _: EthernetAddress) -> bool {
    false
}
