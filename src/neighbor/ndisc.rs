//! Neighbour discovery (RFC 4861 section 7).

#[cfg(feature = "slaac")]
use smoltcp::wire::IPV6_LINK_LOCAL_ALL_ROUTERS;
use smoltcp::wire::{
    EthernetAddress, IPV6_LINK_LOCAL_ALL_NODES, Icmpv6Message, Icmpv6Packet, IpAddress, IpProtocol,
    Ipv6Address, Ipv6Packet, NdiscNeighborFlags,
};
#[cfg(feature = "conflict-detection")]
use smoltcp::{
    phy::ChecksumCapabilities,
    wire::{EthernetFrame, NdiscOption, NdiscOptionType},
};

#[cfg(feature = "conflict-detection")]
use super::heard::Heard;
use super::message::{Body, HEAD, IPV6, Message, SOURCE_LLADDR, TARGET};
use super::reaction::{Buffer, Reaction, Station};

const ALL_NODES_MAC: EthernetAddress = EthernetAddress([0x33, 0x33, 0, 0, 0, 1]);
#[cfg(feature = "slaac")]
const ALL_ROUTERS_MAC: EthernetAddress = EthernetAddress([0x33, 0x33, 0, 0, 0, 2]);

/// Where a frame has its IPv6 source, and a solicitation or an advertisement its target.
const SOURCE_AT: usize = 14 + 8;
const TARGET_AT: usize = 14 + IPV6 + HEAD;

impl Station<'_> {
    pub(super) fn react_to_ndisc<'b>(
        &self,
        frame: &[u8],
        buffer: &'b mut Buffer,
    ) -> Option<Reaction<'b>> {
        let ip = Ipv6Packet::new_checked(frame.get(14..)?).ok()?;
        let icmp = Icmpv6Packet::new_checked(ip.payload()).ok()?;
        if ip.next_header() != IpProtocol::Icmpv6 || ip.payload().len() < HEAD + TARGET {
            return None;
        }
        let (from, to, target) = (ip.src_addr(), ip.dst_addr(), icmp.target_addr());
        let is_ours = self.own.iter().any(|own| own.address() == IpAddress::Ipv6(target));
        match icmp.msg_type() {
            // RFC 4862 section 5.4.3, RFC 4861 section 7.2.4: another host probes for the address. smoltcp drops
            // packets from ::.
            Icmpv6Message::NeighborSolicit if is_ours && from.is_unspecified() => {
                // RFC 4861 section 7.1.1.
                let has_lladdr = icmp.payload().first() == Some(&SOURCE_LLADDR);
                let is_valid = ip.hop_limit() == 255
                    && icmp.msg_code() == 0
                    && to.is_multicast()
                    && !has_lladdr
                    && (!self.checksums.icmpv6.rx() || icmp.verify_checksum(&from, &to));
                let answer = Message::advertise(self.mac, target);
                is_valid.then(|| Reaction::Answer(answer.write(buffer)))
            }
            // RFC 4861 section 7.2.5: an advertisement is about its target, and smoltcp files it under its
            // source. It reads no more of the target than that it is unicast, so the two change places, and the
            // checksum stays right, or wrong.
            Icmpv6Message::NeighborAdvert
                if !is_ours && from != target && IpAddress::Ipv6(from).is_unicast() =>
            {
                let is_solicited = icmp.neighbor_flags().contains(NdiscNeighborFlags::SOLICITED);
                if to.is_multicast() && is_solicited {
                    return None;
                }
                let retold = buffer.get_mut(..frame.len())?;
                retold.copy_from_slice(frame);
                retold[SOURCE_AT..][..16].copy_from_slice(&target.octets());
                retold[TARGET_AT..][..16].copy_from_slice(&from.octets());
                Some(Reaction::Retell(retold))
            }
            _ => None,
        }
    }
}

impl Message {
    /// Announces an address of ours to all nodes (RFC 4861 section 7.2.6).
    pub(super) fn advertise(mac: EthernetAddress, own: Ipv6Address) -> Self {
        let body = Body::Ndisc {
            from: own,
            to: IPV6_LINK_LOCAL_ALL_NODES,
            kind: Icmpv6Message::NeighborAdvert,
            target: Some(own),
            lladdr: Some(mac),
        };
        Message { from: mac, to: ALL_NODES_MAC, body }
    }
}

#[cfg(feature = "slaac")]
impl Message {
    /// Solicits routers; without an address yet, from :: (RFC 4861 section 4.1).
    pub(crate) fn solicit_routers(mac: EthernetAddress, from: Option<Ipv6Address>) -> Self {
        let body = Body::Ndisc {
            from: from.unwrap_or(Ipv6Address::UNSPECIFIED),
            to: IPV6_LINK_LOCAL_ALL_ROUTERS,
            kind: Icmpv6Message::RouterSolicit,
            target: None,
            lladdr: from.map(|_| mac),
        };
        Message { from: mac, to: ALL_ROUTERS_MAC, body }
    }
}

#[cfg(feature = "conflict-detection")]
impl Message {
    /// Duplicate address detection (RFC 4862 section 5.4.2).
    pub(super) fn detect_duplicate(mac: EthernetAddress, target: Ipv6Address) -> Self {
        let [.., x, y, z] = target.octets();
        let (high, low) = (u16::from_be_bytes([0xff, x]), u16::from_be_bytes([y, z]));
        let body = Body::Ndisc {
            from: Ipv6Address::UNSPECIFIED,
            // The solicited-node address (RFC 4291 section 2.7.1).
            to: Ipv6Address::new(0xff02, 0, 0, 0, 0, 1, high, low),
            kind: Icmpv6Message::NeighborSolicit,
            target: Some(target),
            lladdr: None,
        };
        Message { from: mac, to: EthernetAddress([0x33, 0x33, 0xff, x, y, z]), body }
    }
}

/// The address that an advertisement announces, or that a solicitation from :: probes for; `None` if it is not
/// valid (RFC 4861 section 7.1).
#[cfg(feature = "conflict-detection")]
pub(super) fn heard(
    frame: &EthernetFrame<&[u8]>,
    checksums: &ChecksumCapabilities,
) -> Option<Heard> {
    let ip = Ipv6Packet::new_checked(frame.payload()).ok()?;
    let (from, to) = (ip.src_addr(), ip.dst_addr());
    let icmp = Icmpv6Packet::new_checked(ip.payload()).ok()?;
    let is_probe = match icmp.msg_type() {
        Icmpv6Message::NeighborSolicit if from.is_unspecified() && to.is_multicast() => true,
        Icmpv6Message::NeighborAdvert => false,
        _ => return None,
    };
    let is_whole = !checksums.icmpv6.rx() || icmp.verify_checksum(&from, &to);
    if ip.hop_limit() != 255 || icmp.msg_code() != 0 || !is_whole {
        return None;
    }
    let lladdr = lladdr(icmp.payload())?;
    let is_solicited = icmp.neighbor_flags().contains(NdiscNeighborFlags::SOLICITED);
    if is_probe && lladdr.is_some() || !is_probe && is_solicited && to.is_multicast() {
        return None;
    }
    let (address, mac) = (icmp.target_addr().into(), lladdr.unwrap_or(frame.src_addr()));
    Some(Heard {
        address,
        mac,
        is_probe,
        #[cfg(feature = "dhcpv4")]
        is_told: !is_probe,
    })
}

/// The link-layer address among the options, if there is one; `None` if an option is cut short or has no
/// length.
#[cfg(feature = "conflict-detection")]
fn lladdr(mut options: &[u8]) -> Option<Option<EthernetAddress>> {
    let mut lladdr = None;
    while !options.is_empty() {
        let option = NdiscOption::new_checked(options).ok()?;
        // A message has one of the two (RFC 4861 sections 4.3 and 4.4).
        let is_lladdr = matches!(
            option.option_type(),
            NdiscOptionType::SourceLinkLayerAddr | NdiscOptionType::TargetLinkLayerAddr
        );
        let len = 8 * usize::from(option.data_len());
        if is_lladdr && len == 8 {
            lladdr = Some(EthernetAddress::from_bytes(&options[2..8]));
        }
        options = &options[len..];
    }
    Some(lladdr)
}
