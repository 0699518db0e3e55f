//! Sources that never answer ARP or neighbor discovery, and the answers to others.

use super::{DISCARD, assert_idle, dropped, world};
use crate::rig::frames::{Frame, Way, who_has};
use crate::rig::udp::{self, Asker, Datagram, datagrams};
use crate::rig::{Family, PORT, Port, Setup, in_both_families, ms, s};
use smolecho::smoltcp::time::Instant;
use smolecho::smoltcp::wire::IpEndpoint;
use smolecho::{DatagramDropReason, DatagramStorage, Node, UdpService};

/// P4: an answer to an address without a neighbor delays no other answer.
fn a_silent_source_delays_no_answer(family: Family) {
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
    assert_eq!(dropped(&world, DatagramDropReason::Unreachable), 1);
    assert_idle(&mut world);
}

/// The same with eight silent sources at a time and four transmit slots.
fn many_silent_sources_delay_no_answer(family: Family) {
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
    assert_eq!(dropped(&world, DatagramDropReason::Unreachable), 800, "each answer is counted");
    assert_idle(&mut world);
}

/// The node does not know the new peer's hardware address, and has just sent a request for another one.
fn a_silent_source_does_not_cost_a_newcomer_its_answers(family: Family) {
    let mut world = world(family);
    let silent = Asker::unknown(family, 66);
    // The host at the far end answers ARP for this address.
    let honest = IpEndpoint::new(family.far(), 40_000);
    let asker = Asker { me: honest, server: IpEndpoint::new(family.node(), PORT) };
    world.inject_and_settle(silent.question(b"spoofed").frame());
    let mark = world.mark();
    let asked = world.now;
    world.inject(asker.question(b"honest").frame());
    world.run_until(s(4), |world| asker.answers_since(world, mark).len() == 1);
    assert!(world.now - asked <= s(1) + ms(10), "answered after {}", world.now - asked);
}

/// With one transmit slot: a datagram for discard takes no slot from a waiting answer.
fn a_discarded_datagram_takes_no_transmit_slot(family: Family) {
    let memory = || Box::leak(Box::new(DatagramStorage::<2, 1, 64>::new())).memory();
    let mut world = Setup { datagrams: memory, ..Setup::new(family) }.world();
    world.ours.node.bind(PORT, UdpService::Echo).unwrap();
    world.ours.node.bind(DISCARD, UdpService::Discard).unwrap();
    let (asker, other) = (Asker::unknown(family, 1), Asker::new(&mut world, family, 2));
    world.inject_and_settle(asker.question(b"who asks?").frame());
    let discarded =
        Datagram { to: IpEndpoint { port: DISCARD, ..other.server }, ..other.question(b"!") };
    world.inject_and_settle(discarded.frame());
    assert_eq!(dropped(&world, DatagramDropReason::Unreachable), 0);
    let mark = world.mark();
    world.inject(who_has(asker.me.addr, family.node()));
    world.run_for(s(2));
    assert_eq!(asker.answers_since(&world, mark), [b"who asks?"]);
}

/// Answers that waited for a hardware address leave as fast as the device takes them, not one a second.
fn a_device_without_room_is_no_silent_peer(family: Family) {
    let mut port = Port { room: 1, ..Port::default() };
    let mut node = Setup { datagrams: udp::memory, ..Setup::new(family) }.node(&mut port);
    node.bind(PORT, UdpService::Echo).unwrap();
    let asker = Asker::unknown(family, 1);
    for n in 0..4u8 {
        port.inbox.push_back(asker.question(&[n]).frame());
    }
    let (mut now, mut sent) = (Instant::ZERO, Vec::new());
    let mut run = |node: &mut Node<'_>, port: &mut Port, time| {
        let end = now + time;
        while now < end {
            node.poll(now, port, |_| {});
            let left = port.outbox.pop_front();
            sent.extend(left.map(|bytes| Frame { at: now, way: Way::FromNode, bytes }));
            // As a program that sleeps until then.
            now = node.poll_at(now).map_or(end, |due| due.max(now + ms(1)));
        }
        datagrams(sent.iter()).len()
    };
    assert_eq!(run(&mut node, &mut port, ms(50)), 0);
    port.inbox.push_back(who_has(asker.me.addr, family.node()));
    assert_eq!(run(&mut node, &mut port, ms(1100)), 4, "within little more than a second");
}

in_both_families!(
    a_silent_source_delays_no_answer,
    many_silent_sources_delay_no_answer,
    a_silent_source_does_not_cost_a_newcomer_its_answers,
    a_discarded_datagram_takes_no_transmit_slot,
    a_device_without_room_is_no_silent_peer,
);
