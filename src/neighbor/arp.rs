//! ARP (RFC 826, RFC 5227).

use smoltcp::wire::{
    ArpOperation, ArpPacket, ArpRepr, EthernetAddress, IpCidr, Ipv4Address, Ipv4Cidr,
};

#[cfg(any(feature = "conflict-detection", feature = "dhcpv4"))]
use super::heard::Heard;
use super::message::{Body, Message};
use super::reaction::{Buffer, Reaction, Station};

/// An ARP packet, but for the hardware address that it asks for.
#[derive(Clone, Copy)]
pub(super) struct Arp {
    operation: ArpOperation,
    mac: EthernetAddress,
    sender: Ipv4Address,
    target: Ipv4Address,
}

impl Arp {
    pub(super) fn read(packet: &[u8]) -> Option<Arp> {
        let ArpRepr::EthernetIpv4 {
            operation,
            source_hardware_addr: mac,
            source_protocol_addr: sender,
            target_protocol_addr: target,
            ..
        } = ArpRepr::parse(&ArpPacket::new_checked(packet).ok()?).ok()?
        else {
            return None;
        };
        mac.is_unicast().then_some(Arp { operation, mac, sender, target })
    }

    /// The address that its sender has or, with a sender of 0.0.0.0, probes for.
    #[cfg(any(feature = "conflict-detection", feature = "dhcpv4"))]
    pub(super) fn heard(&self) -> Option<Heard> {
        let Arp { operation, mac, sender, target } = *self;
        let is_request = operation == ArpOperation::Request;
        let is_probe = sender.is_unspecified();
        if is_probe && !is_request {
            return None;
        }
        let address = if is_probe { target } else { sender }.into();
        #[cfg(feature = "dhcpv4")]
        let is_told = !is_request || target == sender;
        Some(Heard {
            address,
            mac,
            is_probe,
            #[cfg(feature = "dhcpv4")]
            is_told,
        })
    }
}

impl Station<'_> {
    pub(super) fn react_to_arp<'b>(
        &self,
        packet: &[u8],
        buffer: &'b mut Buffer,
    ) -> Option<Reaction<'b>> {
        let Arp { operation, mac, sender, target } = Arp::read(packet)?;
        let own = || self.own.iter().filter_map(ipv4);
        // An announcement (RFC 5227 section 1.2) becomes a reply to us. smoltcp reads nothing else, and would use
        // the old hardware address for a minute more.
        let is_announcement = sender == target;
        let retold = match self.alias {
            Some(alias) => Some((alias, alias)),
            None if is_announcement => Some((sender, own().next()?.address())),
            None => None,
        };
        if let Some((sender, target)) = retold {
            let reply = reply((mac, sender), (self.mac, target));
            return Some(Reaction::Retell(reply.write(buffer)));
        }

        // RFC 826 asks whether the target is ours, and nothing of the sender. smoltcp requires a sender of our
        // own network, and ignores a probe (RFC 5227 section 2.1.1), whose sender is 0.0.0.0.
        let is_ours = own().any(|cidr| cidr.address() == target);
        let is_near = own().any(|cidr| cidr.contains_addr(&sender));
        let is_host = !sender.is_multicast() && !sender.is_broadcast();
        let is_ignored = sender.is_unspecified() || is_host && !is_near;
        if operation != ArpOperation::Request || !is_ours || !is_ignored {
            return None;
        }
        let reply = reply((self.mac, target), (mac, sender));
        Some(Reaction::Answer(reply.write(buffer)))
    }
}

type End = (EthernetAddress, Ipv4Address);

fn reply((from_mac, from): End, (to_mac, to): End) -> Message {
    let arp = ArpRepr::EthernetIpv4 {
        operation: ArpOperation::Reply,
        source_hardware_addr: from_mac,
        source_protocol_addr: from,
        target_hardware_addr: to_mac,
        target_protocol_addr: to,
    };
    Message { from: from_mac, to: to_mac, body: Body::Arp(arp) }
}

fn ipv4(cidr: &IpCidr) -> Option<Ipv4Cidr> {
    match cidr {
        IpCidr::Ipv4(v4) => Some(*v4),
        #[cfg(feature = "proto-ipv6")]
        IpCidr::Ipv6(_) => None,
    }
}

#[cfg(any(feature = "conflict-detection", feature = "dhcpv4"))]
impl Message {
    /// A request to all for the hardware address of `target`. From 0.0.0.0 it is a probe, and for the sender
    /// itself an announcement (RFC 5227 section 1.1).
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
