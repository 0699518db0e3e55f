//! Addresses that are to come from DHCP or a router.

use smolecho::{Config, Event};
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{IpCidr, IpVersion};

/// How long to wait before a notice.
const PATIENCE: Duration = Duration::from_secs(5);

/// The address families still without an address from the network.
pub(crate) struct Awaited {
    dhcp: bool,
    slaac: bool,
    /// When to give notice, once.
    due: Option<Instant>,
}

impl Awaited {
    pub(crate) fn new(config: &Config, now: Instant) -> Awaited {
        let Config { dhcpv4: dhcp, slaac, .. } = *config;
        Awaited { dhcp, slaac, due: (dhcp || slaac).then(|| now + PATIENCE) }
    }

    pub(crate) fn see(&mut self, event: &Event<'_>) {
        match event {
            Event::AddressGained { cidr: IpCidr::Ipv4(_) } => self.dhcp = false,
            Event::AddressGained { cidr: IpCidr::Ipv6(_) } => self.slaac = false,
            _ => return,
        }
        if !self.dhcp && !self.slaac {
            self.due = None;
        }
    }

    /// Whether an address of this family is still missing.
    pub(crate) fn is_awaited(&self, version: IpVersion) -> bool {
        match version {
            IpVersion::Ipv4 => self.dhcp,
            IpVersion::Ipv6 => self.slaac,
        }
    }

    pub(crate) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// What has not answered, once the notice is due.
    pub(crate) fn overdue(&mut self, now: Instant) -> impl Iterator<Item = &'static str> + use<> {
        let is_due = self.due.take_if(|due| *due <= now).is_some();
        let dhcp = (is_due && self.dhcp).then_some("no DHCP server");
        let slaac = (is_due && self.slaac).then_some("no router");
        dhcp.into_iter().chain(slaac)
    }
}
