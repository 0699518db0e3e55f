//! ARP (RFC 826, RFC 5227).

use smoltcp::wire::{
    ArpOperation, ArpPacket, ArpRepr, EthernetAddress, EthernetFrame, IpCidr, Ipv4Address, Ipv4Cidr,
};

#[cfg(feature = "conflict-detection")]
use smoltcp::wire::IpAddress;

use super::Reaction;
use super::message::{Body, Message};

/// An ARP packet, but for the hardware address that it asks for.
#[derive(Clone, Copy)]
pub(crate) struct Arp {
    operation: ArpOperation,
    mac: EthernetAddress,
    sender: Ipv4Address,
    target: Ipv4Address,
}

/// A router outside the network of the address that is to reach it, as with a lease of /32.
///
/// smoltcp asks for such a router and does not take its answer. So its routes lead to `alias`, an address of
/// our own, and the router's answer is told to it under that name.
#[cfg(feature = "dhcpv4")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OffLinkRouter {
    pub(crate) router: Ipv4Address,
    pub(crate) alias: Ipv4Address,
}

#[cfg(any(feature = "conflict-detection", feature = "dhcpv4"))]
impl Message {
    /// A request to all: for the hardware address of `target`; from 0.0.0.0 a probe, and for the sender itself
    /// an announcement (RFC 5227 section 1.1).
    pub(crate) fn who_has(mac: EthernetAddress, sender: Ipv4Address, target: Ipv4Address) -> Self {
        let arp = ArpRepr::EthernetIpv4 {
            operation: ArpOperation::Request,
            source_hardware_addr: mac,
            source_protocol_addr: sender,
            target_hardware_addr: EthernetAddress([0; 6]),
            target_protocol_addr: target,
        };
        Message { from: mac, to: EthernetAddress::BROADCAST, body: Body::Arp(arp) }
    }
}

impl Arp {
    pub(super) fn read(frame: &EthernetFrame<&[u8]>) -> Option<Arp> {
        let ArpRepr::EthernetIpv4 {
            operation,
            source_hardware_addr: mac,
            source_protocol_addr: sender,
            target_protocol_addr: target,
            ..
        } = ArpRepr::parse(&ArpPacket::new_checked(frame.payload()).ok()?).ok()?
        else {
            return None;
        };
        mac.is_unicast().then_some(Arp { operation, mac, sender, target })
    }

    #[cfg(feature = "conflict-detection")]
    pub(super) fn claimed(&self) -> Option<(IpAddress, EthernetAddress, bool)> {
        let is_probe = self.sender.is_unspecified();
        if is_probe && self.operation != ArpOperation::Request {
            return None;
        }
        let address = if is_probe { self.target } else { self.sender };
        Some((address.into(), self.mac, is_probe))
    }

    #[cfg(feature = "dhcpv4")]
    /// Whether the router answers us, or tells everybody.
    pub(super) fn is_of(&self, OffLinkRouter { router, alias }: OffLinkRouter) -> bool {
        let is_told = match self.operation {
            ArpOperation::Reply => self.target == alias,
            _ => self.target == router,
        };
        self.sender == router && is_told
    }

    pub(super) fn reaction(
        &self,
        mac: EthernetAddress,
        own: &[IpCidr],
        alias: Option<Ipv4Address>,
    ) -> Reaction {
        if let Some(alias) = alias {
            return Reaction::Retell(Arp { sender: alias, ..*self }.reply_to(mac, alias));
        }
        let own = || own.iter().filter_map(ipv4);
        let is_ours = own().any(|cidr| cidr.address() == self.target);
        let is_near = own().any(|cidr| cidr.contains_addr(&self.sender));
        if self.sender == self.target {
            // An announcement (RFC 5227 section 1.2), as if it had been told to us alone: smoltcp listens to
            // nothing else, and would use the old hardware address for a minute more.
            return match own().next() {
                Some(cidr) => Reaction::Retell(self.reply_to(mac, cidr.address())),
                None => Reaction::Deliver,
            };
        }
        // RFC 826 asks whether the target is ours, and nothing of the sender. smoltcp asks for a sender of
        // our own network, and is silent to a probe (RFC 5227 section 2.1.1), whose sender is 0.0.0.0.
        let is_far = !is_near && !self.sender.is_multicast() && !self.sender.is_broadcast();
        let is_unheard = is_far || self.sender.is_unspecified();
        if self.operation == ArpOperation::Request && is_ours && is_unheard {
            let ours = Arp { mac, sender: self.target, ..*self };
            return Reaction::Answer(ours.reply_to(self.mac, self.sender));
        }
        Reaction::Deliver
    }

    /// The reply by which its sender tells this station its hardware address.
    fn reply_to(&self, to: EthernetAddress, target: Ipv4Address) -> Message {
        let arp = ArpRepr::EthernetIpv4 {
            operation: ArpOperation::Reply,
            source_hardware_addr: self.mac,
            source_protocol_addr: self.sender,
            target_hardware_addr: to,
            target_protocol_addr: target,
        };
        Message { from: self.mac, to, body: Body::Arp(arp) }
    }
}

fn ipv4(cidr: &IpCidr) -> Option<Ipv4Cidr> {
    match cidr {
        IpCidr::Ipv4(v4) => Some(*v4),
        #[cfg(feature = "proto-ipv6")]
        IpCidr::Ipv6(_) => None,
    }
}
