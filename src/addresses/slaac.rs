//! Stateless address autoconfiguration (RFC 4862): an address and a default route from what routers say.
//!
//! smoltcp has its own, which this replaces: when no router answers it is due at an instant in the past
//! for ever, and when one has answered it hides the deadlines of every other socket
//! (`Interface::poll_at`, smoltcp 0.14.0).
//!
//! One address and one router are kept. An address whose preferred lifetime is over stays in use until an
//! advertisement brings a prefix that is preferred.

use smoltcp::phy::Device;
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{
    EthernetAddress, EthernetFrame, Icmpv6Message, Icmpv6Packet, IpAddress, IpCidr, Ipv6Address,
    Ipv6Cidr, Ipv6Packet, NdiscOption, NdiscOptionType, NdiscPrefixInfoFlags,
};

use super::Learned;
use super::eui64::{link_local, with_interface_id};
use crate::config::Config;
use crate::neighbor::Message;

/// RFC 4861 section 10: the number of solicitations, and the time between two.
const MAX_RTR_SOLICITATIONS: u8 = 3;
const RTR_SOLICITATION_INTERVAL: Duration = Duration::from_secs(4);

/// RFC 4862 section 5.5.3 e: a lifetime is not shortened below this by what anybody may have sent.
const TWO_HOURS: Duration = Duration::from_secs(2 * 60 * 60);

/// What a router said, as far as the node is concerned.
pub(super) struct Slaac {
    mac: EthernetAddress,
    solicitations: u8,
    next_solicitation: Instant,
    /// No router has answered since the link came up.
    is_unanswered: bool,
    address: Option<Autoconfigured>,
    router: Option<(Ipv6Address, Instant)>,
}

impl Slaac {
    /// If the configuration asks for it.
    pub(super) fn new(config: &Config, now: Instant) -> Option<Self> {
        config.slaac.then_some(Slaac {
            mac: config.mac,
            solicitations: 0,
            next_solicitation: now,
            is_unanswered: true,
            address: None,
            router: None,
        })
    }

    /// After a link has come up the network may be another: solicits routers again (RFC 4861 section 6.3.7).
    pub(super) fn link_up(&mut self, now: Instant) {
        (self.solicitations, self.next_solicitation) = (0, now);
        self.is_unanswered = true;
    }

    /// Solicits a router when that is due, and forgets what is no longer valid. `has_link_local` is false while
    /// that address is tentative.
    pub(super) fn poll<D: Device + ?Sized>(
        &mut self,
        has_link_local: bool,
        now: Instant,
        device: &mut D,
    ) -> Learned {
        if self.is_soliciting()
            && self.next_solicitation <= now
            && let Some(token) = device.transmit(now)
        {
            let from = has_link_local.then(|| link_local(self.mac).address());
            Message::solicit_routers(self.mac, from).send(token);
            self.solicitations += 1;
            self.next_solicitation = now + RTR_SOLICITATION_INTERVAL;
        }
        self.forget(now);
        Learned {
            address: self.address.map(|known| IpCidr::Ipv6(known.cidr)),
            router: self.router.map(|(router, _)| IpAddress::Ipv6(router)),
        }
    }

    /// When something expires, or the next solicitation is due.
    pub(super) fn poll_at(&self) -> Option<Instant> {
        let address = self.address.map(|known| known.valid_until);
        let router = self.router.map(|(_, until)| until);
        let solicitation = self.is_soliciting().then_some(self.next_solicitation);
        [address, router, solicitation].into_iter().flatten().min()
    }

    fn forget(&mut self, now: Instant) {
        self.address = self.address.filter(|known| known.valid_until > now);
        self.router = self.router.filter(|(_, until)| *until > now);
    }

    fn is_soliciting(&self) -> bool {
        (self.router.is_none() || self.is_unanswered) && self.solicitations < MAX_RTR_SOLICITATIONS
    }

    /// Takes a frame that carries a router advertisement, if it is a valid one (RFC 4861
    /// section 6.1.2).
    pub(super) fn advertised(&mut self, frame: &[u8], now: Instant) -> Option<()> {
        let frame = EthernetFrame::new_checked(frame).ok()?;
        let ip = Ipv6Packet::new_checked(frame.payload()).ok()?;
        let router = ip.src_addr();
        if ip.hop_limit() != 255 || !router.is_unicast_link_local() {
            return None;
        }
        let icmp = Icmpv6Packet::new_checked(ip.payload()).ok()?;
        let is_valid = icmp.msg_type() == Icmpv6Message::RouterAdvert
            && icmp.msg_code() == 0
            && icmp.verify_checksum(&router, &ip.dst_addr());
        if !is_valid {
            return None;
        }
        self.forget(now);
        self.address = self.after(icmp.payload(), now)?;

        let router_lifetime = icmp.router_lifetime();
        if router_lifetime > Duration::ZERO {
            self.router = Some((router, now + router_lifetime));
            self.is_unanswered = false;
        } else if self.router.is_some_and(|(known, _)| known == router) {
            self.router = None;
        }
        Some(())
    }

    /// The address after these options; `None` if one of them is cut short or has no length.
    ///
    /// RFC 4862 section 5.5.3 looks at each prefix. One address is kept: an address that is no longer preferred
    /// makes room for another that is, whatever the order of the options.
    fn after(&self, mut options: &[u8], now: Instant) -> Option<Option<Autoconfigured>> {
        let (mut known, mut other) = (self.address, None::<Offer>);
        while !options.is_empty() {
            let option = NdiscOption::new_checked(options).ok()?;
            options = &options[8 * usize::from(option.data_len())..];
            let Some(offer) = Offer::of(&option, self.mac) else { continue };
            match &mut known {
                Some(known) if known.cidr == offer.cidr => known.renew(&offer, now),
                _ if offer.valid > Duration::ZERO && offer.is_better(other.as_ref()) => {
                    other = Some(offer);
                }
                _ => {}
            }
        }
        let taken = other.filter(|other| match known {
            Some(known) => known.preferred_until <= now && other.preferred > Duration::ZERO,
            None => true,
        });
        Some(taken.map_or(known, |Offer { cidr, valid, preferred }| {
            let (valid_until, preferred_until) = (now + valid, now + preferred);
            Some(Autoconfigured { cidr, valid_until, preferred_until })
        }))
    }
}

/// The address that follows from a prefix.
#[derive(Clone, Copy)]
struct Autoconfigured {
    cidr: Ipv6Cidr,
    valid_until: Instant,
    preferred_until: Instant,
}

impl Autoconfigured {
    /// RFC 4862 section 5.5.3 e.
    fn renew(&mut self, offer: &Offer, now: Instant) {
        self.preferred_until = now + offer.preferred;
        let remaining =
            if self.valid_until > now { self.valid_until - now } else { Duration::ZERO };
        if offer.valid > TWO_HOURS || offer.valid > remaining {
            self.valid_until = now + offer.valid;
        } else if remaining > TWO_HOURS {
            self.valid_until = now + TWO_HOURS;
        }
    }
}

/// A prefix that addresses may be formed from.
struct Offer {
    cidr: Ipv6Cidr,
    valid: Duration,
    preferred: Duration,
}

impl Offer {
    /// RFC 4862 section 5.5.3 a to c, and d's demand that prefix and interface identifier have 128 bits.
    fn of(option: &NdiscOption<&[u8]>, mac: EthernetAddress) -> Option<Offer> {
        // Four units of eight bytes (RFC 4861 section 4.6.2).
        if option.option_type() != NdiscOptionType::PrefixInformation || option.data_len() != 4 {
            return None;
        }
        let prefix = option.prefix();
        let (valid, preferred) = (option.valid_lifetime(), option.preferred_lifetime());
        let is_taken = option.prefix_flags().contains(NdiscPrefixInfoFlags::ADDRCONF)
            && option.prefix_len() == 64
            && !prefix.is_unicast_link_local()
            && !prefix.is_multicast()
            && preferred <= valid;
        is_taken.then(|| Offer { cidr: with_interface_id(prefix, mac), valid, preferred })
    }

    /// The first is taken, unless only a later one is preferred.
    fn is_better(&self, other: Option<&Offer>) -> bool {
        let is_preferred = |offer: &Offer| offer.preferred > Duration::ZERO;
        other.is_none_or(|other| is_preferred(self) && !is_preferred(other))
    }
}
