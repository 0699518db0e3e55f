//! An address is used when nobody else has it, is announced then, and defended: RFC 5227 and RFC 4862.

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

/// Another station has this address, and says so to whoever asks: a reply, or an advertisement.
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

/// Probes first, and nothing from the address before; then it is there, announced twice, and all is quiet.
fn an_address_is_probed_for_used_and_announced(family: Family) {
    for seed in 1..20 {
        let mut world = Setup { seed, ..setup(family) }.world();
        let (own, cidr) = (family.node(), family.cidr(1));
        let socket = world.far.caller();
        world.run_until(WAIT, |world| !changes(world).is_empty());
        let gained = world.now;
        assert!(gained >= Instant::ZERO + ms(700), "gained at {gained}");
        assert_eq!(
            (changes(&world), addresses(&world)),
            (vec![Happened::Gained(cidr)], &[cidr][..])
        );
        world.run_until(s(10), |world| world.far.is_established(socket));
        world.run_for(s(60));

        let is_own = |(_, said): &(_, Said)| !matches!(said, Said::Answer(_));
        let said: Vec<_> = said_since(&world, 0).into_iter().filter(is_own).collect();
        let probes = if family == Family::V4 { 3 } else { 1 };
        assert_eq!(said.len(), probes + 2, "{said:?}");
        let (asked, told) = said.split_at(probes);
        assert!(asked.iter().all(|(_, said)| *said == Said::Probe(own)), "{said:?}");
        assert!(told.iter().all(|(_, said)| *said == Said::Announcement(own)), "{said:?}");
        assert_eq!([told[0].0, told[1].0], [gained, gained + s(2)]);
        let gaps = asked.windows(2).map(|pair| pair[1].0 - pair[0].0);
        assert!(gaps.clone().all(|gap| gap >= ms(200) && gap <= ms(400)), "{said:?}");
        let first = world.sent_since(0).find(|frame| frame.tcp().is_some()).expect("a segment");
        assert!(first.at >= gained);
    }
}

/// Nothing goes out from an address that is not ours yet, and nothing is taken to it.
fn a_tentative_address_is_not_used(family: Family) {
    let mut world = setup(family).alone();
    world.run_for(ms(300));
    let remote = IpEndpoint::new(family.stranger(1), 9);
    let connected = world.ours.node.connect(remote, Message::new(b"no"), world.now);
    assert_eq!(connected, Err(ConnectError::NoAddress));
    let mark = world.mark();
    world.inject_and_settle(who_has(family.stranger(1), family.node()));
    let from = IpEndpoint::new(family.stranger(1), 40_000);
    world.inject_and_settle(crate::rig::frames::Segment::syn(from, family.server()).frame());
    let said = said_since(&world, mark);
    assert!(said.iter().all(|(_, said)| *said == Said::Probe(family.node())), "{said:?}");
    assert!(world.sent_since(mark).all(|frame| frame.tcp().is_none()));
}

/// A host that has the address answers, whenever; it is not taken, the event says from whom, and after a minute
/// it is tried again.
fn an_address_of_another_is_not_taken(family: Family) {
    let (own, cidr) = (family.node(), family.cidr(1));
    for after in [1, 100, 300, 700] {
        let mut world = setup(family).alone();
        world.run_for(ms(after));
        world.inject_and_settle(is_at(own, FAR_MAC));
        assert_eq!(changes(&world), [Happened::Conflict(cidr, FAR_MAC)], "after {after} ms");
        let mark = world.mark();
        world.run_for(s(59));
        assert_eq!((addresses(&world), said_since(&world, mark)), (&[][..], vec![]));
        world.run_for(s(3));
        assert_eq!(changes(&world)[1..], [Happened::Gained(cidr)]);
        assert!(world.now - world.ours.times[1] < s(2));
    }
}

/// The first to ask has it, and the other hears so whenever it asks again.
fn of_two_nodes_with_one_address_one_has_it(family: Family) {
    for seed in 1..20 {
        let addresses = vec![family.cidr(7)];
        let setup = Setup { nameless: true, addresses, seed, ..setup(family) };
        let mut world = setup.two_nodes();
        for _ in 0..5 {
            world.run_for(s(70));
            let both = [&world.ours.node, &world.far.node].map(|node| node.interface().ip_addrs());
            let holders = both.iter().filter(|all| !all.is_empty()).count();
            assert_eq!(holders, 1, "{both:?}");
        }
        let all = [&world.ours.log, &world.far.log];
        let gained = |log: &&Vec<Happened>| log.contains(&Happened::Gained(family.cidr(7)));
        assert_eq!(all.iter().filter(|log| gained(log)).count(), 1, "it has not changed hands");
        let mac = if gained(&all[0]) { NODE_MAC } else { FAR_MAC };
        let loser = if gained(&all[0]) { all[1] } else { all[0] };
        assert!(loser.len() >= 4, "{loser:?}");
        assert!(loser.iter().all(|event| *event == Happened::Conflict(family.cidr(7), mac)));
    }
}

/// RFC 5227 section 2.1.1, RFC 4862 section 5.4.3: two that probe at the same time both give way.
fn two_that_want_the_same_address_give_way(family: Family) {
    let (own, cidr) = (family.node(), family.cidr(1));
    let mut world = setup(family).alone();
    world.run_for(ms(300));
    world.inject_and_settle(probe(own, RAW_MAC));
    assert_eq!(changes(&world), [Happened::Conflict(cidr, RAW_MAC)]);
    assert_eq!(addresses(&world), []);
}

/// A switch or a bridge may show us our own frames.
fn our_own_probes_are_no_conflict(family: Family) {
    let (own, cidr) = (family.node(), family.cidr(1));
    let mut world = setup(family).alone();
    world.run_for(ms(300));
    world.inject_and_settle(probe(own, NODE_MAC));
    world.inject_and_settle(is_at(own, NODE_MAC));
    world.run_for(s(2));
    world.inject_and_settle(is_at(own, NODE_MAC));
    assert_eq!(changes(&world), [Happened::Gained(cidr)]);
}

/// Who asks for an address that is in use is told, and that is no conflict.
fn a_probe_for_an_address_in_use_is_answered(family: Family) {
    let (own, cidr) = (family.node(), family.cidr(1));
    let mut world = setup(family).alone();
    world.run_for(s(10));
    let mark = world.mark();
    world.inject_and_settle(probe(own, FAR_MAC));
    let said: Vec<_> = said_since(&world, mark).into_iter().map(|(_, said)| said).collect();
    let answer = if family == Family::V4 { Said::Answer(own) } else { Said::Announcement(own) };
    assert_eq!(said, [answer]);
    assert_eq!(changes(&world), [Happened::Gained(cidr)]);
}

in_both_families!(
    an_address_is_probed_for_used_and_announced,
    a_tentative_address_is_not_used,
    an_address_of_another_is_not_taken,
    of_two_nodes_with_one_address_one_has_it,
    two_that_want_the_same_address_give_way,
    our_own_probes_are_no_conflict,
    a_probe_for_an_address_in_use_is_answered,
);

/// A node in use, and a connection over it.
fn served(family: Family) -> (World<Host>, crate::rig::talk::Talk) {
    let mut world = setup(family).world();
    world.run_for(s(10));
    let socket = world.far.caller();
    world.run_until(s(5), |world| world.far.is_established(socket));
    let talk = crate::rig::talk::Talk::new(socket, 1, 3000, crate::rig::talk::Close::Late);
    (world, talk)
}

/// RFC 5227 section 2.4 b: one announcement, and the connections go on.
#[test]
fn an_address_in_use_is_defended_once() {
    let (own, cidr) = (Family::V4.node(), Family::V4.cidr(1));
    let (mut world, mut talk) = served(Family::V4);
    for _ in 0..3 {
        let mark = world.mark();
        world.inject_and_settle(is_at(own, RAW_MAC));
        assert_eq!(changes(&world).last(), Some(&Happened::Conflict(cidr, RAW_MAC)));
        let told: Vec<_> = said_since(&world, mark).into_iter().map(|(_, said)| said).collect();
        assert_eq!(told, [Said::Announcement(own)]);
        world.run_for(s(11));
    }
    assert_eq!(addresses(&world), [cidr]);
    world.run_until(s(30), |world| talk.pump(&mut world.far));
}

/// A second conflict within ten seconds: the address goes, and its connections; a minute later it is asked for.
#[test]
fn an_address_that_cannot_be_defended_is_given_up() {
    let (own, cidr) = (Family::V4.node(), Family::V4.cidr(1));
    let (mut world, _) = served(Family::V4);
    world.inject_and_settle(is_at(own, RAW_MAC));
    world.run_for(s(9));
    world.inject_and_settle(is_at(own, RAW_MAC));
    let conflict = Happened::Conflict(cidr, RAW_MAC);
    assert_eq!(changes(&world), [Happened::Gained(cidr), conflict, conflict, Happened::Lost(cidr)],);
    world.run_for(s(1));
    assert_eq!(world.ours.ends(), [CloseReason::AddressLost]);
    assert_eq!(addresses(&world), []);
    world.run_for(s(62));
    assert_eq!(changes(&world).last(), Some(&Happened::Gained(cidr)));
}

/// RFC 4862 has no such rule: an IPv6 address is defended, once in ten seconds, and kept.
#[test]
fn an_ipv6_address_in_use_is_kept() {
    let (own, cidr) = (Family::V6.node(), Family::V6.cidr(1));
    let (mut world, mut talk) = served(Family::V6);
    let mark = world.mark();
    for _ in 0..100 {
        world.inject_and_settle(is_at(own, RAW_MAC));
    }
    assert_eq!(changes(&world), [Happened::Gained(cidr), Happened::Conflict(cidr, RAW_MAC)]);
    let is_told = |(_, said): &(_, Said)| *said == Said::Announcement(own);
    assert_eq!(said_since(&world, mark).into_iter().filter(is_told).count(), 1);
    world.run_until(s(30), |world| talk.pump(&mut world.far));
}

/// A lease is probed for before it is used; one that is taken is declined, and after ten seconds another asked for
/// (RFC 2131 section 3.1 item 5).
#[test]
fn a_leased_address_of_another_is_declined() {
    let lan = Lan::new();
    let (first, second) = (lan.address, Ipv4Address::new(10, 7, 0, 101));
    let setup = Setup { nameless: true, dhcpv4: true, ..setup(Family::V4) };
    let mut world = setup.opposite(lan);
    world.run_for(ms(300));
    assert_eq!(changes(&world), [], "it is not used before it is probed for");
    world.inject_and_settle(is_at(first.into(), RAW_MAC));
    let declined = *world.far.said.last().expect("a question");
    assert_eq!(declined.message, DhcpMessageType::Decline);
    assert_eq!((declined.requested, declined.server), (Some(first), Some(SERVER)));
    assert_eq!((declined.from, declined.to), (Ipv4Address::UNSPECIFIED, Ipv4Address::BROADCAST));

    world.far.address = second;
    let before = world.far.said.len();
    world.run_for(s(9));
    assert_eq!(world.far.said.len(), before);
    world.run_for(s(4));
    let cidr = |address: Ipv4Address| IpCidr::new(address.into(), 16);
    let expected = [Happened::Conflict(cidr(first), RAW_MAC), Happened::Gained(cidr(second))];
    assert_eq!(changes(&world), expected);
    // And renewals probe for nothing.
    let mark = world.mark();
    world.run_for(s(2000));
    assert_eq!(changes(&world), expected);
    assert!(said_since(&world, mark).iter().all(|(_, said)| !matches!(said, Said::Probe(_))));
}

/// A lease that cannot be defended is declined, too.
#[test]
fn a_lease_that_cannot_be_defended_is_declined() {
    let lan = Lan::new();
    let cidr = IpCidr::new(lan.address.into(), 16);
    let setup = Setup { nameless: true, dhcpv4: true, ..setup(Family::V4) };
    let mut world = setup.opposite(lan);
    world.run_for(s(10));
    for _ in 0..2 {
        world.inject_and_settle(is_at(cidr.address(), RAW_MAC));
    }
    let conflict = Happened::Conflict(cidr, RAW_MAC);
    assert_eq!(changes(&world), [Happened::Gained(cidr), conflict, conflict, Happened::Lost(cidr)],);
    assert_eq!(world.far.said.last().map(|said| said.message), Some(DhcpMessageType::Decline));
    world.run_for(s(20));
    assert_eq!(changes(&world).last(), Some(&Happened::Gained(cidr)), "it is lent again");
}

/// RFC 5227 section 1.1: before it is in use the address is the sender of nothing, not even of the question for a
/// router outside its network.
#[test]
fn a_tentative_lease_asks_for_no_router() {
    let router = Some(Ipv4Address::new(172, 31, 1, 1));
    let lan = Lan { mask: Ipv4Address::BROADCAST, router, ..Lan::new() };
    let address = lan.address;
    let setup = Setup { nameless: true, dhcpv4: true, ..setup(Family::V4) };
    let mut world = setup.opposite(lan);
    let asked = |world: &World<Lan>| {
        let is_arp = |frame: &&Frame| frame.bytes[12..14] == [8, 6];
        let mut arp = world.sent_since(0).filter(is_arp);
        arp.any(|frame| frame.bytes[28..32] == address.octets())
    };
    world.run_for(ms(500));
    assert!(!asked(&world) && changes(&world).is_empty());
    world.run_for(WAIT);
    assert!(asked(&world) && !changes(&world).is_empty());
}

/// Another mask is the same address.
#[test]
fn another_mask_is_not_probed_for() {
    let lan = Lan::new();
    let address = lan.address.into();
    let setup = Setup { nameless: true, dhcpv4: true, ..setup(Family::V4) };
    let mut world = setup.opposite(lan);
    world.run_for(s(10));
    world.far.mask = Ipv4Address::new(255, 0, 0, 0);
    let mark = world.mark();
    world.run_for(s(600));
    let [before, after] = [16, 8].map(|len| IpCidr::new(address, len));
    let expected = [Happened::Gained(before), Happened::Lost(before), Happened::Gained(after)];
    assert_eq!(changes(&world), expected);
    assert_eq!(said_since(&world, mark), []);
}

/// Both addresses of SLAAC, the link-local one and the other; routers are solicited meanwhile, from nobody.
#[test]
fn autoconfigured_addresses_are_probed_for() {
    let link_local = Ipv6Address::new(0xfe80, 0, 0, 0, 0, 0xff, 0xfe00, 1);
    let global = Ipv6Address::new(0x2001, 0xdb8, 0, 1, 0, 0xff, 0xfe00, 1);
    let [link_local, global] = [link_local, global].map(|own| IpCidr::new(own.into(), 64));
    let setup = Setup { nameless: true, slaac: true, ..setup(Family::V6) };
    let mut world = setup.clone().alone();
    world.run_for(ms(10));
    world.inject_and_settle(Advertisement::default().frame());
    assert_eq!((changes(&world), addresses(&world)), (vec![], &[][..]));
    world.run_for(WAIT);
    assert_eq!(changes(&world), [Happened::Gained(link_local), Happened::Gained(global)]);
    let probes = said_since(&world, 0).into_iter().map(|(_, said)| said);
    let probes: Vec<_> = probes.filter(|said| matches!(said, Said::Probe(_))).collect();
    assert_eq!(probes, [link_local, global].map(|cidr| Said::Probe(cidr.address())));
    let solicitation = &world.trace[0].bytes;
    assert_eq!((solicitation[54], &solicitation[22..38]), (133, &[0; 16][..]));
    assert_eq!(solicitation.len(), 14 + 40 + 8, "RFC 4861 section 4.1: no option then");

    // One of them is another's.
    let mut world = setup.alone();
    world.run_for(ms(10));
    world.inject_and_settle(Advertisement::default().frame());
    world.run_for(ms(300));
    world.inject_and_settle(is_at(global.address(), RAW_MAC));
    world.run_for(s(5));
    assert_eq!(
        changes(&world),
        [Happened::Conflict(global, RAW_MAC), Happened::Gained(link_local)],
    );
}

/// RFC 5227 section 2.1: while there is no link nobody can answer.
#[test]
fn probing_waits_for_the_link() {
    for family in [Family::V4, Family::V6] {
        let mut world = setup(family).alone();
        world.ours.node.link_changed(LinkState::Down, world.now);
        world.run_for(s(100));
        assert_eq!((changes(&world), world.trace.len()), (vec![], 0));
        world.ours.node.link_changed(LinkState::Up, world.now);
        world.run_for(WAIT);
        assert_eq!(changes(&world), [Happened::Gained(family.cidr(1))]);

        // A link that comes back: the address stays, and all are told.
        world.run_for(s(10));
        let mark = world.mark();
        for link in [LinkState::Down, LinkState::Up] {
            world.ours.node.link_changed(link, world.now);
        }
        world.run_for(s(10));
        let said: Vec<_> = said_since(&world, mark).into_iter().map(|(_, said)| said).collect();
        assert_eq!(said, [Said::Announcement(family.node()); 2]);
        assert_eq!(changes(&world), [Happened::Gained(family.cidr(1))]);
    }
}

/// A board was swapped: the new one, with another hardware address, is reached at once by a host that knew the
/// old one.
#[test]
fn a_swapped_board_is_reached_at_once() {
    for family in [Family::V4, Family::V6] {
        let mut world = setup(family).two_nodes();
        world.run_for(s(5));
        let remote = IpEndpoint::new(family.far(), PORT);
        world.connect(remote, Message::new(b"to the first"));
        world.run_for(s(5));
        assert_eq!(world.stats().connected, 1, "{:?}", world.ours.log);

        // The far one goes; another of the same address comes, and tells.
        world.inject_and_settle(moved(family.far(), RAW_MAC));
        let mark = world.mark();
        world.connect(remote, Message::new(b"to the second"));
        world.run_for(ms(100));
        let first = world.sent_since(mark).find(|frame| frame.tcp().is_some()).expect("a SYN");
        assert_eq!(&first.bytes[..6], RAW_MAC.as_bytes());
    }
}

/// A node that is at rest is not due.
#[test]
fn a_node_at_rest_sleeps() {
    let mut world = setup(Family::V4).alone();
    world.run_for(s(60));
    assert_eq!(world.ours.node.poll_at(world.now), None);
    assert!(world.turns < 40, "{} turns", world.turns);
}
