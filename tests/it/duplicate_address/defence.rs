//! An address in use, a lease, and a link that comes and goes.

use super::*;

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
