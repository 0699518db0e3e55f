//! The UDP client: its questions, their times, and the report on the answers.

use crate::rig::frames::{Frame, Way, who_has};
use crate::rig::host::Host;
use crate::rig::udp::{self, Datagram, datagrams};
use crate::rig::{Family, Fate, Happened, Setup, World, in_both_families, ms, s};
use smolecho::config::MAX_WAIT;
use smolecho::smoltcp::time::{Duration, Instant};
use smolecho::smoltcp::wire::IpEndpoint;
use smolecho::{
    BindError, ConnectError, DatagramMemory, DatagramStorage, Query, Report, Tuple, UdpService,
};

const ECHO: u16 = 7;
const HELLO: &[u8] = b"Hello, Server!";

/// A peer whose answers the test makes.
fn peer(family: Family) -> IpEndpoint {
    IpEndpoint::new(family.stranger(1), ECHO)
}

/// A world in which the node knows the peer's hardware address.
fn world(family: Family) -> World<Host> {
    let mut world = Setup { datagrams: udp::memory, ..Setup::new(family) }.world();
    world.inject_and_settle(who_has(peer(family).addr, family.node()));
    world
}

fn query(world: &mut World, family: Family, query: Query<'static>) -> Tuple {
    world.ours.node.query(peer(family), query).unwrap()
}

fn questions(world: &World) -> Vec<(Instant, Datagram)> {
    let of = |frame: &Frame| Some((frame.at, datagrams(std::iter::once(frame)).pop()?));
    world.sent_since(0).filter_map(of).collect()
}

fn answer(world: &mut World, tuple: Tuple, payload: &[u8]) {
    let (from, to) = (tuple.remote, tuple.local);
    world.inject(Datagram { from, to, payload: payload.to_vec() }.frame());
}

fn reported(world: &World) -> Option<Report> {
    world.ours.log.iter().find_map(|event| match event {
        Happened::Reported(_, report) => Some(*report),
        _ => None,
    })
}

#[track_caller]
fn report(world: &mut World) -> Report {
    world.run_until(s(200), |world| reported(world).is_some());
    let report = reported(world).unwrap();
    world.run_for(s(1));
    assert_eq!(world.ours.node.poll_at(world.now), None, "a node with no work is not due");
    report
}

/// RFC 1122 section 4.1.3.3: the far host answers with "port unreachable", and the query ends.
fn an_unbound_port_ends_the_query_at_once(family: Family) {
    let mut world = world(family);
    let remote = IpEndpoint::new(family.far(), 9);
    world.ours.node.query(remote, Query::new(HELLO).patience(s(100), 5)).unwrap();
    world.run_until(s(5), |world| reported(world).is_some());
    let expected = Report { sent: 1, lost: 1, refused: true, ..Report::default() };
    assert_eq!(reported(&world), Some(expected));
}

/// The echo of another node.
fn an_echo_answers(family: Family) {
    let mut world = Setup { datagrams: udp::memory, ..Setup::new(family) }.two_nodes();
    world.far.node.bind(ECHO, UdpService::Echo).unwrap();
    let remote = IpEndpoint::new(family.far(), ECHO);
    for _ in 0..8 {
        // More queries than ports: each port is free again afterwards.
        world.ours.log.clear();
        world.ours.node.query(remote, Query::new(HELLO)).unwrap();
        world.run_until(s(10), |world| !world.ours.log.is_empty());
        let [Happened::Reported(tuple, report)] = world.ours.log[..] else { panic!("a report") };
        assert_eq!(tuple.remote, remote);
        assert_eq!(report, Report { sent: 1, answered: 1, ..Report::default() });
    }
}

/// Up to the largest datagram of the path.
fn every_size_is_asked(family: Family) {
    let largest = if family == Family::V4 { 8164 } else { 1452 };
    static BYTES: [u8; 8192] = [0x5a; 8192];
    let mut world = Setup { datagrams: udp::memory, ..Setup::new(family) }.two_nodes();
    world.far.node.bind(ECHO, UdpService::Echo).unwrap();
    let remote = IpEndpoint::new(family.far(), ECHO);
    for len in [0, 1, 511, 512, 1452, largest] {
        world.ours.log.clear();
        world.ours.node.query(remote, Query::new(&BYTES[..len])).unwrap();
        world.run_until(s(10), |world| !world.ours.log.is_empty());
        let [Happened::Reported(_, report)] = world.ours.log[..] else { panic!("a report") };
        assert_eq!(report, Report { sent: 1, answered: 1, ..Report::default() }, "{len} bytes");
    }
}

/// The waits are 1, 2, 4, 8 and 16 s; then the question is lost.
fn an_unanswered_question_backs_off(family: Family) {
    let mut world = world(family);
    let start = world.now;
    let tuple = query(&mut world, family, Query::new(HELLO));
    let report = report(&mut world);
    assert_eq!(report, Report { sent: 5, lost: 1, ..Report::default() });
    let asked = questions(&world);
    let times: Vec<_> = asked.iter().map(|(at, _)| (*at - start).secs()).collect();
    assert_eq!(times, [0, 1, 3, 7, 15]);
    let expected = Datagram { from: tuple.local, to: tuple.remote, payload: HELLO.to_vec() };
    assert!(asked.iter().all(|(_, question)| *question == expected));
    let told = world.ours.log.iter().position(|event| matches!(event, Happened::Reported(..)));
    assert_eq!(world.ours.times[told.unwrap()] - start, s(31));
}

fn patience_is_the_callers(family: Family) {
    let mut world = world(family);
    let start = world.now;
    query(&mut world, family, Query::new(HELLO).patience(ms(250), 3));
    let report = report(&mut world);
    assert_eq!(report, Report { sent: 3, lost: 1, ..Report::default() });
    let times: Vec<_> =
        questions(&world).iter().map(|(at, _)| (*at - start).total_millis()).collect();
    assert_eq!(times, [0, 250, 750]);
}

/// Found by the fuzzer: counted one by one they took half a minute of one poll.
fn four_billion_questions_without_tries_are_lost_at_once(family: Family) {
    let mut world = world(family);
    query(&mut world, family, Query::new(HELLO).count(u32::MAX).patience(ms(250), 0));
    assert_eq!(report(&mut world), Report { lost: u32::MAX, ..Report::default() });
    assert_eq!(questions(&world), []);
}

/// Found by the fuzzer: the sum overflowed.
fn patience_for_ever_is_patience_for_a_year(family: Family) {
    let mut world = world(family);
    let start = world.now;
    query(&mut world, family, Query::new(HELLO).patience(Duration::MAX, u8::MAX));
    world.run_for(ms(10));
    assert_eq!(questions(&world).len(), 1);
    assert_eq!(world.ours.node.poll_at(world.now), Some(start + MAX_WAIT));
}

fn a_late_answer_counts(family: Family) {
    let mut world = world(family);
    let tuple = query(&mut world, family, Query::new(HELLO));
    world.run_for(s(2));
    answer(&mut world, tuple, HELLO);
    let report = report(&mut world);
    assert_eq!(report, Report { sent: 2, answered: 1, ..Report::default() });
}

/// Both copies of an answer arrive before the next poll.
fn a_doubled_answer_is_a_duplicate(family: Family) {
    let mut world = world(family);
    let tuple = query(&mut world, family, Query::new(HELLO));
    world.run_for(ms(10));
    answer(&mut world, tuple, HELLO);
    answer(&mut world, tuple, HELLO);
    let report = report(&mut world);
    assert_eq!(report, Report { sent: 1, answered: 1, duplicates: 1, ..Report::default() });
}

fn another_answer_is_a_mismatch(family: Family) {
    let mut world = world(family);
    let tuple = query(&mut world, family, Query::new(HELLO));
    world.run_for(ms(10));
    for wrong in [&b"Hello, Server"[..], b"Hello, Server!!", b"hello, server!", b""] {
        answer(&mut world, tuple, wrong);
    }
    world.run_for(ms(10));
    answer(&mut world, tuple, HELLO);
    let report = report(&mut world);
    assert_eq!(report, Report { sent: 1, answered: 1, mismatched: 4, ..Report::default() });
}

/// Datagrams from another port or address are no answers.
fn only_the_asked_peer_answers(family: Family) {
    let mut world = world(family);
    let tuple = query(&mut world, family, Query::new(HELLO).patience(s(1), 1));
    world.run_for(ms(10));
    let other_port = IpEndpoint::new(tuple.remote.addr, ECHO + 1);
    let other_host = IpEndpoint::new(family.stranger(2), ECHO);
    for remote in [other_port, other_host] {
        answer(&mut world, Tuple { remote, ..tuple }, HELLO);
    }
    let report = report(&mut world);
    assert_eq!(report, Report { sent: 1, lost: 1, ..Report::default() });
}

fn numbered(n: u32) -> Vec<u8> {
    [HELLO, &n.to_be_bytes()].concat()
}

/// Each of several questions carries its number, so that lost, late and repeated answers are distinct.
fn numbers_tell_answers_apart(family: Family) {
    let mut world = world(family);
    let tuple = query(&mut world, family, Query::new(HELLO).count(4).patience(s(1), 1));
    world.run_for(ms(10));
    answer(&mut world, tuple, &numbered(0));
    world.run_for(ms(10));
    answer(&mut world, tuple, &numbered(0)); // again
    answer(&mut world, tuple, &numbered(2)); // not asked yet
    answer(&mut world, tuple, HELLO); // without its number
    world.run_for(s(1)); // 1 is not answered, 2 is asked
    answer(&mut world, tuple, &numbered(1)); // late
    answer(&mut world, tuple, &numbered(2));
    world.run_for(ms(10));
    answer(&mut world, tuple, &numbered(1)); // late, and again
    let report = report(&mut world);
    let expected = Report {
        sent: 4,
        answered: 3,
        lost: 1,
        duplicates: 2,
        reordered: 1,
        mismatched: 2,
        refused: false,
    };
    assert_eq!(report, expected);
    let asked: Vec<_> = questions(&world).into_iter().map(|(_, it)| it.payload).collect();
    assert_eq!(asked, (0..4).map(numbered).collect::<Vec<_>>());
}

/// A link that loses, repeats and delays: the report adds up.
fn a_bad_link_is_reported(family: Family) {
    let mut world = Setup { datagrams: udp::memory, ..Setup::new(family) }.two_nodes();
    world.far.node.bind(ECHO, UdpService::Echo).unwrap();
    let remote = IpEndpoint::new(family.far(), ECHO);
    world.ours.node.query(remote, Query::new(b"first")).unwrap();
    world.run_until(s(10), |world| !world.ours.log.is_empty());
    world.ours.log.clear();
    let mut n = 0;
    world.fate = Box::new(move |frame: &Frame| {
        if frame.way == Way::FromNode {
            return Fate::Deliver;
        }
        n += 1;
        match n % 10 {
            3 => Fate::Drop,
            5 => Fate::Twice,
            7 => Fate::Late(ms(1500)),
            _ => Fate::Deliver,
        }
    });
    world.ours.node.query(remote, Query::new(HELLO).count(200).patience(s(1), 1)).unwrap();
    world.run_until(s(600), |world| !world.ours.log.is_empty());
    let [Happened::Reported(_, report)] = world.ours.log[..] else { panic!("a report") };
    assert_eq!((report.sent, report.answered + report.lost), (200, 200));
    // The last late answer comes after the report.
    assert_eq!((report.lost, report.duplicates, report.reordered), (21, 20, 19));
    assert_eq!(report.mismatched, 0);
}

fn what_cannot_be_asked_is_refused(family: Family) {
    static LARGE: [u8; 8193] = [0; 8193];
    let mut world = world(family);
    let node = &mut world.ours.node;
    let remote = peer(family);
    let too_large = if family == Family::V4 { 8193 } else { 1453 };
    assert_eq!(node.query(remote, Query::new(&LARGE[..too_large])), Err(ConnectError::TooLarge));
    let numbered = Query::new(&LARGE[..too_large - 4]).count(2);
    assert_eq!(node.query(remote, numbered), Err(ConnectError::TooLarge));
    let nobody = match family {
        Family::V4 => ["0.0.0.0", "10.7.255.255", "224.0.0.1"],
        Family::V6 => ["::", "ff02::1", "ff02::2"],
    };
    let nobody = nobody.map(|address| address.parse().unwrap());
    for address in nobody.into_iter().chain([family.node()]) {
        let refused = node.query(IpEndpoint::new(address, ECHO), Query::new(HELLO));
        assert_eq!(refused, Err(ConnectError::Unaddressable), "{address}");
    }
    let no_port = node.query(IpEndpoint::new(remote.addr, 0), Query::new(HELLO));
    assert_eq!(no_port, Err(ConnectError::Unaddressable));
    let other = if family == Family::V4 { Family::V6 } else { Family::V4 };
    assert_eq!(node.query(peer(other), Query::new(HELLO)), Err(ConnectError::NoAddress));
}

fn ports_are_taken_and_freed(family: Family) {
    let mut world = world(family);
    for port in 1..=3 {
        world.ours.node.bind(port, UdpService::Echo).unwrap();
    }
    let question = Query::new(HELLO).patience(s(1), 1);
    query(&mut world, family, question);
    let node = &mut world.ours.node;
    assert_eq!(node.query(peer(family), question), Err(ConnectError::NoSlot));
    assert_eq!(node.bind(4, UdpService::Echo), Err(BindError::NoPort));
    world.run_until(s(10), |world| reported(world).is_some());
    world.ours.node.bind(4, UdpService::Echo).unwrap();

    let mut none = Setup::new(family).world();
    let refused = none.ours.node.query(peer(family), Query::new(b""));
    assert_eq!(refused, Err(ConnectError::NoSlot), "a node without memory for datagrams");
}

/// RFC 6056: from the dynamic range, and not predictable from the last one.
fn ports_are_random(family: Family) {
    let mut ports: Vec<u16> = (1..40)
        .map(|seed| {
            let setup = Setup { seed, datagrams: udp::memory, ..Setup::new(family) };
            let mut world = setup.world();
            query(&mut world, family, Query::new(HELLO)).local.port
        })
        .collect();
    assert!(ports.iter().all(|port| *port >= 49_152), "{ports:?}");
    let is_row = ports.windows(2).filter(|two| two[1].abs_diff(two[0]) < 16).count();
    assert!(is_row < 5, "{ports:?}");
    ports.sort_unstable();
    ports.dedup();
    assert!(ports.len() > 35, "{ports:?}");
}

/// A peer that never answers a request for its hardware address.
fn a_peer_that_is_not_there_is_lost(family: Family) {
    let mut world = Setup { datagrams: udp::memory, ..Setup::new(family) }.world();
    query(&mut world, family, Query::new(HELLO));
    let report = report(&mut world);
    assert_eq!(report, Report { sent: 5, lost: 1, ..Report::default() });
    assert!(world.turns < 200, "{} turns in half a minute", world.turns);
}

/// While the client waits the node sleeps.
fn waiting_costs_nothing(family: Family) {
    let mut world = world(family);
    query(&mut world, family, Query::new(HELLO).patience(s(60), 1));
    world.run_for(ms(10));
    let due = world.ours.node.poll_at(world.now).expect("the end of its patience");
    assert!(due > world.now + s(59), "due at {due}");
}

/// No question, or no try: reported at once.
fn nothing_to_ask_is_reported(family: Family) {
    for (question, expected) in [
        (Query::new(HELLO).count(0), Report::default()),
        (Query::new(HELLO).patience(s(1), 0), Report { lost: 1, ..Report::default() }),
        (
            Query::new(HELLO).count(1_000_000).patience(s(1), 0),
            Report { lost: 1_000_000, ..Report::default() },
        ),
    ] {
        let mut world = world(family);
        query(&mut world, family, question);
        assert_eq!(report(&mut world), expected);
    }
}

#[test]
fn larger_than_the_memory_is_refused() {
    fn small() -> DatagramMemory<'static> {
        Box::leak(Box::new(DatagramStorage::<1, 1, 10>::new())).memory()
    }
    let mut world = Setup { datagrams: small, ..Setup::new(Family::V4) }.world();
    let refused = world.ours.node.query(peer(Family::V4), Query::new(HELLO));
    assert_eq!(refused, Err(ConnectError::TooLarge));
}

in_both_families!(
    an_unbound_port_ends_the_query_at_once,
    an_echo_answers,
    every_size_is_asked,
    an_unanswered_question_backs_off,
    patience_is_the_callers,
    four_billion_questions_without_tries_are_lost_at_once,
    patience_for_ever_is_patience_for_a_year,
    a_late_answer_counts,
    a_doubled_answer_is_a_duplicate,
    another_answer_is_a_mismatch,
    only_the_asked_peer_answers,
    numbers_tell_answers_apart,
    a_bad_link_is_reported,
    what_cannot_be_asked_is_refused,
    ports_are_taken_and_freed,
    ports_are_random,
    a_peer_that_is_not_there_is_lost,
    waiting_costs_nothing,
    nothing_to_ask_is_reported,
);
