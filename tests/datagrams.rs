//! The UDP services: what comes back, who gets nothing, and that one cannot spoil it for another.

mod rig;

use rig::frames::{Frame, Segment, Way, who_has};
use rig::host::Host;
use rig::udp::{Asker, Datagram, SIZE, datagrams, fragments, packets, ping};
use rig::{
    Dice, Family, Happened, NODE_MAC, PORT, Port, PortRx, PortTx, Setup, World, in_both_families,
    ms, s,
};
use smolecho::phy::{Device, DeviceCapabilities};
use smolecho::smoltcp::time::Instant;
use smolecho::smoltcp::wire::{
    Icmpv4DstUnreachable, Icmpv4Message, Icmpv4Packet, Icmpv6DstUnreachable, Icmpv6Message,
    Icmpv6Packet, IpAddress, IpCidr, IpEndpoint, IpProtocol, TcpControl,
};
use smolecho::{
    BindError, DatagramDropReason, DatagramMemory, DatagramStorage, DropReason, Node, Rate,
    UdpPolicy, UdpService,
};

const DISCARD: u16 = 9;
const CHARGEN: u16 = 19;

fn world_of(setup: Setup) -> World<Host> {
    let mut world = Setup { datagrams: rig::udp::memory, ..setup }.world();
    world.ours.node.bind(PORT, UdpService::Echo).unwrap();
    world.ours.node.bind(DISCARD, UdpService::Discard).unwrap();
    world.ours.node.bind(CHARGEN, UdpService::Chargen).unwrap();
    world
}

fn world(family: Family) -> World<Host> {
    world_of(Setup::new(family))
}

/// A world with these manners, and rates of its own if it says so.
fn mannered(family: Family, udp_policy: UdpPolicy) -> World<Host> {
    world_of(Setup { udp_policy, ..Setup::new(family) })
}

/// Bytes that tell their place.
fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i * 7 + i / 251) as u8).collect()
}

fn ignored(world: &World, why: DatagramDropReason) -> u64 {
    world.stats().datagrams_dropped(why)
}

#[track_caller]
fn assert_serves(world: &mut World, asker: &Asker) {
    assert_eq!(asker.ask(world, b"still there?"), [b"still there?"], "the service is disturbed");
}

/// Nothing is due, for there is nothing to do.
#[track_caller]
fn assert_idle(world: &mut World) {
    world.run_for(s(1));
    assert_eq!(world.ours.node.poll_at(world.now), None, "a node with no work is not due");
}

fn every_size_comes_back(family: Family) {
    let mut world = world(family);
    let asker = Asker::new(&mut world, family, 1);
    let largest = if family == Family::V4 { 1472 } else { 1452 };
    for len in [0, 1, 14, 511, 512, 513, 1279, largest - 1, largest] {
        let question = pattern(len);
        assert_eq!(asker.ask(&mut world, &question), [question], "{len} bytes");
    }
    let stats = world.stats();
    assert_eq!((stats.datagrams_received, stats.datagrams_sent), (9, 9));
    assert_idle(&mut world);
}

/// In fragments both ways; their order does not matter.
#[test]
fn larger_than_a_frame_comes_back_over_ipv4() {
    let mut world = world(Family::V4);
    let asker = Asker::new(&mut world, Family::V4, 1);
    for len in (1473..=8000).step_by(131).chain([1480, 1481, 2952, 2953, 8000]) {
        let question = pattern(len);
        assert_eq!(asker.ask(&mut world, &question), [question], "{len} bytes");
    }
    let question = pattern(5000);
    let mark = world.mark();
    for frame in asker.question(&question).frames(9).into_iter().rev() {
        world.inject(frame);
    }
    world.run_for(ms(10));
    assert_eq!(asker.answers_since(&world, mark), [question], "last fragment first");
    assert_idle(&mut world);
}

/// Fragments of many datagrams at once do not mix: smoltcp has room for one on its way out.
#[test]
fn large_answers_in_a_row_do_not_mix() {
    let mut world = world(Family::V4);
    let asker = Asker::new(&mut world, Family::V4, 1);
    let mark = world.mark();
    let questions: Vec<_> = (0..8).map(|n| vec![n as u8; 3000 + n]).collect();
    for (n, question) in questions.iter().enumerate() {
        for frame in asker.question(question).frames(n as u16) {
            world.inject(frame);
        }
        assert_eq!(world.ours.node.poll_at(world.now), None);
    }
    world.run_for(ms(10));
    assert_eq!(asker.answers_since(&world, mark), questions);
}

/// More than the memory holds, or than the stack's buffers: no answer, a counter, and on it goes.
#[test]
fn too_large_is_counted() {
    fn small() -> DatagramMemory<'static> {
        Box::leak(Box::new(DatagramStorage::<2, 2, 1000>::new())).memory()
    }
    let mut world = Setup { datagrams: small, ..Setup::new(Family::V4) }.world();
    world.ours.node.bind(PORT, UdpService::Echo).unwrap();
    let asker = Asker::new(&mut world, Family::V4, 1);
    for (n, len) in [1001, 1472].into_iter().enumerate() {
        assert_eq!(asker.ask(&mut world, &pattern(len)), [[0u8; 0]; 0], "{len} bytes");
        assert_eq!(ignored(&world, DatagramDropReason::Unreadable), n as u64 + 1);
    }
    assert_eq!(asker.ask(&mut world, &pattern(1000)), [pattern(1000)]);
    assert_serves(&mut world, &asker);
}

/// Reassembled, and then more than the port's memory holds.
#[test]
fn too_large_in_fragments_is_counted() {
    fn small() -> DatagramMemory<'static> {
        Box::leak(Box::new(DatagramStorage::<2, 2, 1000>::new())).memory()
    }
    let mut world = Setup { datagrams: small, ..Setup::new(Family::V4) }.world();
    world.ours.node.bind(PORT, UdpService::Echo).unwrap();
    let asker = Asker::new(&mut world, Family::V4, 1);
    assert_eq!(asker.ask(&mut world, &pattern(3000)), [[0u8; 0]; 0]);
    let counted =
        ignored(&world, DatagramDropReason::Unreadable) + world.ours.dropped(DropReason::Fragment);
    assert!(counted > 0, "dropped without a counter");
    assert_serves(&mut world, &asker);
}

/// What can come in, for the buffer holds the payload, and not leave: it would have to hold headers too.
#[test]
fn an_answer_larger_than_the_fragment_buffer_is_counted() {
    let mut world = world(Family::V4);
    let asker = Asker::new(&mut world, Family::V4, 1);
    let fits = SIZE - 28;
    assert_eq!(asker.ask(&mut world, &pattern(fits)), [pattern(fits)]);
    for (n, len) in (fits + 1..=SIZE - 8).enumerate() {
        assert_eq!(asker.ask(&mut world, &pattern(len)), [[0u8; 0]; 0], "{len} bytes");
        assert_eq!(ignored(&world, DatagramDropReason::TooLarge), n as u64 + 1);
    }
    assert_serves(&mut world, &asker);
    assert_idle(&mut world);
}

/// smoltcp has no IPv6 fragments: refused, and counted.
#[test]
fn ipv6_fragments_are_refused() {
    let mut world = world(Family::V6);
    let asker = Asker::new(&mut world, Family::V6, 1);
    let udp = asker.question(&pattern(100)).udp();
    let first_and_only = [&[17, 0, 0, 0, 0, 0, 0, 1], &udp[..]].concat();
    let (me, node) = (asker.me.addr, asker.server.addr);
    for frame in fragments(me, node, IpProtocol::Ipv6Frag, &first_and_only, 0) {
        world.inject_and_settle(frame);
    }
    assert_eq!(world.ours.dropped(DropReason::Fragment), 1);
    assert_eq!(world.stats().datagrams_received, 0);
    assert_serves(&mut world, &asker);
}

/// RFC 1122 section 4.1.3.5.
fn answers_leave_from_where_was_asked(family: Family) {
    let others = match family {
        Family::V4 => ["10.7.9.9/16", "192.0.2.1/24"],
        Family::V6 => ["fd00::9:9/64", "fe80::ff:fe00:1/64"],
    };
    let others: Vec<IpCidr> = others.iter().map(|cidr| cidr.parse().unwrap()).collect();
    let own = [family.node()].into_iter().chain(others.iter().map(|cidr| cidr.address()));
    let own: Vec<_> = own.collect();
    let mut world = world_of(Setup { addresses: others, ..Setup::new(family) });
    for (n, &address) in own.iter().enumerate() {
        let me = match (family, n) {
            (Family::V4, 2) => IpAddress::v4(192, 0, 2, 77),
            (Family::V6, 2) => rig::router::router(77).into(),
            _ => family.stranger(1),
        };
        let me = IpEndpoint::new(me, 40_000);
        world.inject_and_settle(who_has(me.addr, address));
        for port in [PORT, CHARGEN] {
            let asker = Asker { me, server: IpEndpoint::new(address, port) };
            assert_eq!(asker.ask(&mut world, b"where are you?").len(), 1, "{address}");
        }
    }
}

/// All at once, and all come back, in order.
fn a_window_of_32_comes_back(family: Family) {
    let mut world = world(family);
    let asker = Asker::new(&mut world, family, 1);
    for round in 0..20u8 {
        let mark = world.mark();
        let questions: Vec<_> = (0..32).map(|n| vec![round, n, n, n]).collect();
        for question in &questions {
            world.inject(asker.question(question).frame());
        }
        world.run_for(ms(4));
        assert_eq!(asker.answers_since(&world, mark), questions);
    }
}

fn discard_takes_and_says_nothing(family: Family) {
    let mut world = world(family);
    let asker = Asker::new(&mut world, family, 1);
    let discard = Asker { server: IpEndpoint::new(family.node(), DISCARD), ..asker };
    let mark = world.mark();
    for len in [0, 1, 1000] {
        assert_eq!(discard.ask(&mut world, &pattern(len)), [[0u8; 0]; 0]);
    }
    assert_eq!(world.sent_since(mark).count(), 0);
    assert_eq!((world.stats().datagrams_received, world.stats().datagrams_sent), (3, 0));
    assert_serves(&mut world, &asker);
}

/// One datagram of RFC 864's pattern, 512 bytes at most, and never more than was sent.
fn chargen_says_no_more_than_it_was_told(family: Family) {
    let mut world = world(family);
    let asker = Asker::new(&mut world, family, 1);
    let chargen = Asker { server: IpEndpoint::new(family.node(), CHARGEN), ..asker };
    for len in [0, 1, 71, 74, 75, 511, 512, 513, 1400] {
        let [answer] = &chargen.ask(&mut world, &pattern(len))[..] else { panic!("one answer") };
        assert_eq!(answer.len(), len.min(512));
        for (n, line) in answer.chunks(74).enumerate() {
            let whole: Vec<_> = (0..72).map(|i| b' ' + ((n + i) % 95) as u8).collect();
            assert_eq!(line, &[&whole[..], b"\r\n"].concat()[..line.len()]);
        }
    }
}

/// Those who must get nothing (CVE-1999-0103, CVE-2024-2169), and what counts them.
fn loops_and_storms_are_not_begun(family: Family) {
    let mut world = world(family);
    let asker = Asker::new(&mut world, family, 1);
    let node = family.node();
    let (broadcast, group, nobody): (_, IpAddress, IpAddress) = match family {
        Family::V4 => (
            Some(IpAddress::v4(10, 7, 255, 255)),
            IpAddress::v4(224, 0, 0, 1),
            IpAddress::v4(0, 0, 0, 0),
        ),
        Family::V6 => (None, "ff02::1".parse().unwrap(), "::".parse().unwrap()),
    };
    let other_group = if family == Family::V4 {
        IpAddress::v4(239, 1, 2, 3)
    } else {
        "ff02::fb".parse().unwrap()
    };
    let everybody = (family == Family::V4).then_some(IpAddress::v4(255, 255, 255, 255));
    let me = asker.me.addr;
    let cases = [
        ("source port 7", me, 7, node, DatagramDropReason::SourcePort),
        ("source port 0", me, 0, node, DatagramDropReason::SourcePort),
        ("source port 1023", me, 1023, node, DatagramDropReason::SourcePort),
        ("our own port", me, PORT, node, DatagramDropReason::SourcePort),
        ("another port of ours", me, CHARGEN, node, DatagramDropReason::SourcePort),
        ("our own address", node, 40_000, node, DatagramDropReason::Source),
        ("nobody's address", nobody, 40_000, node, DatagramDropReason::Source),
        ("a group as the source", group, 40_000, node, DatagramDropReason::Source),
        ("to a group", me, 40_000, group, DatagramDropReason::Destination),
        ("to a group that we are not in", me, 40_000, other_group, DatagramDropReason::Destination),
    ];
    let broadcasts = broadcast.into_iter().chain(everybody).flat_map(|all| {
        [
            ("a broadcast address as the source", all, 40_000, node, DatagramDropReason::Source),
            ("to all", me, 40_000, all, DatagramDropReason::Destination),
        ]
    });
    let mut wrong = Vec::new();
    for (what, from, port, to, why) in cases.into_iter().chain(broadcasts) {
        for service in [PORT, CHARGEN] {
            let before = ignored(&world, why);
            let mark = world.mark();
            let (from, to) = (IpEndpoint::new(from, port), IpEndpoint::new(to, service));
            let question = Datagram { from, to, payload: b"echo this".to_vec() };
            world.inject_and_settle(question.frame());
            world.run_for(s(4));
            assert_eq!(world.sent_since(mark).count(), 0, "{what}: something was sent");
            if ignored(&world, why) != before + 1 {
                wrong.push(what);
            }
        }
    }
    assert!(wrong.is_empty(), "not counted as they should be: {wrong:?}\n{:?}", world.stats());
    world.inject_and_settle(who_has(asker.me.addr, node));
    assert_serves(&mut world, &asker);
}

/// The lowest source port, and the port itself, are the configuration's.
#[test]
fn manners_can_be_changed() {
    let udp_policy = UdpPolicy { lowest_port: 1, per_source: None, total: None };
    let mut world = mannered(Family::V4, udp_policy);
    let asker = Asker::new(&mut world, Family::V4, 1);
    for (port, answers) in [(7, 1), (1023, 1), (1, 1), (PORT, 0), (DISCARD, 0)] {
        let asker = Asker { me: IpEndpoint::new(asker.me.addr, port), ..asker };
        assert_eq!(asker.ask(&mut world, b"hello").len(), answers, "port {port}");
    }
}

fn to_another_address_is_not_ours(family: Family) {
    let mut world = world(family);
    let asker = Asker::new(&mut world, family, 1);
    let elsewhere = Asker { server: IpEndpoint::new(family.stranger(9), PORT), ..asker };
    let mark = world.mark();
    world.inject_and_settle(elsewhere.question(b"hello").frame());
    assert_eq!(world.sent_since(mark).count(), 0);
    assert_eq!(world.stats().datagrams_received, 0);
}

const SLOW: Rate = Rate { per_second: 10, burst: 5 };

/// Asks so often at one instant, and says how many answers came.
fn burst(world: &mut World, asker: &Asker, n: usize) -> usize {
    let mark = world.mark();
    for _ in 0..n {
        world.inject(asker.question(b"again").frame());
    }
    world.run_for(ms(4));
    asker.answers_since(world, mark).len()
}

fn a_source_has_its_rate(family: Family) {
    let udp_policy = UdpPolicy { per_source: Some(SLOW), total: None, ..UdpPolicy::DEFAULT };
    let mut world = mannered(family, udp_policy);
    let (greedy, modest) = (Asker::new(&mut world, family, 1), Asker::new(&mut world, family, 2));
    assert_eq!(burst(&mut world, &greedy, 20), 5);
    assert_eq!(ignored(&world, DatagramDropReason::SourceRate), 15);
    assert_eq!(burst(&mut world, &modest, 3), 3, "another source has its own");
    world.run_for(ms(200));
    assert_eq!(burst(&mut world, &greedy, 20), 2, "ten a second come back");
    world.run_for(s(3600));
    assert_eq!(burst(&mut world, &greedy, 20), 5, "and no more than the burst");
    // Another port is the same source.
    let other_port = Asker { me: IpEndpoint::new(greedy.me.addr, 50_000), ..greedy };
    assert_eq!(burst(&mut world, &other_port, 1), 0);
}

fn all_together_have_a_rate(family: Family) {
    let udp_policy = UdpPolicy { per_source: None, total: Some(SLOW), ..UdpPolicy::DEFAULT };
    let mut world = mannered(family, udp_policy);
    let askers: Vec<_> = (0..10).map(|n| Asker::new(&mut world, family, n)).collect();
    let answered: usize = askers.iter().map(|asker| burst(&mut world, asker, 1)).sum();
    assert_eq!((answered, ignored(&world, DatagramDropReason::TotalRate)), (5, 5));
    world.run_for(s(1));
    assert_eq!(burst(&mut world, &askers[0], 20), 5);
}

/// The table remembers eight; who asks oftener than others does not profit from more.
fn more_sources_than_the_table_remembers(family: Family) {
    let total = Some(Rate { per_second: 1000, burst: 1000 });
    let udp_policy = UdpPolicy { per_source: Some(SLOW), total, ..UdpPolicy::DEFAULT };
    let mut world = mannered(family, udp_policy);
    let askers: Vec<_> = (0..20).map(|n| Asker::new(&mut world, family, n)).collect();
    let greedy = askers[0];
    assert_eq!(burst(&mut world, &greedy, 20), 5);
    for asker in &askers[1..8] {
        assert_eq!(burst(&mut world, asker, 1), 1);
        // The one who keeps asking is not forgotten.
        assert!(burst(&mut world, &greedy, 1) <= 1);
    }
    for asker in &askers[8..] {
        assert_eq!(burst(&mut world, asker, 1), 1);
    }
    assert_eq!(burst(&mut world, &greedy, 20), 5, "twelve others later it is forgotten");
}

/// Whatever is asked, in any order: no more leaves than came in.
fn never_more_out_than_in(family: Family) {
    let mut world = world(family);
    let askers: Vec<_> = (0..5).map(|n| Asker::new(&mut world, family, n)).collect();
    let mut dice = Dice(21);
    let mark = world.mark();
    for n in 0..500 {
        let port = [PORT, CHARGEN, DISCARD][dice.below(3)];
        let asker = askers[dice.below(5)];
        let server = IpEndpoint::new(family.node(), port);
        let mut question = Asker { server, ..asker }.question(&pattern(dice.below(1400)));
        question.from.port = [40_000, PORT, 7][dice.below(3)];
        for frame in question.frames(n) {
            world.inject(frame);
        }
        world.run_for(ms(1));
    }
    world.run_for(s(5));
    let bytes = |way| {
        let frames = world.trace[mark..].iter().filter(|frame| frame.way == way);
        datagrams(frames).iter().map(|datagram| datagram.payload.len() + 28).sum::<usize>()
    };
    let (came, left) = (bytes(Way::ToNode), bytes(Way::FromNode));
    assert!(left > 0 && left <= came, "{left} of {came}");
}

/// P4: one datagram from an address where nobody answers ARP does not hold up the others.
fn a_silent_source_holds_up_nobody(family: Family) {
    let mut world = world(family);
    let honest = Asker::new(&mut world, family, 1);
    let silent = Asker::unknown(family, 66);
    world.inject_and_settle(silent.question(b"spoofed").frame());
    for n in 0..100u8 {
        let asked = world.now;
        assert_eq!(honest.ask(&mut world, &[n]), [[n]], "question {n}");
        assert!(world.now - asked <= ms(4));
    }
    world.run_for(s(5));
    assert_eq!(ignored(&world, DatagramDropReason::Unreachable), 1);
    assert_idle(&mut world);
}

/// Many of them at once, more than there are senders, again and again.
fn many_silent_sources_hold_up_nobody(family: Family) {
    let mut world = world(family);
    let honest = Asker::new(&mut world, family, 1);
    for n in 0..100u8 {
        for silent in 0..8 {
            let silent = Asker::unknown(family, 100 + u16::from(n) * 8 + silent);
            world.inject(silent.question(b"spoofed").frame());
        }
        assert_eq!(honest.ask(&mut world, &[n]), [[n]], "question {n}");
    }
    world.run_for(s(10));
    assert_eq!(ignored(&world, DatagramDropReason::Unreachable), 800, "each of them is counted");
    assert_idle(&mut world);
}

/// The node does not know the honest peer's hardware address, and has just asked for another's.
fn a_silent_source_does_not_cost_a_newcomer_its_answers(family: Family) {
    let mut world = world(family);
    let silent = Asker::unknown(family, 66);
    // It answers for itself: the host at the other end.
    let honest = IpEndpoint::new(family.far(), 40_000);
    let asker = Asker { me: honest, server: IpEndpoint::new(family.node(), PORT) };
    world.inject_and_settle(silent.question(b"spoofed").frame());
    let mark = world.mark();
    let asked = world.now;
    world.inject(asker.question(b"honest").frame());
    world.run_until(s(4), |world| asker.answers_since(world, mark).len() == 1);
    assert!(world.now - asked <= s(1) + ms(10), "answered after {}", world.now - asked);
}

/// A port that nobody bound is said so, once for each datagram; a group is told nothing
/// (RFC 1122 section 3.2.2, RFC 4443 section 2.4 e).
/// With room for one answer: what is discarded needs none.
fn what_is_discarded_costs_nobody_an_answer(family: Family) {
    let memory = || Box::leak(Box::new(DatagramStorage::<2, 1, 64>::new())).memory();
    let mut world = Setup { datagrams: memory, ..Setup::new(family) }.world();
    world.ours.node.bind(PORT, UdpService::Echo).unwrap();
    world.ours.node.bind(DISCARD, UdpService::Discard).unwrap();
    let (asker, other) = (Asker::unknown(family, 1), Asker::new(&mut world, family, 2));
    world.inject_and_settle(asker.question(b"who asks?").frame());
    let discarded =
        Datagram { to: IpEndpoint { port: DISCARD, ..other.server }, ..other.question(b"!") };
    world.inject_and_settle(discarded.frame());
    assert_eq!(ignored(&world, DatagramDropReason::Unreachable), 0);
    let mark = world.mark();
    world.inject(who_has(asker.me.addr, family.node()));
    world.run_for(s(2));
    assert_eq!(asker.answers_since(&world, mark), [b"who asks?"]);
}

fn an_unbound_port_is_unreachable(family: Family) {
    let mut world = world(family);
    let asker = Asker::new(&mut world, family, 1);
    let unbound = Asker { server: IpEndpoint::new(family.node(), 4711), ..asker };
    let mark = world.mark();
    world.inject_and_settle(unbound.question(b"anybody?").frame());
    let said = packets(world.sent_since(mark));
    let [(protocol, from, to, bytes)] = &said[..] else { panic!("one answer: {said:?}") };
    assert_eq!((*from, *to), (family.node(), asker.me.addr));
    match protocol {
        IpProtocol::Icmp => {
            let icmp = Icmpv4Packet::new_checked(&bytes[..]).unwrap();
            assert!(icmp.verify_checksum());
            assert_eq!(icmp.msg_type(), Icmpv4Message::DstUnreachable);
            assert_eq!(icmp.msg_code(), u8::from(Icmpv4DstUnreachable::PortUnreachable));
        }
        _ => {
            let icmp = Icmpv6Packet::new_checked(&bytes[..]).unwrap();
            assert_eq!(icmp.msg_type(), Icmpv6Message::DstUnreachable);
            assert_eq!(icmp.msg_code(), u8::from(Icmpv6DstUnreachable::PortUnreachable));
        }
    }
}

fn a_group_is_not_told_that_a_port_is_unbound(family: Family) {
    let mut world = world(family);
    let asker = Asker::new(&mut world, family, 1);
    let groups: &[IpAddress] = match family {
        Family::V4 => &[IpAddress::v4(224, 0, 0, 1), IpAddress::v4(10, 7, 255, 255)],
        Family::V6 => &[IpAddress::v6(0xff02, 0, 0, 0, 0, 0, 0, 1)],
    };
    // A DHCP client's port is one like any other while there is none.
    for (group, port) in groups.iter().flat_map(|group| [(group, 4711), (group, 68)]) {
        let unbound = Asker { server: IpEndpoint::new(*group, port), ..asker };
        let mark = world.mark();
        world.inject_and_settle(unbound.question(b"anybody?").frame());
        assert_eq!(packets(world.sent_since(mark)), [], "{group}");
    }
}

fn ping_is_answered(family: Family) {
    let mut world = world(family);
    let asker = Asker::new(&mut world, family, 1);
    for len in [0, 1, 56, 1452] {
        let mark = world.mark();
        for frame in ping(asker.me.addr, family.node(), &pattern(len)) {
            world.inject(frame);
        }
        world.run_for(ms(10));
        let said = packets(world.sent_since(mark));
        let [(_, from, to, bytes)] = &said[..] else { panic!("{len}: one answer: {said:?}") };
        assert_eq!((*from, *to), (family.node(), asker.me.addr));
        assert_eq!(bytes[0], if family == Family::V4 { 0 } else { 129 }, "an echo reply");
        assert_eq!(bytes[8..], pattern(len), "{len} bytes");
    }
    assert_idle(&mut world);
}

/// Larger than a frame, both ways.
#[test]
fn a_large_ping_is_answered_over_ipv4() {
    let mut world = world(Family::V4);
    let asker = Asker::new(&mut world, Family::V4, 1);
    for len in [1480, 4000, 8000] {
        let mark = world.mark();
        for frame in ping(asker.me.addr, Family::V4.node(), &pattern(len)) {
            world.inject(frame);
        }
        world.run_for(ms(10));
        let said = packets(world.sent_since(mark));
        assert_eq!(said.len(), 1, "{len}");
        assert_eq!(said[0].3[8..], pattern(len));
    }
    assert_idle(&mut world);
}

/// A bad checksum is not answered, and counted.
fn bad_checksums_are_counted(family: Family) {
    let mut world = world(family);
    let asker = Asker::new(&mut world, family, 1);
    let mark = world.mark();
    for n in 0..10 {
        let mut frame = asker.question(b"hello").frame();
        let last = frame.len() - 1;
        frame[last] ^= 1 << (n % 8);
        world.inject_and_settle(frame);
    }
    assert_eq!(world.sent_since(mark).count(), 0);
    assert_eq!(ignored(&world, DatagramDropReason::Unreadable), 10);
    assert_serves(&mut world, &asker);
}

/// Whole frames of every kind that the node speaks.
fn specimens(family: Family, asker: &Asker) -> Vec<Vec<u8>> {
    let mut all = asker.question(&pattern(40)).frames(1);
    all.extend(
        Asker { server: IpEndpoint::new(family.node(), 4711), ..*asker }.question(b"x").frames(1),
    );
    all.extend(ping(asker.me.addr, family.node(), &pattern(40)));
    all.push(who_has(asker.me.addr, family.node()));
    all.push(Segment::syn(asker.me, asker.server).frame());
    let data = Segment {
        control: TcpControl::Psh,
        ack: Some(1),
        payload: b"x",
        ..Segment::syn(asker.me, asker.server)
    };
    all.push(data.frame());
    match family {
        Family::V4 => all.extend(asker.question(&pattern(3000)).frames(77)),
        Family::V6 => {
            all.push(rig::router::Advertisement::default().frame());
            let udp = asker.question(b"options").udp();
            let optioned = [&[17, 0, 1, 4, 0, 0, 0, 0], &udp[..]].concat();
            let (me, node) = (asker.me.addr, family.node());
            all.extend(fragments(me, node, IpProtocol::HopByHop, &optioned, 0));
        }
    }
    all
}

/// Every frame cut at every length: no panic; what is counted adds up after each (`check_sums`).
fn every_truncation_is_survived(family: Family) {
    let mut world = world(family);
    let asker = Asker::new(&mut world, family, 1);
    for frame in specimens(family, &asker) {
        for len in 0..frame.len() {
            let before = world.stats().frames;
            world.inject(frame[..len].to_vec());
            world.run_for(ms(2));
            assert_eq!(world.stats().frames, before + 1, "cut at {len}");
        }
    }
    world.run_for(s(100));
    world.inject_and_settle(who_has(asker.me.addr, family.node()));
    assert_serves(&mut world, &asker);
}

/// Frames with bytes changed, headers first, and with noise behind a good header.
fn seeded_garbage_is_survived(family: Family) {
    let mut world = world(family);
    let asker = Asker::new(&mut world, family, 1);
    let specimens = specimens(family, &asker);
    let mut dice = Dice(0x6a7b);
    for _ in 0..6000 {
        let mut frame = specimens[dice.below(specimens.len())].clone();
        for _ in 0..1 + dice.below(4) {
            let at = 12 + dice.below(frame.len().min(90) - 12);
            frame[at] = dice.roll() as u8;
        }
        if dice.below(2) == 0 {
            mend_checksums(&mut frame);
        }
        world.inject(frame);
        world.run_for(ms(1));
    }
    world.run_for(s(200));
    world.inject_and_settle(who_has(asker.me.addr, family.node()));
    assert_serves(&mut world, &asker);
}

/// So that not every changed frame ends at a checksum.
fn mend_checksums(frame: &mut [u8]) {
    use smolecho::smoltcp::wire::{EthernetFrame, Ipv4Packet, Ipv6Packet, UdpPacket};
    let mut ethernet = EthernetFrame::new_unchecked(frame);
    if let Ok(mut ip) = Ipv6Packet::new_checked(ethernet.payload_mut()) {
        let (from, to) = (ip.src_addr(), ip.dst_addr());
        if let Ok(mut icmp) = Icmpv6Packet::new_checked(ip.payload_mut()) {
            icmp.fill_checksum(&from, &to);
        }
        return;
    }
    let Ok(mut ip) = Ipv4Packet::new_checked(ethernet.payload_mut()) else { return };
    ip.fill_checksum();
    let (from, to) = (ip.src_addr().into(), ip.dst_addr().into());
    match ip.next_header() {
        IpProtocol::Icmp => {
            if let Ok(mut icmp) = Icmpv4Packet::new_checked(ip.payload_mut()) {
                icmp.fill_checksum();
            }
        }
        IpProtocol::Udp => {
            if let Ok(mut udp) = UdpPacket::new_checked(ip.payload_mut()) {
                udp.fill_checksum(&from, &to);
            }
        }
        _ => {}
    }
}

/// Four fragments that nothing follows must not stop large datagrams for good.
#[test]
fn stray_fragments_give_way_in_the_end() {
    let mut world = world(Family::V4);
    let asker = Asker::new(&mut world, Family::V4, 1);
    for n in 0..8 {
        world.inject(asker.question(&pattern(3000)).frames(100 + n).remove(0));
    }
    world.run_for(s(61));
    world.inject_and_settle(who_has(asker.me.addr, Family::V4.node()));
    assert_eq!(asker.ask(&mut world, &pattern(3000)), [pattern(3000)]);
}

/// Port 68 is a DHCP client's; without one it is a port like any other.
/// A device that has room for one frame on its way out.
#[derive(Default)]
struct Narrow(Port);

impl Device for Narrow {
    type RxToken<'t> = PortRx;
    type TxToken<'t> = PortTx<'t>;

    fn receive(&mut self, now: Instant) -> Option<(PortRx, PortTx<'_>)> {
        if self.0.outbox.is_empty() { self.0.receive(now) } else { None }
    }

    fn transmit(&mut self, now: Instant) -> Option<PortTx<'_>> {
        if self.0.outbox.is_empty() { self.0.transmit(now) } else { None }
    }

    fn capabilities(&self) -> DeviceCapabilities {
        self.0.capabilities()
    }
}

/// Answers that have waited for a hardware address leave as fast as the device takes them, not one a
/// second as if each were still to be asked for.
fn a_device_without_room_is_no_silent_peer(family: Family) {
    let config = Setup::new(family).config(NODE_MAC, IpCidr::new(family.node(), 16));
    let mut device = Narrow::default();
    let memory = rig::memory(1, 64, 64, 64).with(rig::udp::memory());
    let mut node = Node::new(&config, memory, &mut device, Instant::ZERO).unwrap();
    node.bind(PORT, UdpService::Echo).unwrap();
    let asker = Asker::unknown(family, 1);
    for n in 0..4u8 {
        device.0.inbox.push_back(asker.question(&[n]).frame());
    }
    let (mut now, mut sent) = (Instant::ZERO, Vec::new());
    let mut run = |node: &mut Node<'_>, device: &mut Narrow, time| {
        let end = now + time;
        while now < end {
            node.poll(now, device, |_| {});
            let left = device.0.outbox.pop_front();
            sent.extend(left.map(|bytes| Frame { at: now, way: Way::FromNode, bytes }));
            // As whoever sleeps until then.
            now = node.poll_at(now).map_or(end, |due| due.max(now + ms(1)));
        }
        datagrams(sent.iter()).len()
    };
    assert_eq!(run(&mut node, &mut device, ms(50)), 0);
    device.0.inbox.push_back(who_has(asker.me.addr, family.node()));
    assert_eq!(run(&mut node, &mut device, ms(1100)), 4, "in little more than one turn");
}

#[test]
fn port_68_can_be_bound_without_dhcp() {
    let mut world = world(Family::V4);
    world.ours.node.bind(68, UdpService::Echo).unwrap();
    let asker = Asker::new(&mut world, Family::V4, 1);
    let asker = Asker { server: IpEndpoint::new(Family::V4.node(), 68), ..asker };
    assert_eq!(asker.ask(&mut world, b"hello"), [b"hello"]);
}

#[test]
fn ports_are_bound_once_and_as_many_as_there_is_memory_for() {
    let mut world = world(Family::V4);
    let node = &mut world.ours.node;
    assert_eq!(node.bind(0, UdpService::Echo), Err(BindError::Port));
    assert_eq!(node.bind(PORT, UdpService::Discard), Err(BindError::InUse));
    assert_eq!(node.bind(4711, UdpService::Echo), Ok(()));
    assert_eq!(node.bind(4712, UdpService::Echo), Err(BindError::NoPort));
    let mut world = Setup::new(Family::V4).world();
    assert_eq!(world.ours.node.bind(PORT, UdpService::Echo), Err(BindError::NoPort));
}

/// Each datagram that is not answered is told with its two ends.
#[test]
fn what_is_ignored_is_told() {
    let mut world = world(Family::V4);
    let asker = Asker::new(&mut world, Family::V4, 1);
    let low = Asker { me: IpEndpoint::new(asker.me.addr, 7), ..asker };
    low.ask(&mut world, b"hello");
    let tuple = smolecho::Tuple { local: low.server, remote: low.me };
    assert!(world.ours.log.contains(&Happened::Ignored(DatagramDropReason::SourcePort, tuple)));
}

in_both_families!(
    every_size_comes_back,
    answers_leave_from_where_was_asked,
    a_window_of_32_comes_back,
    discard_takes_and_says_nothing,
    chargen_says_no_more_than_it_was_told,
    loops_and_storms_are_not_begun,
    to_another_address_is_not_ours,
    a_source_has_its_rate,
    all_together_have_a_rate,
    more_sources_than_the_table_remembers,
    never_more_out_than_in,
    a_silent_source_holds_up_nobody,
    many_silent_sources_hold_up_nobody,
    a_silent_source_does_not_cost_a_newcomer_its_answers,
    what_is_discarded_costs_nobody_an_answer,
    a_device_without_room_is_no_silent_peer,
    an_unbound_port_is_unreachable,
    a_group_is_not_told_that_a_port_is_unbound,
    ping_is_answered,
    bad_checksums_are_counted,
    every_truncation_is_survived,
    seeded_garbage_is_survived,
);
