//! The UDP policy: datagrams that get no answer, and the rates of answers.

use super::{CHARGEN, DISCARD, assert_serves, dropped, scene, world, world_of};
use crate::rig::frames::{Way, who_has};
use crate::rig::host::Host;
use crate::rig::pattern::pattern;
use crate::rig::udp::{Asker, Datagram, datagrams};
use crate::rig::{Dice, Family, Happened, PORT, Setup, World, in_both_families, ms, s};
use smolecho::smoltcp::wire::{IpAddress, IpEndpoint};
use smolecho::{DatagramDropReason, Rate, UdpPolicy};

/// Datagrams that could begin a loop or a storm of answers (CVE-1999-0103, CVE-2024-2169), each with its
/// counter.
fn loops_and_storms_are_not_begun(family: Family) {
    let (mut world, asker) = scene(family);
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
        ("the service's own port", me, PORT, node, DatagramDropReason::SourcePort),
        ("another service's port", me, CHARGEN, node, DatagramDropReason::SourcePort),
        ("the node's own address", node, 40_000, node, DatagramDropReason::Source),
        ("the unspecified address", nobody, 40_000, node, DatagramDropReason::Source),
        ("a multicast source", group, 40_000, node, DatagramDropReason::Source),
        ("to a joined multicast group", me, 40_000, group, DatagramDropReason::Destination),
        ("to another multicast group", me, 40_000, other_group, DatagramDropReason::Destination),
    ];
    let broadcasts = broadcast.into_iter().chain(everybody).flat_map(|all| {
        [
            ("a broadcast address as the source", all, 40_000, node, DatagramDropReason::Source),
            ("to a broadcast address", me, 40_000, all, DatagramDropReason::Destination),
        ]
    });
    let mut wrong = Vec::new();
    for (what, from, port, to, why) in cases.into_iter().chain(broadcasts) {
        for service in [PORT, CHARGEN] {
            let before = dropped(&world, why);
            let mark = world.mark();
            let (from, to) = (IpEndpoint::new(from, port), IpEndpoint::new(to, service));
            let question = Datagram { from, to, payload: b"echo this".to_vec() };
            world.inject_and_settle(question.frame());
            world.run_for(s(4));
            assert_eq!(world.sent_since(mark).count(), 0, "{what}: something was sent");
            if dropped(&world, why) != before + 1 {
                wrong.push(what);
            }
        }
    }
    assert!(wrong.is_empty(), "wrong counter: {wrong:?}\n{:?}", world.stats());
    world.inject_and_settle(who_has(asker.me.addr, node));
    assert_serves(&mut world, &asker);
}

/// The lowest source port is configurable; the node's own ports never get an answer.
#[test]
fn the_policy_can_be_configured() {
    let udp_policy = UdpPolicy { lowest_port: 1, per_source: None, total: None };
    let mut world = world_with(Family::V4, udp_policy);
    let asker = Asker::new(&mut world, Family::V4, 1);
    for (port, answers) in [(7, 1), (1023, 1), (1, 1), (PORT, 0), (DISCARD, 0)] {
        let asker = Asker { me: IpEndpoint::new(asker.me.addr, port), ..asker };
        assert_eq!(asker.ask(&mut world, b"hello").len(), answers, "port {port}");
    }
}

const SLOW: Rate = Rate { per_second: 10, burst: 5 };

fn world_with(family: Family, udp_policy: UdpPolicy) -> World<Host> {
    world_of(Setup { udp_policy, ..Setup::new(family) })
}

/// Sends `n` questions at one instant and returns the number of answers.
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
    let mut world = world_with(family, udp_policy);
    let (greedy, modest) = (Asker::new(&mut world, family, 1), Asker::new(&mut world, family, 2));
    assert_eq!(burst(&mut world, &greedy, 20), 5);
    assert_eq!(dropped(&world, DatagramDropReason::SourceRate), 15);
    assert_eq!(burst(&mut world, &modest, 3), 3, "another source has its own rate");
    world.run_for(ms(200));
    assert_eq!(burst(&mut world, &greedy, 20), 2, "10 answers a second");
    world.run_for(s(3600));
    assert_eq!(burst(&mut world, &greedy, 20), 5, "never more than the burst");
    // The rate is the address's, whatever its port.
    let other_port = Asker { me: IpEndpoint::new(greedy.me.addr, 50_000), ..greedy };
    assert_eq!(burst(&mut world, &other_port, 1), 0);
}

fn all_together_have_a_rate(family: Family) {
    let udp_policy = UdpPolicy { per_source: None, total: Some(SLOW), ..UdpPolicy::DEFAULT };
    let mut world = world_with(family, udp_policy);
    let askers: Vec<_> = (0..10).map(|n| Asker::new(&mut world, family, n)).collect();
    let answered: usize = askers.iter().map(|asker| burst(&mut world, asker, 1)).sum();
    assert_eq!((answered, dropped(&world, DatagramDropReason::TotalRate)), (5, 5));
    world.run_for(s(1));
    assert_eq!(burst(&mut world, &askers[0], 20), 5);
}

/// The table holds eight sources: a ninth replaces the least recent one, whose burst then starts anew.
fn more_sources_than_the_table_remembers(family: Family) {
    let total = Some(Rate { per_second: 1000, burst: 1000 });
    let udp_policy = UdpPolicy { per_source: Some(SLOW), total, ..UdpPolicy::DEFAULT };
    let mut world = world_with(family, udp_policy);
    let askers: Vec<_> = (0..20).map(|n| Asker::new(&mut world, family, n)).collect();
    let greedy = askers[0];
    assert_eq!(burst(&mut world, &greedy, 20), 5);
    for asker in &askers[1..8] {
        assert_eq!(burst(&mut world, asker, 1), 1);
        // A source that keeps asking stays in the table.
        assert!(burst(&mut world, &greedy, 1) <= 1);
    }
    for asker in &askers[8..] {
        assert_eq!(burst(&mut world, asker, 1), 1);
    }
    assert_eq!(burst(&mut world, &greedy, 20), 5, "twelve newer sources have replaced it");
}

/// The node never sends more bytes than it received.
fn never_more_out_than_in(family: Family) {
    let mut world = world(family);
    let askers: Vec<_> = (0..5).map(|n| Asker::new(&mut world, family, n)).collect();
    let mut dice = Dice(21);
    let mark = world.mark();
    for n in 0..500 {
        let port = [PORT, CHARGEN, DISCARD][dice.below(3)];
        let asker = askers[dice.below(5)];
        let server = IpEndpoint::new(family.node(), port);
        let mut question = Asker { server, ..asker }.question(&pattern(0..dice.below(1400)));
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

/// Each datagram without an answer raises an event with its 4-tuple.
#[test]
fn a_dropped_datagram_is_an_event() {
    let (mut world, asker) = scene(Family::V4);
    let low = Asker { me: IpEndpoint::new(asker.me.addr, 7), ..asker };
    low.ask(&mut world, b"hello");
    let tuple = smolecho::Tuple { local: low.server, remote: low.me };
    assert!(
        world.ours.log.contains(&Happened::DatagramDropped(DatagramDropReason::SourcePort, tuple))
    );
}

in_both_families!(
    loops_and_storms_are_not_begun,
    a_source_has_its_rate,
    all_together_have_a_rate,
    more_sources_than_the_table_remembers,
    never_more_out_than_in,
);
