//! Before an address is used.

use super::*;

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
