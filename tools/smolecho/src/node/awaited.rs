//! Addresses that are to come from DHCP or a router, or that are probed for.

use smolecho::{Config, Event};
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{EthernetAddress, IpCidr, IpVersion};

/// How long to wait before a notice.
const PATIENCE: Duration = Duration::from_secs(5);

/// The address families still without an address from the network, and the configured addresses that are not
/// in use yet.
pub(crate) struct Awaited {
    dhcp: bool,
    slaac: bool,
    tentative: Vec<IpCidr>,
    conflict: Option<(IpCidr, EthernetAddress)>,
    /// When to give notice, once.
    due: Option<Instant>,
}

impl Awaited {
    /// `own` are the addresses in use.
    pub(crate) fn new(config: &Config, own: &[IpCidr], now: Instant) -> Awaited {
        let Config { dhcpv4: dhcp, slaac, .. } = *config;
        let tentative = config.addresses.iter().filter(|cidr| !own.contains(cidr)).copied();
        Awaited {
            dhcp,
            slaac,
            tentative: tentative.collect(),
            conflict: None,
            due: (dhcp || slaac).then(|| now + PATIENCE),
        }
    }

    pub(crate) fn see(&mut self, event: &Event<'_>) {
        match event {
            Event::AddressGained { cidr } if self.tentative.contains(cidr) => {
                self.tentative.retain(|tentative| tentative != cidr);
            }
            Event::AddressGained { cidr: IpCidr::Ipv4(_) } => self.dhcp = false,
            Event::AddressGained { cidr: IpCidr::Ipv6(_) } => self.slaac = false,
            Event::AddressConflict { cidr, mac } if self.tentative.contains(cidr) => {
                self.conflict = Some((*cidr, *mac));
            }
            _ => return,
        }
        if !self.dhcp && !self.slaac {
            self.due = None;
        }
    }

    /// Whether a configured address of this family is still probed for.
    pub(crate) fn is_tentative(&self, version: IpVersion) -> bool {
        self.tentative.iter().any(|cidr| cidr.address().version() == version)
    }

    /// Whether an address of this family is still missing.
    pub(crate) fn is_awaited(&self, version: IpVersion) -> bool {
        match version {
            IpVersion::Ipv4 => self.dhcp,
            IpVersion::Ipv6 => self.slaac,
        }
    }

    /// A configured address that another station has, and that station.
    pub(crate) fn conflict(&self) -> Option<(IpCidr, EthernetAddress)> {
        self.conflict
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
