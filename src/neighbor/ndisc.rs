//! Neighbour discovery (RFC 4861 section 7).

use smoltcp::phy::{ChecksumCapabilities, Medium};
use smoltcp::wire::{
    EthernetAddress, EthernetFrame, HardwareAddress, IPV6_LINK_LOCAL_ALL_NODES, Icmpv6Packet,
    Icmpv6Repr, IpAddress, IpCidr, IpProtocol, Ipv6Address, Ipv6Packet, NdiscNeighborFlags,
    NdiscRepr, RawHardwareAddress,
};

use super::Reaction;
use super::message::{Body, Message};
#[cfg(feature = "slaac")]
use smoltcp::wire::IPV6_LINK_LOCAL_ALL_ROUTERS;

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

const ALL_NODES_MAC: EthernetAddress = EthernetAddress([0x33, 0x33, 0, 0, 0, 1]);

#[cfg(feature = "slaac")]
const ALL_ROUTERS_MAC: EthernetAddress = EthernetAddress([0x33, 0x33, 0, 0, 0, 2]);

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
            body: Body::Ndisc { from: own, to: IPV6_LINK_LOCAL_ALL_NODES, repr },
        }
    }
}

#[cfg(feature = "slaac")]
impl Message {
    /// Solicits routers; without an address yet, from nobody (RFC 4861 section 4.1).
    pub(crate) fn solicit_routers(mac: EthernetAddress, from: Option<Ipv6Address>) -> Self {
        let repr = NdiscRepr::RouterSolicit { lladdr: from.map(|_| mac.into()) };
        let from = from.unwrap_or(Ipv6Address::UNSPECIFIED);
        Message {
            from: mac,
            to: ALL_ROUTERS_MAC,
            body: Body::Ndisc { from, to: IPV6_LINK_LOCAL_ALL_ROUTERS, repr },
        }
    }
}

#[cfg(feature = "conflict-detection")]
impl Message {
    /// Duplicate address detection (RFC 4862 section 5.4.2).
    pub(super) fn detect_duplicate(mac: EthernetAddress, target: Ipv6Address) -> Self {
        let [.., x, y, z] = target.octets();
        let (high, low) = (u16::from_be_bytes([0xff, x]), u16::from_be_bytes([y, z]));
        // RFC 4291 section 2.7.1: its solicited-node address.
        let to = Ipv6Address::new(0xff02, 0, 0, 0, 0, 1, high, low);
        let from = Ipv6Address::UNSPECIFIED;
        let repr = NdiscRepr::NeighborSolicit { target_addr: target, lladdr: None };
        let to_mac = EthernetAddress([0x33, 0x33, 0xff, x, y, z]);
        Message { from: mac, to: to_mac, body: Body::Ndisc { from, to, repr } }
    }
}

impl Ndisc {
    #[cfg(feature = "conflict-detection")]
    pub(super) fn claimed(&self) -> Option<(IpAddress, EthernetAddress, bool)> {
        match self.kind {
            Kind::Advertisement { lladdr, .. } => {
                Some((self.target.into(), lladdr.unwrap_or(self.mac), false))
            }
            Kind::Solicitation if self.from.is_unspecified() => {
                Some((self.target.into(), self.mac, true))
            }
            Kind::Solicitation => None,
        }
    }

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
