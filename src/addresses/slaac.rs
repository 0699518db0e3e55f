//! Stateless address autoconfiguration (RFC 4862): an address and a default route from what routers say.
//!
//! smoltcp has its own, which this replaces: when no router answers it is due at an instant in the past
//! for ever, and when one has answered it hides the deadlines of every other socket
//! (`Interface::poll_at`, smoltcp 0.14.0).
//!
//! One prefix and one router are kept. Addresses are not probed for duplicates, and a preferred
//! lifetime that is over changes nothing.

use smoltcp::phy::{ChecksumCapabilities, Device, TxToken};
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{
    EthernetAddress, EthernetFrame, EthernetProtocol, Icmpv6Packet, Icmpv6Repr, IpAddress, IpCidr,
    IpProtocol, Ipv6Address, Ipv6Cidr, Ipv6Packet, Ipv6Repr, NdiscPrefixInfoFlags,
    NdiscPrefixInformation, NdiscRepr,
};

use super::Learned;
use super::eui64::{link_local, with_interface_id};
use crate::config::Config;

/// RFC 4861 section 10: so many solicitations, so far apart.
const MAX_RTR_SOLICITATIONS: u8 = 3;
const RTR_SOLICITATION_INTERVAL: Duration = Duration::from_secs(4);

/// RFC 4862 section 5.5.3 e: a lifetime is not shortened below this by what anybody may have sent.
const TWO_HOURS: Duration = Duration::from_secs(2 * 60 * 60);

const ALL_ROUTERS: Ipv6Address = Ipv6Address::new(0xff02, 0, 0, 0, 0, 0, 0, 2);
const ALL_ROUTERS_MAC: EthernetAddress = EthernetAddress([0x33, 0x33, 0, 0, 0, 2]);

/// What a router said, as far as the node is concerned.
pub(super) struct Slaac {
    mac: EthernetAddress,
    solicitations: u8,
    next_solicitation: Instant,
    address: Option<(Ipv6Cidr, Instant)>,
    router: Option<(Ipv6Address, Instant)>,
}

impl Slaac {
    /// If the configuration asks for it.
    pub(super) fn new(config: &Config, now: Instant) -> Option<Self> {
        config.slaac.then_some(Slaac {
            mac: config.mac,
            solicitations: 0,
            next_solicitation: now,
            address: None,
            router: None,
        })
    }

    /// Solicits a router when that is due, and forgets what is no longer valid.
    pub(super) fn poll<D: Device + ?Sized>(&mut self, now: Instant, device: &mut D) -> Learned {
        if self.is_soliciting()
            && self.next_solicitation <= now
            && let Some(token) = device.transmit(now)
        {
            self.solicit(now, token);
        }
        self.address = self.address.filter(|(_, until)| *until > now);
        self.router = self.router.filter(|(_, until)| *until > now);
        Learned {
            address: self.address.map(|(cidr, _)| IpCidr::Ipv6(cidr)),
            router: self.router.map(|(router, _)| IpAddress::Ipv6(router)),
        }
    }

    /// When something expires, or the next solicitation is due.
    pub(super) fn poll_at(&self) -> Option<Instant> {
        let address = self.address.map(|(_, until)| until);
        let router = self.router.map(|(_, until)| until);
        let solicitation = self.is_soliciting().then_some(self.next_solicitation);
        [address, router, solicitation].into_iter().flatten().min()
    }

    fn is_soliciting(&self) -> bool {
        self.router.is_none() && self.solicitations < MAX_RTR_SOLICITATIONS
    }

    /// Sends a router solicitation (RFC 4861 section 4.1).
    fn solicit(&mut self, now: Instant, token: impl TxToken) {
        let solicitation =
            Icmpv6Repr::Ndisc(NdiscRepr::RouterSolicit { lladdr: Some(self.mac.into()) });
        let ip = Ipv6Repr {
            src_addr: link_local(self.mac).address(),
            dst_addr: ALL_ROUTERS,
            next_header: IpProtocol::Icmpv6,
            payload_len: solicitation.buffer_len(),
            hop_limit: 255,
        };
        let len = EthernetFrame::<&[u8]>::buffer_len(ip.buffer_len() + solicitation.buffer_len());
        token.consume(len, |buffer| {
            let mut frame = EthernetFrame::new_unchecked(buffer);
            frame.set_src_addr(self.mac);
            frame.set_dst_addr(ALL_ROUTERS_MAC);
            frame.set_ethertype(EthernetProtocol::Ipv6);
            let mut packet = Ipv6Packet::new_unchecked(frame.payload_mut());
            ip.emit(&mut packet);
            solicitation.emit(
                &ip.src_addr,
                &ip.dst_addr,
                &mut Icmpv6Packet::new_unchecked(packet.payload_mut()),
                &ChecksumCapabilities::default(),
            );
        });
        self.solicitations += 1;
        self.next_solicitation = now + RTR_SOLICITATION_INTERVAL;
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
        let checksums = ChecksumCapabilities::default();
        let repr = Icmpv6Repr::parse(&router, &ip.dst_addr(), &icmp, &checksums).ok()?;
        let Icmpv6Repr::Ndisc(NdiscRepr::RouterAdvert { router_lifetime, prefix_info, .. }) = repr
        else {
            return None;
        };

        if router_lifetime > Duration::ZERO {
            self.router = Some((router, now + router_lifetime));
        } else if self.router.is_some_and(|(known, _)| known == router) {
            self.router = None;
        }
        if let Some(prefix) = prefix_info {
            self.take_prefix(&prefix, now);
        }
        Some(())
    }

    /// RFC 4862 section 5.5.3.
    fn take_prefix(&mut self, prefix: &NdiscPrefixInformation, now: Instant) {
        let of_link = prefix.prefix.is_unicast_link_local() || prefix.prefix.is_multicast();
        if !prefix.flags.contains(NdiscPrefixInfoFlags::ADDRCONF)
            || prefix.prefix_len != 64
            || of_link
            || prefix.preferred_lifetime > prefix.valid_lifetime
        {
            return;
        }
        let cidr = with_interface_id(prefix.prefix, self.mac);
        let lifetime = prefix.valid_lifetime;
        match self.address {
            None if lifetime > Duration::ZERO => self.address = Some((cidr, now + lifetime)),
            Some((known, until)) if known == cidr => {
                let remaining = if until > now { until - now } else { Duration::ZERO };
                if lifetime > TWO_HOURS || lifetime > remaining {
                    self.address = Some((cidr, now + lifetime));
                } else if remaining > TWO_HOURS {
                    self.address = Some((cidr, now + TWO_HOURS));
                }
            }
            _ => {}
        }
    }
}
