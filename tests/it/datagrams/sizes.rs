//! Sizes of datagrams: one frame, fragments, more than the memory holds.

use super::{assert_idle, assert_serves, dropped, scene};
use crate::rig::frames::who_has;
use crate::rig::host::Host;
use crate::rig::pattern::pattern;
use crate::rig::udp::{Asker, SIZE, fragments};
use crate::rig::{Family, PORT, Setup, World, in_both_families, ms, s};
use smolecho::smoltcp::wire::IpProtocol;
use smolecho::{DatagramDropReason, DatagramStorage, DropReason, UdpService};

fn every_size_comes_back(family: Family) {
    let (mut world, asker) = scene(family);
    let largest = if family == Family::V4 { 1472 } else { 1452 };
    for len in [0, 1, 14, 511, 512, 513, 1279, largest - 1, largest] {
        let question = pattern(0..len);
        assert_eq!(asker.ask(&mut world, &question), [question], "{len} bytes");
    }
    let stats = world.stats();
    assert_eq!((stats.datagrams_received, stats.datagrams_sent), (9, 9));
    assert_idle(&mut world);
}

/// In fragments both ways; they may arrive in any order.
#[test]
fn larger_than_a_frame_comes_back_over_ipv4() {
    let (mut world, asker) = scene(Family::V4);
    for len in (1473..=8000).step_by(131).chain([1480, 1481, 2952, 2953, 8000]) {
        let question = pattern(0..len);
        assert_eq!(asker.ask(&mut world, &question), [question], "{len} bytes");
    }
    let question = pattern(0..5000);
    let mark = world.mark();
    for frame in asker.question(&question).frames(9).into_iter().rev() {
        world.inject(frame);
    }
    world.run_for(ms(10));
    assert_eq!(asker.answers_since(&world, mark), [question], "last fragment first");
    assert_idle(&mut world);
}

/// smoltcp has one buffer for outgoing fragments: the next answer must wait until it is empty.
#[test]
fn large_answers_in_a_row_do_not_mix() {
    let (mut world, asker) = scene(Family::V4);
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

/// An echo port with memory for datagrams of 1,000 bytes.
fn small() -> (World<Host>, Asker) {
    let memory = || Box::leak(Box::new(DatagramStorage::<2, 2, 1000>::new())).memory();
    let mut world = Setup { datagrams: memory, ..Setup::new(Family::V4) }.world();
    world.ours.node.bind(PORT, UdpService::Echo).unwrap();
    let asker = Asker::new(&mut world, Family::V4, 1);
    (world, asker)
}

/// A datagram larger than the port's memory is counted and gets no answer; the next one is served.
#[test]
fn too_large_is_counted() {
    let (mut world, asker) = small();
    for (n, len) in [1001, 1472].into_iter().enumerate() {
        assert_eq!(asker.ask(&mut world, &pattern(0..len)), [[0u8; 0]; 0], "{len} bytes");
        assert_eq!(dropped(&world, DatagramDropReason::Unreadable), n as u64 + 1);
    }
    assert_eq!(asker.ask(&mut world, &pattern(0..1000)), [pattern(0..1000)]);
    assert_serves(&mut world, &asker);
}

/// The same after reassembly.
#[test]
fn too_large_in_fragments_is_counted() {
    let (mut world, asker) = small();
    assert_eq!(asker.ask(&mut world, &pattern(0..3000)), [[0u8; 0]; 0]);
    let counted =
        dropped(&world, DatagramDropReason::Unreadable) + world.ours.dropped(DropReason::Fragment);
    assert!(counted > 0, "dropped without a counter");
    assert_serves(&mut world, &asker);
}

/// The reassembly buffer holds the payload, the buffer for outgoing fragments the headers as well: a
/// datagram that just fits the first has an answer that is too large for the second.
#[test]
fn an_answer_larger_than_the_fragment_buffer_is_counted() {
    let (mut world, asker) = scene(Family::V4);
    let fits = SIZE - 28;
    assert_eq!(asker.ask(&mut world, &pattern(0..fits)), [pattern(0..fits)]);
    for (n, len) in (fits + 1..=SIZE - 8).enumerate() {
        assert_eq!(asker.ask(&mut world, &pattern(0..len)), [[0u8; 0]; 0], "{len} bytes");
        assert_eq!(dropped(&world, DatagramDropReason::TooLarge), n as u64 + 1);
    }
    assert_serves(&mut world, &asker);
    assert_idle(&mut world);
}

/// smoltcp does not reassemble IPv6.
#[test]
fn ipv6_fragments_are_refused() {
    let (mut world, asker) = scene(Family::V6);
    let udp = asker.question(&pattern(0..100)).udp();
    let first = [&[17, 0, 0, 1, 0, 0, 0, 1], &udp[..]].concat();
    let (me, node) = (asker.me.addr, asker.server.addr);
    for frame in fragments(me, node, IpProtocol::Ipv6Frag, &first, 0) {
        world.inject_and_settle(frame);
    }
    assert_eq!(world.ours.dropped(DropReason::Fragment), 1);
    assert_eq!(world.stats().datagrams_received, 0);
    assert_serves(&mut world, &asker);
}

/// First fragments without the rest fill smoltcp's reassembly buffers, until they expire after 60 s.
#[test]
fn stray_fragments_give_way_in_the_end() {
    let (mut world, asker) = scene(Family::V4);
    for n in 0..8 {
        world.inject(asker.question(&pattern(0..3000)).frames(100 + n).remove(0));
    }
    world.run_for(s(61));
    world.inject_and_settle(who_has(asker.me.addr, Family::V4.node()));
    assert_eq!(asker.ask(&mut world, &pattern(0..3000)), [pattern(0..3000)]);
}

in_both_families!(every_size_comes_back,);
