//! A router outside the network of the lease.

use smoltcp::phy::Device;
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{EthernetAddress, IpAddress, IpCidr, Ipv4Address};

use super::Learned;
use crate::neighbor::{Heard, Message};

/// smoltcp forgets a neighbour after 60 s and cannot resolve this one, so the request comes before that.
const REFRESH: Duration = Duration::from_secs(30);
const RETRY: Duration = Duration::from_secs(3);

/// A router outside the network of the leased address, as with a lease of /32.
///
/// smoltcp sends an ARP request for such a router and ignores the reply. So the default route leads to `alias`,
/// the leased address itself, and the router's replies go to smoltcp with the alias as their sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct OffLinkRouter {
    router: Ipv4Address,
    alias: Ipv4Address,
}

/// Resolves the router's hardware address, and again before smoltcp forgets it.
#[derive(Default)]
pub(super) struct OffLink(Option<(OffLinkRouter, Instant)>);

impl OffLink {
    fn router(&self) -> Option<OffLinkRouter> {
        self.0.map(|(router, _)| router)
    }

    /// Follows the lease; its address is in use.
    pub(super) fn follow(&mut self, lease: &Learned, now: Instant) {
        let router = match (lease.router, next_hop(lease)) {
            (Some(IpAddress::Ipv4(router)), Some(IpAddress::Ipv4(alias))) if alias != router => {
                Some(OffLinkRouter { router, alias })
            }
            _ => None,
        };
        if router != self.router() {
            self.0 = router.map(|router| (router, now));
        }
    }

    /// smoltcp has forgotten its neighbours.
    pub(super) fn ask_again(&mut self, now: Instant) {
        if let Some((_, ask_at)) = &mut self.0 {
            *ask_at = now;
        }
    }

    /// The router's alias, if this message tells its hardware address.
    pub(super) fn hear(&mut self, heard: &Heard, now: Instant) -> Option<Ipv4Address> {
        let (router, ask_at) = self
            .0
            .as_mut()
            .filter(|(router, _)| heard.is_told && heard.address == router.router.into())?;
        *ask_at = now + REFRESH;
        Some(router.alias)
    }

    pub(super) fn poll<D: Device + ?Sized>(
        &mut self,
        mac: EthernetAddress,
        now: Instant,
        device: &mut D,
    ) {
        if let Some((OffLinkRouter { router, alias }, ask_at)) = &mut self.0
            && *ask_at <= now
            && let Some(token) = device.transmit(now)
        {
            Message::who_has(mac, *alias, *router).send(token);
            *ask_at = now + RETRY;
        }
    }

    pub(super) fn poll_at(&self) -> Option<Instant> {
        self.0.map(|(_, ask_at)| ask_at)
    }
}

/// The next hop of the default route: the router, or its alias.
pub(super) fn next_hop(learned: &Learned) -> Option<IpAddress> {
    match (learned.router, learned.address) {
        (Some(router @ IpAddress::Ipv4(_)), Some(IpCidr::Ipv4(own)))
            if !IpCidr::Ipv4(own).contains_addr(&router) =>
        {
            Some(IpAddress::Ipv4(own.address()))
        }
        (router, _) => router,
    }
}
