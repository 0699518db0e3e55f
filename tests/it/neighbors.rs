//! ARP and neighbour discovery where smoltcp alone would fall silent, or learn the wrong thing.

use crate::rig::frames::{Frame, RAW_MAC, ethernet, hardware_address, who_has};
use crate::rig::{Family, NODE_MAC, Nobody, PORT, Setup, World, s};
use smolecho::Message;
use smolecho::smoltcp::phy::ChecksumCapabilities;
use smolecho::smoltcp::wire::*;

const LINK_LOCAL: Ipv6Address = Ipv6Address::new(0xfe80, 0, 0, 0, 0, 0, 0, 9);
const OTHER_MAC: EthernetAddress = EthernetAddress([2, 0, 0, 0, 0, 0x77]);

/// The ARP packets that the node sent since `mark`, and to whom.
fn arp_since(world: &World<Nobody>, mark: usize) -> Vec<(EthernetAddress, ArpRepr)> {
    let arp = |frame: &Frame| {
        let ethernet = EthernetFrame::new_checked(&frame.bytes[..]).ok()?;
        let packet = (ethernet.ethertype() == EthernetProtocol::Arp)
            .then(|| ArpPacket::new_checked(ethernet.payload()).ok())??;
        Some((ethernet.dst_addr(), ArpRepr::parse(&packet).ok()?))
    };
    world.sent_since(mark).filter_map(arp).collect()
}

fn reply_to(target_protocol_addr: Ipv4Address, source_protocol_addr: Ipv4Address) -> ArpRepr {
    ArpRepr::EthernetIpv4 {
        operation: ArpOperation::Reply,
        source_hardware_addr: NODE_MAC,
        source_protocol_addr,
        target_hardware_addr: RAW_MAC,
        target_protocol_addr,
    }
}

/// A neighbour advertisement, as its sender pleases.
fn advertisement(
    from: Ipv6Address,
    to: Ipv6Address,
    target: IpAddress,
    flags: NdiscNeighborFlags,
    mac: EthernetAddress,
) -> Vec<u8> {
    let IpAddress::Ipv6(target_addr) = target else { panic!("IPv6") };
    let icmp = Icmpv6Repr::Ndisc(NdiscRepr::NeighborAdvert {
        flags,
        target_addr,
        lladdr: Some(mac.into()),
    });
    let len = icmp.buffer_len();
    let ip = IpRepr::new(from.into(), to.into(), IpProtocol::Icmpv6, len, 255);
    let mut packet = vec![0; ip.buffer_len()];
    let checksums = ChecksumCapabilities::default();
    ip.emit(&mut packet[..], &checksums);
    icmp.emit(&from, &to, &mut Icmpv6Packet::new_unchecked(&mut packet[40..]), &checksums);
    ethernet(mac, hardware_address(to.into()), &packet)
}

/// Where the node's segments to this address have gone since `mark`.
fn segments_to(world: &World<Nobody>, mark: usize, peer: IpAddress) -> Vec<EthernetAddress> {
    world
        .sent_since(mark)
        .filter(|frame| frame.tcp().is_some_and(|tcp| tcp.to.addr == peer))
        .map(|frame| EthernetFrame::new_unchecked(&frame.bytes[..]).dst_addr())
        .collect()
}

/// RFC 826: the target is ours; where the sender is has nothing to do with it.
#[test]
fn arp_from_another_network_is_answered() {
    let ours = Ipv4Address::new(192, 168, 69, 1);
    for prefix in [24, 32] {
        let addresses = vec![IpCidr::new(ours.into(), prefix)];
        let mut world = Setup { nameless: true, addresses, ..Setup::new(Family::V4) }.alone();
        let theirs = Ipv4Address::new(192, 168, 70, 50);
        let mark = world.mark();
        world.inject_and_settle(who_has(theirs.into(), ours.into()));
        assert_eq!(arp_since(&world, mark), [(RAW_MAC, reply_to(theirs, ours))], "/{prefix}");

        let mark = world.mark();
        let broadcast = Ipv4Address::BROADCAST;
        for (from, to) in [(theirs, theirs), (theirs, broadcast), (broadcast, ours)] {
            world.inject_and_settle(who_has(from.into(), to.into()));
        }
        assert_eq!(arp_since(&world, mark), [], "nobody has asked for us");
    }
}

/// What was so before stays so.
#[test]
fn arp_from_our_network_is_answered_once() {
    let mut world = Setup::new(Family::V4).alone();
    let (IpAddress::Ipv4(theirs), IpAddress::Ipv4(ours)) =
        (Family::V4.stranger(1), Family::V4.node())
    else {
        panic!("IPv4");
    };
    world.inject_and_settle(who_has(theirs.into(), ours.into()));
    assert_eq!(arp_since(&world, 0), [(RAW_MAC, reply_to(theirs, ours))]);
}

/// RFC 4861 section 7.2.5: a host may answer for its global address from its link-local one.
#[test]
fn an_advertisement_is_filed_under_its_target() {
    let (peer, IpAddress::Ipv6(ours)) = (Family::V6.stranger(1), Family::V6.node()) else {
        panic!("IPv6");
    };
    let solicited = NdiscNeighborFlags::SOLICITED;
    for flags in [solicited, solicited | NdiscNeighborFlags::OVERRIDE] {
        let mut world = Setup::new(Family::V6).alone();
        world.connect(IpEndpoint::new(peer, PORT), Message::new(b"hello"));
        world.run_for(s(1));
        assert_eq!(segments_to(&world, 0, peer), [], "its hardware address is not known");
        world.inject_and_settle(advertisement(LINK_LOCAL, ours, peer, flags, OTHER_MAC));
        world.run_for(s(1));
        assert_eq!(segments_to(&world, 0, peer).first(), Some(&OTHER_MAC), "{flags:?}");
    }
}

/// Another station takes over, and tells so from its link-local address, to all nodes.
#[test]
fn a_failover_is_followed_at_once() {
    let peer = Family::V6.stranger(1);
    let mut world = Setup::new(Family::V6).alone();
    world.inject_and_settle(who_has(peer, Family::V6.node()));
    world.connect(IpEndpoint::new(peer, PORT), Message::new(b"hello"));
    world.run_for(s(1));
    assert_eq!(segments_to(&world, 0, peer).last(), Some(&RAW_MAC));

    let mark = world.mark();
    let not = advertisement(
        LINK_LOCAL,
        IPV6_LINK_LOCAL_ALL_NODES,
        peer,
        NdiscNeighborFlags::empty(),
        OTHER_MAC,
    );
    world.inject_and_settle(not);
    world.run_for(s(2));
    assert_eq!(segments_to(&world, mark, peer).last(), Some(&RAW_MAC), "it does not override");

    let mark = world.mark();
    let flags = NdiscNeighborFlags::OVERRIDE;
    world.inject_and_settle(advertisement(
        LINK_LOCAL,
        IPV6_LINK_LOCAL_ALL_NODES,
        peer,
        flags,
        OTHER_MAC,
    ));
    world.run_for(s(5));
    let went_to = segments_to(&world, mark, peer);
    assert!(!went_to.is_empty() && went_to.iter().all(|mac| *mac == OTHER_MAC), "{went_to:?}");
}

/// What is told on is told as it was: a damaged or forged advertisement is not mended on the way.
#[test]
fn an_invalid_advertisement_teaches_nothing() {
    let (peer, IpAddress::Ipv6(ours)) = (Family::V6.stranger(1), Family::V6.node()) else {
        panic!("IPv6");
    };
    let flags = NdiscNeighborFlags::SOLICITED | NdiscNeighborFlags::OVERRIDE;
    let good = advertisement(LINK_LOCAL, ours, peer, flags, OTHER_MAC);
    for (why, frame) in [
        ("bad checksum", flip(&good, 14 + 40 + 2, 1)),
        ("hop limit 254", flip(&good, 14 + 7, 1)),
        (
            "from an address of nobody",
            advertisement(Ipv6Address::UNSPECIFIED, ours, peer, flags, OTHER_MAC),
        ),
        (
            "solicited, to all nodes",
            advertisement(LINK_LOCAL, IPV6_LINK_LOCAL_ALL_NODES, peer, flags, OTHER_MAC),
        ),
        (
            "of a group",
            advertisement(LINK_LOCAL, ours, peer, flags, EthernetAddress([3, 0, 0, 0, 0, 1])),
        ),
    ] {
        let mut world = Setup::new(Family::V6).alone();
        world.connect(IpEndpoint::new(peer, PORT), Message::new(b"hello"));
        world.run_for(s(1));
        world.inject_and_settle(frame);
        world.run_for(s(1));
        assert_eq!(segments_to(&world, 0, peer), [], "{why}");
    }
}

fn flip(frame: &[u8], at: usize, bit: u8) -> Vec<u8> {
    let mut frame = frame.to_vec();
    frame[at] ^= bit;
    frame
}

/// The neighbour advertisements that the node sent since `mark`: who sends them to whom, and what they say.
fn advertisements_since(
    world: &World<Nobody>,
    mark: usize,
) -> Vec<(EthernetAddress, Ipv6Address, NdiscRepr<'static>)> {
    let advertisement = |frame: &Frame| {
        let ethernet = EthernetFrame::new_checked(&frame.bytes[..]).ok()?;
        let ip = (ethernet.ethertype() == EthernetProtocol::Ipv6)
            .then(|| Ipv6Packet::new_checked(ethernet.payload()).ok())??;
        let icmp = Icmpv6Packet::new_checked(ip.payload()).ok()?;
        if icmp.msg_type() != Icmpv6Message::NeighborAdvert {
            return None;
        }
        assert!(icmp.verify_checksum(&ip.src_addr(), &ip.dst_addr()), "{:x?}", frame.bytes);
        assert_eq!(ip.hop_limit(), 255);
        let NdiscRepr::NeighborAdvert { flags, target_addr, lladdr } =
            NdiscRepr::parse(&icmp).expect("it is whole")
        else {
            return None;
        };
        assert_eq!(ip.src_addr(), target_addr);
        let repr = NdiscRepr::NeighborAdvert { flags, target_addr, lladdr };
        Some((ethernet.dst_addr(), ip.dst_addr(), repr))
    };
    world.sent_since(mark).filter_map(advertisement).collect()
}

fn ours(target_addr: Ipv6Address, flags: NdiscNeighborFlags) -> NdiscRepr<'static> {
    NdiscRepr::NeighborAdvert { flags, target_addr, lladdr: Some(NODE_MAC.into()) }
}

/// A neighbour solicitation from nobody: duplicate address detection.
fn probe(target: Ipv6Address, to: Ipv6Address, lladdr: Option<EthernetAddress>) -> Vec<u8> {
    let from = Ipv6Address::UNSPECIFIED;
    let lladdr = lladdr.map(Into::into);
    let icmp = Icmpv6Repr::Ndisc(NdiscRepr::NeighborSolicit { target_addr: target, lladdr });
    let ip = IpRepr::new(from.into(), to.into(), IpProtocol::Icmpv6, icmp.buffer_len(), 255);
    let mut packet = vec![0; ip.buffer_len()];
    let checksums = ChecksumCapabilities::default();
    ip.emit(&mut packet[..], &checksums);
    icmp.emit(&from, &to, &mut Icmpv6Packet::new_unchecked(&mut packet[40..]), &checksums);
    ethernet(RAW_MAC, hardware_address(to.into()), &packet)
}

/// RFC 5227 section 2.1.1: another host asks whether our address is free. It is not.
#[test]
fn an_arp_probe_for_our_address_is_answered() {
    let mut world = Setup::new(Family::V4).alone();
    let IpAddress::Ipv4(own) = Family::V4.node() else { panic!("IPv4") };
    let nobody = Ipv4Address::UNSPECIFIED;
    world.inject_and_settle(who_has(nobody.into(), own.into()));
    assert_eq!(arp_since(&world, 0), [(RAW_MAC, reply_to(nobody, own))]);
    let mark = world.mark();
    world.inject_and_settle(who_has(nobody.into(), Family::V4.stranger(1)));
    assert_eq!(arp_since(&world, mark), [], "that address is not ours");
}

/// RFC 4862 section 5.4.3, RFC 4861 section 7.2.4: likewise, to all nodes, since the sender has no address yet.
#[test]
fn duplicate_address_detection_for_our_address_is_answered() {
    let IpAddress::Ipv6(own) = Family::V6.node() else { panic!("IPv6") };
    let solicited_node = Ipv6Address::new(0xff02, 0, 0, 0, 0, 1, 0xff00, 1);
    let mut world = Setup::new(Family::V6).alone();
    world.inject_and_settle(probe(own, solicited_node, None));
    let all_nodes_mac = EthernetAddress([0x33, 0x33, 0, 0, 0, 1]);
    let answer =
        (all_nodes_mac, IPV6_LINK_LOCAL_ALL_NODES, ours(own, NdiscNeighborFlags::OVERRIDE));
    assert_eq!(advertisements_since(&world, 0), [answer]);

    // RFC 4861 section 7.1.1, and addresses of others.
    let mark = world.mark();
    let IpAddress::Ipv6(other) = Family::V6.stranger(1) else { panic!("IPv6") };
    world.inject_and_settle(probe(other, solicited_node, None));
    world.inject_and_settle(probe(own, own, None));
    world.inject_and_settle(probe(own, solicited_node, Some(RAW_MAC)));
    world.inject_and_settle(flip(&probe(own, solicited_node, None), 14 + 7, 1));
    world.inject_and_settle(flip(&probe(own, solicited_node, None), 14 + 40 + 2, 1));
    assert_eq!(advertisements_since(&world, mark), []);
}

/// RFC 4861 section 7.2.4: our own address overrides what a neighbour knows of it. The checksum is right
/// for each sender of a solicitation.
#[test]
fn a_solicited_advertisement_overrides() {
    let IpAddress::Ipv6(own) = Family::V6.node() else { panic!("IPv6") };
    let mut world = Setup::new(Family::V6).alone();
    let flags = NdiscNeighborFlags::SOLICITED | NdiscNeighborFlags::OVERRIDE;
    for n in 0..3000u16 {
        let peer = Ipv6Address::new(0xfd00, 0, 0, 0, 0, 0, 0, 0x1000 + 19 * n);
        let mark = world.mark();
        world.inject_and_settle(who_has(peer.into(), own.into()));
        assert_eq!(advertisements_since(&world, mark), [(RAW_MAC, peer, ours(own, flags))]);
    }
}
