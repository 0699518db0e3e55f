//! An address is used when nobody else has it, is announced then, and defended: RFC 5227 and RFC 4862.

mod defence;
mod probing;

use crate::rig::dhcp::{Lan, SERVER};
use crate::rig::frames::{Frame, RAW_MAC, ethernet, hardware_address, moved, who_has};
use crate::rig::host::Host;
use crate::rig::router::Advertisement;
use crate::rig::{
    FAR_MAC, Family, Happened, NODE_MAC, PORT, Setup, Station, World, in_both_families, ms, s,
};
use smolecho::phy::LinkState;
use smolecho::smoltcp::phy::ChecksumCapabilities;
use smolecho::smoltcp::time::{Duration, Instant};
use smolecho::smoltcp::wire::*;
use smolecho::{CloseReason, ConnectError, Message};

/// The longest that an address is waited for.
const WAIT: Duration = ms(1500);

fn setup(family: Family) -> Setup {
    Setup { conflict_detection: true, ..Setup::new(family) }
}

/// What a node asks and tells about an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    Probe(IpAddress),
    Announcement(IpAddress),
    /// To somebody who has asked.
    Answer(IpAddress),
}

fn arp(packet: &[u8]) -> Option<Said> {
    let packet = ArpPacket::new_checked(packet).expect("ARP");
    let ArpRepr::EthernetIpv4 {
        operation,
        source_hardware_addr,
        source_protocol_addr: from,
        target_hardware_addr,
        target_protocol_addr: to,
    } = ArpRepr::parse(&packet).expect("ARP")
    else {
        return None;
    };
    assert_eq!(source_hardware_addr, NODE_MAC);
    match operation {
        ArpOperation::Request if from.is_unspecified() || from == to => {
            // RFC 5227 section 1.1: the field is ignored, and zero.
            assert_eq!(target_hardware_addr, EthernetAddress([0; 6]));
            Some(if from == to { Said::Announcement(to.into()) } else { Said::Probe(to.into()) })
        }
        ArpOperation::Request => None,
        _ => Some(Said::Answer(from.into())),
    }
}

fn ndisc(packet: &[u8]) -> Option<Said> {
    let ip = Ipv6Packet::new_checked(packet).expect("IPv6");
    let icmp = Icmpv6Packet::new_checked(ip.payload()).ok()?;
    assert!(icmp.verify_checksum(&ip.src_addr(), &ip.dst_addr()));
    match NdiscRepr::parse(&icmp).ok()? {
        NdiscRepr::NeighborSolicit { target_addr, lladdr } if ip.src_addr().is_unspecified() => {
            // RFC 4862 section 5.4.2, RFC 4861 section 4.3.
            let [.., x, y, z] = target_addr.octets();
            let group = [0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, x, y, z];
            assert_eq!((ip.dst_addr().octets(), ip.hop_limit(), lladdr), (group, 255, None));
            Some(Said::Probe(target_addr.into()))
        }
        NdiscRepr::NeighborAdvert { flags, target_addr, lladdr } => {
            assert_eq!((ip.src_addr(), lladdr), (target_addr, Some(NODE_MAC.into())));
            assert!(flags.contains(NdiscNeighborFlags::OVERRIDE));
            Some(if flags.contains(NdiscNeighborFlags::SOLICITED) {
                Said::Answer(target_addr.into())
            } else {
                Said::Announcement(target_addr.into())
            })
        }
        _ => None,
    }
}

fn said(frame: &Frame) -> Option<(Instant, Said)> {
    let ethernet = EthernetFrame::new_unchecked(&frame.bytes[..]);
    let said = match ethernet.ethertype() {
        EthernetProtocol::Arp => arp(ethernet.payload())?,
        EthernetProtocol::Ipv6 => ndisc(ethernet.payload())?,
        _ => return None,
    };
    if !matches!(said, Said::Answer(_)) {
        assert!(ethernet.dst_addr().is_multicast(), "it is told to all");
    }
    Some((frame.at, said))
}

fn said_since<F: Station>(world: &World<F>, mark: usize) -> Vec<(Instant, Said)> {
    world.sent_since(mark).filter_map(said).collect()
}

fn changes<F: Station>(world: &World<F>) -> Vec<Happened> {
    let is_change = |event: &&Happened| {
        matches!(event, Happened::Gained(_) | Happened::Lost(_) | Happened::Conflict(..))
    };
    world.ours.log.iter().filter(is_change).copied().collect()
}

fn addresses<F: Station>(world: &World<F>) -> &[IpCidr] {
    world.ours.node.interface().ip_addrs()
}

/// Another station has this address, and answers requests for it: a reply, or an advertisement.
fn is_at(address: IpAddress, mac: EthernetAddress) -> Vec<u8> {
    let mut frame = moved(address, mac);
    if matches!(address, IpAddress::Ipv4(_)) {
        // A reply, to all.
        frame[21] = 2;
    }
    frame
}

/// Another station wants this address, too.
fn probe(address: IpAddress, mac: EthernetAddress) -> Vec<u8> {
    match address {
        IpAddress::Ipv4(_) => {
            let mut frame = who_has(Ipv4Address::UNSPECIFIED.into(), address);
            frame[6..12].copy_from_slice(mac.as_bytes());
            frame[22..28].copy_from_slice(mac.as_bytes());
            frame
        }
        IpAddress::Ipv6(target_addr) => {
            let [.., x, y, z] = target_addr.octets();
            let from = Ipv6Address::UNSPECIFIED;
            let to = [0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, x, y, z].into();
            let icmp = Icmpv6Repr::Ndisc(NdiscRepr::NeighborSolicit { target_addr, lladdr: None });
            let len = icmp.buffer_len();
            let ip = IpRepr::new(from.into(), IpAddress::Ipv6(to), IpProtocol::Icmpv6, len, 255);
            let mut packet = vec![0; ip.buffer_len()];
            let checksums = ChecksumCapabilities::default();
            ip.emit(&mut packet[..], &checksums);
            icmp.emit(&from, &to, &mut Icmpv6Packet::new_unchecked(&mut packet[40..]), &checksums);
            ethernet(mac, hardware_address(to.into()), &packet)
        }
    }
}
