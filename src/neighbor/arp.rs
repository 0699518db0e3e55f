//! ARP (RFC 826, RFC 5227).

use smoltcp::wire::{
    ArpOperation, ArpPacket, ArpRepr, EthernetAddress, EthernetFrame, IpCidr, Ipv4Address,
};

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

    pub(super) fn reaction(&self, mac: EthernetAddress, own: &[IpCidr]) -> Reaction {
        let own = || own.iter().filter_map(ipv4);
        let is_ours = own().any(|cidr| cidr.address() == self.target);
        let is_near = own().any(|cidr| cidr.contains_addr(&self.sender));
        if self.sender == self.target {
            // An announcement (RFC 5227 section 1.2), as if it had been told to us alone: smoltcp listens to
            // nothing else, and would use the old hardware address for a minute more.
            return match own().next() {
                Some(cidr) => Reaction::Retell(Message {
                    from: self.mac,
                    to: mac,
                    body: Body::Arp(self.reply_to(mac, cidr.address())),
                }),
                None => Reaction::Deliver,
            };
        }
        // RFC 826 asks whether the target is ours, and nothing of the sender. smoltcp asks for a sender of
        // our own network.
        let is_host = !self.sender.is_multicast() && !self.sender.is_broadcast();
        if self.operation == ArpOperation::Request && is_ours && !is_near && is_host {
            return Reaction::Answer(Message {
                from: mac,
                to: self.mac,
                body: Body::Arp(
                    Arp { mac, sender: self.target, ..*self }.reply_to(self.mac, self.sender),
                ),
            });
        }
        Reaction::Deliver
    }

    /// The reply by which its sender tells this station its hardware address.
    fn reply_to(&self, mac: EthernetAddress, target: Ipv4Address) -> ArpRepr {
        ArpRepr::EthernetIpv4 {
            operation: ArpOperation::Reply,
            source_hardware_addr: self.mac,
            source_protocol_addr: self.sender,
            target_hardware_addr: mac,
            target_protocol_addr: target,
        }
    }
}

fn ipv4(cidr: &IpCidr) -> Option<smoltcp::wire::Ipv4Cidr> {
    match cidr {
        IpCidr::Ipv4(v4) => Some(*v4),
        #[cfg(feature = "proto-ipv6")]
        IpCidr::Ipv6(_) => None,
    }
}
