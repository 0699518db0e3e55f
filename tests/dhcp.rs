//! An address from a DHCP server: gained, kept, changed, lost, and what becomes of its connections.

mod rig;

use rig::dhcp::{Lan, Mood, SERVER, dhcp_frame};
use rig::talk::{Close, Talk};
use rig::udp::Asker;
use rig::{Dice, Family, Fate, Happened, NODE_MAC, PORT, Setup, World, ms, s};
use smolecho::smoltcp::time::{Duration, Instant};
use smolecho::smoltcp::wire::{
    DhcpMessageType, DhcpPacket, DhcpRepr, IpAddress, IpCidr, IpEndpoint, Ipv4Address,
};
use smolecho::{CloseReason, ConnectError, Message, Query, Timeouts, UdpService};

const LEASED: Ipv4Address = Ipv4Address::new(10, 7, 0, 100);
const OTHER: Ipv4Address = Ipv4Address::new(10, 7, 0, 101);

fn setup() -> Setup {
    // A quiet connection stays: it is not these deadlines that are tried here.
    let timeouts = Timeouts { idle: None, stall: None, ..Timeouts::DEFAULT };
    Setup {
        nameless: true,
        dhcpv4: true,
        timeouts,
        datagrams: rig::udp::memory,
        ..Setup::new(Family::V4)
    }
}

fn world_with(lan: Lan) -> World<Lan> {
    let mut world = setup().opposite(lan);
    world.ours.node.bind(PORT, UdpService::Echo).unwrap();
    world
}

fn world() -> World<Lan> {
    world_with(Lan::new())
}

fn cidr(address: Ipv4Address) -> IpCidr {
    IpCidr::new(address.into(), 16)
}

fn changes(world: &World<Lan>) -> Vec<Happened> {
    let is_change = |event: &&Happened| matches!(event, Happened::Gained(_) | Happened::Lost(_));
    world.ours.log.iter().filter(is_change).copied().collect()
}

/// Lets the node gain its address.
#[track_caller]
fn bound(world: &mut World<Lan>) {
    world.run_until(s(15), |world| !changes(world).is_empty());
    assert_eq!(changes(world), [Happened::Gained(cidr(world.far.address))]);
}

/// Lets time pass, and says how often the node was due in it.
#[track_caller]
fn turns_in(world: &mut World<Lan>, time: Duration) -> u64 {
    let before = world.turns;
    world.run_for(time);
    world.turns - before
}

#[track_caller]
fn connect(world: &mut World<Lan>, seed: u64) -> Talk {
    let socket = world.far.host.socket(2048, 2048);
    let (port, server) = (30_000 + seed as u16, IpEndpoint::new(world.far.address.into(), PORT));
    let host = &mut world.far.host;
    let tcp = host.sockets.get_mut::<rig::host::TcpSocket<'_>>(socket);
    tcp.connect(host.iface.context(), server, port).unwrap();
    Talk::new(socket, seed, 3000, Close::Late)
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

    world.inject_and_settle(rig::frames::who_has(Family::V4.stranger(1), LEASED.into()));
    let server = IpEndpoint::new(LEASED.into(), PORT);
    let asker = Asker { server, ..Asker::unknown(Family::V4, 1) };
    assert_eq!(asker.ask(&mut world, b"over a lease"), [b"over a lease"]);
}

/// T1 is half of the lease; asked of the server alone, and nobody notices.
#[test]
fn renewal_at_t1_disturbs_nothing() {
    let mut world = world();
    bound(&mut world);
    let mut talk = connect(&mut world, 2);
    world.run_until(s(5), |world| {
        talk.send(&mut world.far.host);
        world.far.host.is_established(talk.socket)
    });
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
    assert_eq!(changes(&world).len(), 1);
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
    let rebind = said.iter().find(|said| said.to.is_broadcast()).expect("asked of anybody");
    assert!(rebind.at - start < s(301) && rebind.at - start >= s(299), "{rebind:?}");
}

/// The server was away when the lease was to be renewed, and is back before its end.
#[test]
fn rebinding_saves_the_lease() {
    let mut world = world();
    bound(&mut world);
    world.far.mood = Mood::Silent;
    world.run_for(s(900));
    world.far.mood = Mood::Kind;
    world.run_for(s(900));
    assert_eq!(changes(&world), [Happened::Gained(cidr(LEASED))]);
    let rebind = world.far.said.iter().find(|said| said.at > Instant::from_secs(870)).unwrap();
    assert_eq!((rebind.from, rebind.to), (LEASED, Ipv4Address::BROADCAST));
}

/// The lease ends: the address is gone, its connections end, nothing is sent from it; then a new
/// lease, and all works again.
#[test]
fn server_gone_until_the_lease_ends() {
    let mut world = world();
    bound(&mut world);
    let mut talk = connect(&mut world, 3);
    world.run_until(s(5), |world| {
        talk.send(&mut world.far.host);
        world.ours.node.occupancy().open == 1
    });
    world.far.mood = Mood::Silent;
    for _ in 0..9 {
        world.run_for(s(100));
        talk.send(&mut world.far.host);
        talk.recv(&mut world.far.host, 10);
    }
    let mark = world.mark();
    world.run_until(s(200), |world| changes(world).len() == 2);
    assert_eq!(changes(&world)[1], Happened::Lost(cidr(LEASED)));
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
    world.run_until(s(30), |world| changes(world).len() == 3);
    assert_eq!(changes(&world)[2], Happened::Gained(cidr(OTHER)));
    let talk = connect(&mut world, 4);
    echo(&mut world, talk);
}

/// It is the same address: the node is not without one, and its connections go on.
#[test]
fn another_mask_on_renewal_ends_nothing() {
    let mut world = world();
    bound(&mut world);
    let talk = connect(&mut world, 6);
    world.run_until(s(5), |world| world.far.host.is_established(talk.socket));
    let wider = Ipv4Address::new(255, 0, 0, 0);
    world.far.mask = wider;
    world.run_until(s(600), |world| changes(world).len() > 1);
    let renewed = IpCidr::new(LEASED.into(), 8);
    assert_eq!(changes(&world)[1..], [Happened::Lost(cidr(LEASED)), Happened::Gained(renewed)]);
    assert_eq!(world.ours.node.interface().ip_addrs(), [renewed]);
    echo(&mut world, talk);
    assert_eq!(world.stats().ended(CloseReason::AddressLost), 0);
}

/// Whatever state they are in, the connections of a lost address end, each with one event.
#[test]
fn every_state_outlives_the_loss_of_its_address() {
    let mut world = world();
    bound(&mut world);
    world.run_for(s(900));
    // Open on both sides, half-closed by us, a client of ours that waits, a handshake without an end.
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
    world.run_until(s(1000), |world| changes(world).len() >= 2);
    world.run_for(s(30));
    world.assert_all_free();
    assert_eq!(world.stats().ended(CloseReason::AddressLost), 2);
}

/// A question under way does not go on from an address that is no longer ours.
#[test]
fn a_query_does_not_outlive_its_address() {
    let mut world = world();
    bound(&mut world);
    world.far.mood = Mood::Silent;
    world.run_for(s(990));
    let remote = IpEndpoint::new(world.far.host.address(), 9);
    let query = Query::new(b"anybody?").patience(s(1), 10);
    world.ours.node.query(remote, query).unwrap();
    world.run_until(s(30), |world| changes(world).len() == 2);
    let mark = world.mark();
    world.run_for(s(300));
    let sent = rig::udp::datagrams(world.sent_since(mark));
    let from_lost = sent.iter().filter(|datagram| datagram.from.addr == LEASED.into()).count();
    assert_eq!(from_lost, 0, "questions from an address that is lost");
    assert!(
        world.ours.log.iter().any(|event| matches!(event, Happened::Reported(..))),
        "the query ends with its address",
    );
}

/// The server withdraws the lease.
#[test]
fn a_nak_ends_the_lease_at_once() {
    let mut world = world();
    bound(&mut world);
    world.far.mood = Mood::Nak;
    world.run_until(s(600), |world| changes(world).len() == 2);
    assert_eq!(changes(&world)[1], Happened::Lost(cidr(LEASED)));
    world.far.mood = Mood::Kind;
    world.run_until(s(60), |world| changes(world).len() == 3);
}

#[test]
fn another_address_on_renewal_replaces_the_first() {
    let mut world = world();
    bound(&mut world);
    let mut talk = connect(&mut world, 6);
    world.run_until(s(5), |world| {
        talk.send(&mut world.far.host);
        world.ours.node.occupancy().open == 1
    });
    world.run_for(s(250));
    talk.recv(&mut world.far.host, 10);
    talk.send(&mut world.far.host);
    world.far.address = OTHER;
    world.run_until(s(600), |world| changes(world).len() > 1);
    assert_eq!(changes(&world)[1..], [Happened::Lost(cidr(LEASED)), Happened::Gained(cidr(OTHER))]);
    world.run_for(s(1));
    assert_eq!(world.ours.ends(), [CloseReason::AddressLost]);
    assert_eq!(world.ours.node.interface().ip_addrs(), [cidr(OTHER)]);
    let talk = connect(&mut world, 7);
    echo(&mut world, talk);
}

/// Nobody answers: it goes on asking, at a rate that nobody minds, and sleeps in between.
#[test]
fn without_a_server_it_keeps_asking() {
    let mut world = world_with(Lan { mood: Mood::Silent, ..Lan::new() });
    let turns = turns_in(&mut world, s(3600));
    let asked = world.far.said.len();
    assert!((100..=1000).contains(&asked), "{asked} questions in an hour");
    assert!(turns < 5 * asked as u64, "due {turns} times for {asked} questions");
    assert_eq!(changes(&world), []);
    let remote = IpEndpoint::new(world.far.host.address(), 9);
    let connected = world.ours.node.connect(remote, Message::new(b"no"), world.now);
    assert_eq!(connected, Err(ConnectError::NoAddress));
    world.far.mood = Mood::Kind;
    bound(&mut world);
}

/// A server that offers and then refuses must not be asked without end.
#[test]
fn a_server_that_always_refuses_is_not_stormed() {
    let mut world = world_with(Lan { mood: Mood::Nak, ..Lan::new() });
    world.run_for(s(60));
    let asked = world.far.said.len();
    assert!(asked < 200, "{asked} questions in a minute");
}

/// Leases without length come and go as fast as the link carries them.
#[test]
fn leases_of_no_length_are_not_stormed() {
    let mut world = world_with(Lan { lease: Some(0), ..Lan::new() });
    world.run_for(s(60));
    let asked = world.far.said.len();
    assert!(asked < 200, "{asked} questions in a minute");
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

/// No length: two minutes. The longest: for ever, without overflow.
#[test]
fn leases_of_odd_lengths() {
    for lease in [None, Some(60), Some(u32::MAX)] {
        let mut world = world_with(Lan { lease, ..Lan::new() });
        bound(&mut world);
        let turns = turns_in(&mut world, s(600));
        assert!(turns < 500, "lease {lease:?}: {turns}");
    }
}

/// RFC 2131 section 4.1: an answer's source can be anything; a node that renewed at 0.0.0.0 would panic.
#[test]
fn a_server_without_an_address_does_no_harm() {
    let mut world = world_with(Lan { source: Ipv4Address::UNSPECIFIED, ..Lan::new() });
    world.run_for(s(2000));
    assert!(world.far.said.len() < 1000);
}

/// 0.0.0.0 is what some servers say for "no router".
#[test]
fn a_router_that_is_none_does_no_harm() {
    for router in [
        Ipv4Address::UNSPECIFIED,
        Ipv4Address::BROADCAST,
        Ipv4Address::new(224, 0, 0, 1),
        LEASED,
        Ipv4Address::new(192, 0, 2, 1),
    ] {
        let mut world = world_with(Lan { router: Some(router), ..Lan::new() });
        bound(&mut world);
        // From another network: the answers have to go by the router.
        let far_away = IpEndpoint::new(IpAddress::v4(203, 0, 113, 5), 40_000);
        let server = IpEndpoint::new(LEASED.into(), PORT);
        let asker = Asker { me: far_away, server };
        world.inject_and_settle(asker.question(b"hello").frame());
        world.inject_and_settle(rig::frames::Segment::syn(far_away, server).frame());
        world.run_for(s(10));
    }
}

/// Addresses that nobody can use.
#[test]
fn an_impossible_address_is_not_taken() {
    for (address, mask) in [
        ([10, 7, 255, 255], [255, 255, 0, 0]),
        ([10, 7, 0, 0], [255, 255, 0, 0]),
        ([224, 0, 0, 9], [255, 255, 0, 0]),
        ([255, 255, 255, 255], [255, 255, 0, 0]),
        ([10, 7, 0, 9], [255, 0, 255, 0]),
    ] {
        let (address, mask) = (address.into(), mask.into());
        let mut world = world_with(Lan { address, mask, ..Lan::new() });
        world.run_for(s(30));
        assert_eq!(changes(&world), [], "{address} {mask}");
    }
}

/// A lease of an address that the node has anyhow does not take that one away with it.
#[test]
fn a_lease_of_a_static_address_leaves_it_when_it_ends() {
    let setup = Setup { addresses: vec![cidr(LEASED)], ..setup() };
    let mut world = setup.opposite(Lan::new());
    world.run_for(s(100));
    world.far.mood = Mood::Silent;
    world.run_for(s(1500));
    assert!(world.ours.node.interface().ip_addrs().contains(&cidr(LEASED)));
}

/// Offers and acknowledgements cut short, and with any byte changed: no panic, no spin, all counted.
#[test]
fn damaged_answers_are_dropped() {
    let mut world = world_with(Lan { mood: Mood::Silent, ..Lan::new() });
    world.run_for(ms(10));
    let transaction = transaction_of(&world);
    let mut dice = Dice(7);
    let whole = answer(DhcpMessageType::Offer, transaction);
    for len in 0..whole.len() {
        world.inject(dhcp_frame(SERVER, &whole[..len]));
        world.run_for(ms(3));
    }
    for n in 0..3000 {
        let message = [DhcpMessageType::Offer, DhcpMessageType::Ack, DhcpMessageType::Nak][n % 3];
        let mut payload = answer(message, transaction_of(&world));
        for _ in 0..1 + dice.below(3) {
            // Behind what says for whom it is.
            let at = 44 + dice.below(payload.len() - 44);
            payload[if at < 236 { 12 + at % 12 } else { at }] = dice.roll() as u8;
        }
        world.inject(dhcp_frame(SERVER, &payload));
        world.run_for(ms(3));
    }
    world.run_for(s(3600));
}

/// What the node last asked with.
fn transaction_of(world: &World<Lan>) -> u32 {
    let of = |frame: &rig::frames::Frame| {
        let datagram = rig::udp::datagrams(std::iter::once(frame)).pop()?;
        let packet = (datagram.to.port == 67).then_some(datagram.payload)?;
        Some(u32::from_be_bytes(packet[4..8].try_into().unwrap()))
    };
    world.sent_since(0).filter_map(of).last().expect("it has asked")
}

fn answer(message_type: DhcpMessageType, transaction_id: u32) -> Vec<u8> {
    let repr = DhcpRepr {
        message_type,
        transaction_id,
        secs: 0,
        client_hardware_address: NODE_MAC,
        client_ip: Ipv4Address::UNSPECIFIED,
        your_ip: LEASED,
        server_ip: SERVER,
        router: Some(SERVER),
        subnet_mask: Some(Ipv4Address::new(255, 255, 0, 0)),
        relay_agent_ip: Ipv4Address::UNSPECIFIED,
        broadcast: true,
        requested_ip: None,
        client_identifier: None,
        server_identifier: Some(SERVER),
        parameter_request_list: None,
        dns_servers: None,
        max_size: None,
        lease_duration: Some(60),
        renew_duration: None,
        rebind_duration: None,
        additional_options: &[],
    };
    let mut payload = vec![0; repr.buffer_len()];
    repr.emit(&mut DhcpPacket::new_unchecked(&mut payload[..])).unwrap();
    payload
}

/// A link that loses every third frame.
#[test]
fn a_lossy_link_costs_time_and_nothing_else() {
    let mut world = world();
    let mut n = 0;
    world.fate = Box::new(move |_| {
        n += 1;
        if n % 3 == 0 { Fate::Drop } else { Fate::Deliver }
    });
    world.run_until(s(300), |world| changes(world) == [Happened::Gained(cidr(LEASED))]);
    world.run_for(s(5000));
    assert_eq!(changes(&world).len(), 1, "{:?}", changes(&world));
}
