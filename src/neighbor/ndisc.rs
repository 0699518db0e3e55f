//! Neighbour discovery (RFC 4861 section 7).

use smoltcp::phy::{ChecksumCapabilities, Medium};
use smoltcp::wire::{
    EthernetAddress, EthernetFrame, HardwareAddress, Icmpv6Packet, Icmpv6Repr, IpAddress, IpCidr,
    IpProtocol, Ipv6Address, Ipv6Packet, NdiscNeighborFlags, NdiscRepr, RawHardwareAddress,
};

use super::Reaction;
use super::message::{Body, Message};

/// A solicitation or an advertisement, and who sends it to whom.
#[derive(Clone, Copy)]
pub(crate) struct Ndisc {
    /// Of the frame.
    mac: EthernetAddress,
    from: Ipv6Address,
    to: Ipv6Address,
    target: Ipv6Address,
    kind: Kind,
}

#[derive(Clone, Copy)]
enum Kind {
    Solicitation,
    Advertisement { flags: NdiscNeighborFlags, lladdr: Option<EthernetAddress> },
}

const ALL_NODES: Ipv6Address = Ipv6Address::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
const ALL_NODES_MAC: EthernetAddress = EthernetAddress([0x33, 0x33, 0, 0, 0, 1]);

impl Message {
    /// Tells all nodes that the address is ours (RFC 4861 section 7.2.6).
    pub(crate) fn advertise(mac: EthernetAddress, own: Ipv6Address) -> Self {
        let repr = NdiscRepr::NeighborAdvert {
            flags: NdiscNeighborFlags::OVERRIDE,
            target_addr: own,
            lladdr: Some(mac.into()),
        };
        Message {
            from: mac,
            to: ALL_NODES_MAC,
            body: Body::Ndisc { from: own, to: ALL_NODES, repr },
        }
    }
}

impl Ndisc {
    /// RFC 4861 section 7.1: what is not valid is `None`.
    pub(super) fn read(
        frame: &EthernetFrame<&[u8]>,
        checksums: &ChecksumCapabilities,
    ) -> Option<Ndisc> {
        let ip = Ipv6Packet::new_checked(frame.payload()).ok()?;
        let (from, to) = (ip.src_addr(), ip.dst_addr());
        if ip.hop_limit() != 255 || ip.next_header() != IpProtocol::Icmpv6 {
            return None;
        }
        let icmp = Icmpv6Packet::new_checked(ip.payload()).ok()?;
        let (target, kind) = match Icmpv6Repr::parse(&from, &to, &icmp, checksums).ok()? {
            Icmpv6Repr::Ndisc(NdiscRepr::NeighborSolicit { target_addr, lladdr }) => {
                if from.is_unspecified() && !(to.is_multicast() && lladdr.is_none()) {
                    return None;
                }
                (target_addr, Kind::Solicitation)
            }
            Icmpv6Repr::Ndisc(NdiscRepr::NeighborAdvert { flags, target_addr, lladdr }) => {
                let is_solicited = flags.contains(NdiscNeighborFlags::SOLICITED);
                if to.is_multicast() && is_solicited {
                    return None;
                }
                (target_addr, Kind::Advertisement { flags, lladdr: lladdr.and_then(ethernet) })
            }
            _ => return None,
        };
        let is_valid = icmp.msg_code() == 0 && IpAddress::Ipv6(target).is_unicast();
        is_valid.then_some(Ndisc { mac: frame.src_addr(), from, to, target, kind })
    }

    pub(super) fn reaction(&self, mac: EthernetAddress, own: &[IpCidr]) -> Reaction {
        let is_ours = own.iter().any(|cidr| cidr.address() == self.target.into());
        match self.kind {
            // RFC 4862 section 5.4.3, RFC 4861 section 7.2.4: another host asks whether the address is free.
            // smoltcp drops what comes from ::.
            Kind::Solicitation if self.from.is_unspecified() && is_ours => {
                Reaction::Answer(Message::advertise(mac, self.target))
            }
            // RFC 4861 section 7.2.5: it is about its target. smoltcp files it under its sender.
            Kind::Advertisement { flags, lladdr: Some(lladdr) }
                if self.from != self.target
                    && IpAddress::Ipv6(self.from).is_unicast()
                    && !is_ours =>
            {
                let lladdr = Some(lladdr.into());
                let repr = NdiscRepr::NeighborAdvert { flags, target_addr: self.target, lladdr };
                Reaction::Retell(Message {
                    from: self.mac,
                    to: mac,
                    body: Body::Ndisc { from: self.target, to: self.to, repr },
                })
            }
            _ => Reaction::Deliver,
        }
    }
}

fn ethernet(lladdr: RawHardwareAddress) -> Option<EthernetAddress> {
    match lladdr.parse(Medium::Ethernet) {
        Ok(HardwareAddress::Ethernet(mac)) => Some(mac),
        _ => None,
    }
}
