//! A lease: gained, renewed, changed, lost, and the connections of its address.

use super::{LEASED, OTHER, bound, cidr, setup, turns_in, world, world_with};
use crate::rig::dhcp::{Lan, Mood, SERVER};
use crate::rig::frames::who_has;
use crate::rig::talk::{Close, Talk};
use crate::rig::udp::{self, Asker};
use crate::rig::{Family, Fate, Happened, PORT, Setup, World, s};
use smolecho::smoltcp::time::Instant;
use smolecho::smoltcp::wire::{DhcpMessageType, IpCidr, IpEndpoint, Ipv4Address};
use smolecho::{CloseReason, Message, Query};

#[track_caller]
fn connect(world: &mut World<Lan>, seed: u64) -> Talk {
    let socket = world.far.host.socket(2048, 2048);
    let (port, server) = (30_000 + seed as u16, IpEndpoint::new(world.far.address.into(), PORT));
    world.far.host.connect_to(socket, server, port);
    Talk::new(socket, seed, 3000, Close::Late)
}

/// A connection with bytes under way.
#[track_caller]
fn open(world: &mut World<Lan>, seed: u64) -> Talk {
    let mut talk = connect(world, seed);
    world.run_until(s(5), |world| {
        talk.send(&mut world.far.host);
        world.ours.node.occupancy().open == 1
    });
    talk
}

#[track_caller]
fn echo(world: &mut World<Lan>, mut talk: Talk) {
    world.run_until(s(30), |world| talk.pump(&mut world.far.host));
}

#[test]
fn a_lease_serves_tcp_and_udp() {
    let mut world = world();
    bound(&mut world);
    assert_eq!(world.far.kinds_since(0), [DhcpMessageType::Discover, DhcpMessageType::Request]);
    let route = world.ours.node.interface().routes().get_default_ipv4_route();
    assert_eq!(route.map(|route| route.via_router), Some(SERVER.into()));
    let talk = connect(&mut world, 1);
    echo(&mut world, talk);

    world.inject_and_settle(who_has(Family::V4.stranger(1), LEASED.into()));
    let server = IpEndpoint::new(LEASED.into(), PORT);
    let asker = Asker { server, ..Asker::unknown(Family::V4, 1) };
    assert_eq!(asker.ask(&mut world, b"over a lease"), [b"over a lease"]);
}

/// T1 is half of the lease: the request goes to the server alone, and the connection goes on.
#[test]
fn renewal_at_t1_disturbs_nothing() {
    let mut world = world();
    bound(&mut world);
    let mut talk = open(&mut world, 2);
    let start = world.now;
    for _ in 0..60 {
        world.run_for(s(100));
        talk.send(&mut world.far.host);
        talk.recv(&mut world.far.host, 10);
    }
    let renewals = &world.far.said[2..];
    assert!((11..=12).contains(&renewals.len()), "{renewals:?}");
    for (n, said) in renewals.iter().enumerate() {
        assert_eq!((said.from, said.to), (LEASED, SERVER));
        let expected = start + s(500) * (n as u32 + 1);
        assert!(said.at < expected + s(2) && said.at + s(2) > expected, "{n}: {}", said.at);
    }
    assert_eq!(world.ours.changes().len(), 1);
    echo(&mut world, talk);
}

#[test]
fn the_servers_own_t1_and_t2_are_kept() {
    let mut world = world_with(Lan { t1_t2: Some((100, 300)), ..Lan::new() });
    bound(&mut world);
    let start = world.now;
    world.far.mood = Mood::Silent;
    world.run_for(s(990));
    let said = &world.far.said[2..];
    assert!(said[0].at - start < s(101) && said[0].at - start >= s(99), "{:?}", said[0]);
    let rebind = said.iter().find(|said| said.to.is_broadcast()).expect("a broadcast request");
    assert!(rebind.at - start < s(301) && rebind.at - start >= s(299), "{rebind:?}");
}

/// The server is unreachable at T1 and back before the lease ends.
#[test]
fn rebinding_saves_the_lease() {
    let mut world = world();
    bound(&mut world);
    world.far.mood = Mood::Silent;
    world.run_for(s(900));
    world.far.mood = Mood::Kind;
    world.run_for(s(900));
    assert_eq!(world.ours.changes(), [Happened::Gained(cidr(LEASED))]);
    let rebind = world.far.said.iter().find(|said| said.at > Instant::from_secs(870)).unwrap();
    assert_eq!((rebind.from, rebind.to), (LEASED, Ipv4Address::BROADCAST));
}

/// The lease ends: the address is removed, its connections end and no frame has it as its source. A new
/// lease serves again.
#[test]
fn server_gone_until_the_lease_ends() {
    let mut world = world();
    bound(&mut world);
    let mut talk = open(&mut world, 3);
    world.far.mood = Mood::Silent;
    for _ in 0..9 {
        world.run_for(s(100));
        talk.send(&mut world.far.host);
        talk.recv(&mut world.far.host, 10);
    }
    let mark = world.mark();
    world.run_until(s(200), |world| world.ours.changes().len() == 2);
    assert_eq!(world.ours.changes()[1], Happened::Lost(cidr(LEASED)));
    assert_eq!(world.ours.ends(), [CloseReason::AddressLost]);
    assert!(world.ours.node.interface().ip_addrs().is_empty());
    assert!(world.ours.node.interface().routes().get_default_ipv4_route().is_none());
    let lost_at = world.mark();
    world.run_for(s(60));
    assert!(
        !world
            .sent_since(lost_at)
            .any(|frame| frame.bytes.windows(4).any(|w| w == LEASED.octets())),
        "the lost address was used",
    );
    assert!(world.mark() > mark);
    world.assert_all_free();

    (world.far.mood, world.far.address) = (Mood::Kind, OTHER);
    world.run_until(s(30), |world| world.ours.changes().len() == 3);
    assert_eq!(world.ours.changes()[2], Happened::Gained(cidr(OTHER)));
    let talk = connect(&mut world, 4);
    echo(&mut world, talk);
}

/// The address stays, so its connections go on.
#[test]
fn another_mask_on_renewal_ends_nothing() {
    let mut world = world();
    bound(&mut world);
    let talk = connect(&mut world, 6);
    world.run_until(s(5), |world| world.far.host.is_established(talk.socket));
    let wider = Ipv4Address::new(255, 0, 0, 0);
    world.far.mask = wider;
    world.run_until(s(600), |world| world.ours.changes().len() > 1);
    let renewed = IpCidr::new(LEASED.into(), 8);
    assert_eq!(
        world.ours.changes()[1..],
        [Happened::Lost(cidr(LEASED)), Happened::Gained(renewed)]
    );
    assert_eq!(world.ours.node.interface().ip_addrs(), [renewed]);
    echo(&mut world, talk);
    assert_eq!(world.stats().ended(CloseReason::AddressLost), 0);
}

/// Connections of a lost address end in any state, each with one event.
#[test]
fn every_state_outlives_the_loss_of_its_address() {
    let mut world = world();
    bound(&mut world);
    world.run_for(s(900));
    // A served connection, a client that waits for its echo, and later a client in SYN-SENT.
    let open = connect(&mut world, 5);
    world.far.host.listener(9);
    let far = IpEndpoint::new(world.far.host.address(), 9);
    world.connect(far, Message::new(b"nobody answers"));
    world.run_for(s(1));
    world.far.host.send(open.socket, b"to be echoed");
    world.far.mood = Mood::Nak;
    let silent = IpEndpoint::new(Family::V4.stranger(77), 9);
    let halfway = world.ours.node.occupancy().open;
    assert_eq!(halfway, 2);
    world.run_until(s(200), |world| world.far.said.last().unwrap().at + s(1) < world.now);
    world.connect(silent, Message::new(b"nobody is there"));
    world.run_until(s(1000), |world| world.ours.changes().len() >= 2);
    world.run_for(s(30));
    world.assert_all_free();
    assert_eq!(world.stats().ended(CloseReason::AddressLost), 2);
}

/// A pending query ends with its address.
#[test]
fn a_query_does_not_outlive_its_address() {
    let mut world = world();
    bound(&mut world);
    world.far.mood = Mood::Silent;
    world.run_for(s(990));
    let remote = IpEndpoint::new(world.far.host.address(), 9);
    let query = Query::new(b"anybody?").patience(s(1), 10);
    world.ours.node.query(remote, query).unwrap();
    world.run_until(s(30), |world| world.ours.changes().len() == 2);
    let mark = world.mark();
    world.run_for(s(300));
    let sent = udp::datagrams(world.sent_since(mark));
    let from_lost = sent.iter().filter(|datagram| datagram.from.addr == LEASED.into()).count();
    assert_eq!(from_lost, 0, "datagrams from the lost address");
    assert!(
        world.ours.log.iter().any(|event| matches!(event, Happened::Reported(..))),
        "no report",
    );
}

/// The server answers the renewal with NAK.
#[test]
fn a_nak_ends_the_lease_at_once() {
    let mut world = world();
    bound(&mut world);
    world.far.mood = Mood::Nak;
    world.run_until(s(600), |world| world.ours.changes().len() == 2);
    assert_eq!(world.ours.changes()[1], Happened::Lost(cidr(LEASED)));
    world.far.mood = Mood::Kind;
    world.run_until(s(60), |world| world.ours.changes().len() == 3);
}

#[test]
fn another_address_on_renewal_replaces_the_first() {
    let mut world = world();
    bound(&mut world);
    let mut talk = open(&mut world, 6);
    world.run_for(s(250));
    talk.recv(&mut world.far.host, 10);
    talk.send(&mut world.far.host);
    world.far.address = OTHER;
    world.run_until(s(600), |world| world.ours.changes().len() > 1);
    assert_eq!(
        world.ours.changes()[1..],
        [Happened::Lost(cidr(LEASED)), Happened::Gained(cidr(OTHER))]
    );
    world.run_for(s(1));
    assert_eq!(world.ours.ends(), [CloseReason::AddressLost]);
    assert_eq!(world.ours.node.interface().ip_addrs(), [cidr(OTHER)]);
    let talk = connect(&mut world, 7);
    echo(&mut world, talk);
}

#[test]
fn a_bound_node_sleeps_until_t1() {
    let mut world = world();
    bound(&mut world);
    world.run_for(s(2));
    let due = world.ours.node.poll_at(world.now).expect("T1");
    assert!(due > world.now + s(490), "due at {due}");
    assert!(turns_in(&mut world, s(490)) < 10);
}

/// The end of a lease does not remove a static address that equals it.
#[test]
fn a_lease_of_a_static_address_leaves_it_when_it_ends() {
    let setup = Setup { addresses: vec![cidr(LEASED)], ..setup() };
    let mut world = setup.opposite(Lan::new());
    world.run_for(s(100));
    world.far.mood = Mood::Silent;
    world.run_for(s(1500));
    assert!(world.ours.node.interface().ip_addrs().contains(&cidr(LEASED)));
}

/// Every third frame is lost.
#[test]
fn a_lossy_link_costs_time_and_nothing_else() {
    let mut world = world();
    let mut n = 0;
    world.fate = Box::new(move |_| {
        n += 1;
        if n % 3 == 0 { Fate::Drop } else { Fate::Deliver }
    });
    world.run_until(s(300), |world| world.ours.changes() == [Happened::Gained(cidr(LEASED))]);
    world.run_for(s(5000));
    assert_eq!(world.ours.changes().len(), 1, "{:?}", world.ours.changes());
}
