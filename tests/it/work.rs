//! The work of a poll, and the instant of the next one.

use crate::rig::frames::{Frame, Segment, Tcp, Way, hardware_address, moved, who_has};
use crate::rig::raw::Raw;
use crate::rig::talk::{Close, Talk};
use crate::rig::{Family, Port, Setup, in_both_families, ms, s};
use smolecho::smoltcp::time::Instant;
use smolecho::smoltcp::wire::{IpEndpoint, TcpControl};
use smolecho::{Node, Timeouts};

/// A listening node and its device.
fn alone(family: Family, slots: usize) -> (Node<'static>, Port) {
    let mut port = Port::default();
    let setup = Setup { slots, rx: 512, tx: 512, ..Setup::new(family) };
    (setup.node(&mut port), port)
}

fn stranger(family: Family, n: u16) -> IpEndpoint {
    IpEndpoint::new(family.stranger(n % 1000), 1024 + n)
}

fn a_poll_takes_no_more_than_64_frames(family: Family) {
    let (mut node, mut port) = alone(family, 4);
    let now = Instant::from_secs(1);
    for n in 0..10_000 {
        port.inbox.push_back(Segment::syn(stranger(family, n), family.server()).frame());
    }
    while !port.inbox.is_empty() {
        let waiting = port.inbox.len();
        node.poll(now, &mut port, |_| {});
        assert_eq!(waiting - port.inbox.len(), waiting.min(64));
        assert!(port.outbox.len() < 1000, "{} frames out", port.outbox.len());
        port.outbox.clear();
        if !port.inbox.is_empty() {
            assert_eq!(node.poll_at(now), Some(now), "more wait, so the next poll is due at once");
        }
    }
    node.poll(now, &mut port, |_| {});
    assert!(node.poll_at(now) > Some(now), "no frame waits");
    assert_eq!(node.stats().frames, 10_000);
}

/// 200 segments of one connection wait ahead of another connection's bytes, 50 times.
fn a_flood_on_one_connection_does_not_keep_the_others_waiting(family: Family) {
    let mut world = Setup { slots: 2, ..Setup::new(family) }.world();
    let quiet = world.far.caller();
    let flood = world.far.caller();
    world.run_until(s(1), |world| world.stats().accepted == 2);
    let from = world.far.endpoint(flood);
    let junk = Segment {
        control: TcpControl::Psh,
        ack: Some(1),
        payload: b"never in the window",
        ..Segment::syn(from, family.server())
    };
    for round in 0..50_u8 {
        for _ in 0..200 {
            world.inject(junk.frame());
        }
        world.assert_echo(ms(20), quiet, &[round; 100]);
    }
}

fn bulk_on_one_connection_does_not_keep_the_others_waiting(family: Family) {
    let setup = Setup { slots: 8, rx: 16_384, tx: 16_384, ..Setup::new(family) };
    let mut world = setup.world();
    let quiet = world.far.caller();
    let mut bulk: Vec<_> = (0..7)
        .map(|seed| {
            let socket = world.far.socket(65_535, 65_535);
            world.far.connect(socket);
            Talk::new(socket, seed, 1 << 30, Close::Late)
        })
        .collect();
    world.run_until(s(1), |world| world.stats().accepted == 8);
    for round in 0..50_u8 {
        world.far.send(quiet, &[round; 100]);
        world.run_until(ms(50), |world| {
            for talk in &mut bulk {
                talk.pump(&mut world.far);
            }
            world.far.get(quiet).recv_queue() == 100
        });
        assert_eq!(world.far.recv(quiet), [round; 100]);
    }
    assert!(bulk.iter().all(|talk| talk.back > 10_000), "each other connection progressed");
}

fn an_idle_node_waits_for_ever(family: Family) {
    let (mut node, mut port) = alone(family, 4);
    for now in [0, 1, 3600].map(Instant::from_secs) {
        node.poll(now, &mut port, |_| {});
        assert_eq!(node.poll_at(now), None);
    }
    assert_eq!(port.outbox.len(), 0, "and sends nothing by itself");
    // A neighbor's request is answered and leaves no timer.
    port.inbox.push_back(who_has(family.stranger(1), family.node()));
    node.poll(Instant::from_secs(3601), &mut port, |_| {});
    assert_eq!((port.outbox.len(), node.poll_at(Instant::from_secs(3601))), (1, None));
}

/// 300 handshakes wait for the hardware addresses of 300 peers; one of these tells its own.
fn a_neighbor_wakes_only_the_slots_that_wait_for_it(family: Family) {
    let mut port = Port::default();
    let setup = Setup { slots: 300, backlog: 300, rx: 64, tx: 64, ..Setup::new(family) };
    let (mut node, now) = (setup.node(&mut port), Instant::from_secs(1));
    for n in 0..300 {
        let syn = Segment::syn(stranger(family, n), family.server());
        port.inbox.push_back(syn.frame());
    }
    while node.poll_at(now) == Some(now) || !port.inbox.is_empty() {
        node.poll(now, &mut port, |_| {});
    }
    port.outbox.clear();
    let peer = stranger(family, 7);
    port.inbox.push_back(moved(peer.addr, hardware_address(peer.addr)));
    node.poll(now, &mut port, |_| {});
    let frames =
        port.outbox.iter().map(|bytes| Frame { at: now, way: Way::FromNode, bytes: bytes.clone() });
    let answers: Vec<_> = frames.filter_map(|frame| frame.tcp()).collect();
    assert!(matches!(answers[..], [Tcp { to, syn: true, .. }] if to == peer), "{answers:?}");
    assert!(node.poll_at(now) > Some(now), "no other slot is due");
}

fn a_thousand_quiet_connections_cost_no_wake_up(family: Family) {
    const CONNECTIONS: usize = 1000;
    let timeouts = Timeouts { idle: Some(s(50)), ..Timeouts::DEFAULT };
    let setup =
        Setup { slots: CONNECTIONS, backlog: 1000, rx: 64, tx: 64, timeouts, ..Setup::new(family) };
    let mut world = setup.world();
    for _ in 0..CONNECTIONS {
        let socket = world.far.socket(64, 64);
        world.far.connect(socket);
    }
    let begin = world.now;
    world.run_until(s(5), |world| world.stats().accepted == CONNECTIONS as u64);
    world.run_for(s(20));
    assert!(world.ours.node.poll_at(world.now) >= Some(begin + s(50)), "nothing is due before");
    world.run_for(s(30));
    assert_eq!(world.stats().closed(), CONNECTIONS as u64, "all end at their deadline");
    world.assert_all_free();
}

/// Its retransmission is due long before the deadlines of the quiet connections.
fn an_unanswered_connection_is_not_forgotten_among_quiet_ones(family: Family) {
    let mut world = Setup::new(family).world();
    // One less than the entries of smoltcp's default neighbor cache.
    let mut peers: Vec<_> = (0..7).map(|n| Raw::new(&mut world, family, n)).collect();
    for peer in &mut peers {
        peer.handshake(&mut world);
        world.run_for(ms(100));
    }
    for peer in peers.iter_mut().rev().step_by(2) {
        let mark = world.mark();
        peer.send(&mut world, TcpControl::Psh, b"hello?");
        world.run_for(s(4));
        assert!(world.sent_since(mark).filter(|frame| frame.tcp().is_some()).count() >= 3);
        peer.take(&mut world);
    }
}

/// The segments in the outbox.
fn sent(port: &mut Port) -> Vec<Tcp> {
    let frame = |bytes| Frame { at: Instant::ZERO, way: Way::FromNode, bytes };
    port.outbox.drain(..).filter_map(|bytes| frame(bytes).tcp()).collect()
}

/// Two connections with much to send take turns when the device has room for one frame at a time.
fn a_narrow_device_is_shared(family: Family) {
    let mut port = Port::default();
    let setup = Setup { slots: 2, rx: 4096, tx: 4096, ..Setup::new(family) };
    let mut node = setup.node(&mut port);
    let mut poll = |port: &mut Port, ms| {
        node.poll(Instant::from_millis(ms), port, |_| {});
        sent(port)
    };

    let mut peers = [1, 2].map(|n| Raw::unknown(family, n));
    for peer in &mut peers {
        port.inbox.push_back(who_has(peer.me.addr, family.node()));
        port.inbox.push_back(peer.syn().frame());
        let answers = poll(&mut port, 1);
        peer.ack = answers.iter().find(|tcp| tcp.syn).unwrap().seq.0 + 1;
        peer.seq += 1;
    }
    port.room = 0;
    for peer in &mut peers {
        for _ in 0..3 {
            port.inbox.push_back(peer.segment(TcpControl::Psh, &[7; 1200]).frame());
            peer.seq += 1200;
        }
    }
    poll(&mut port, 2);
    let mut served = Vec::new();
    for ms in 3..7 {
        port.room = 1;
        served.extend(poll(&mut port, ms).into_iter().filter(|tcp| tcp.len > 0).map(|tcp| tcp.to));
    }
    assert_eq!(served.len(), 4);
    for peer in peers {
        assert_eq!(served.iter().filter(|to| **to == peer.me).count(), 2, "{served:?}");
    }
}

/// A node that is polled only at `poll_at` misses no deadline.
fn the_next_poll_is_never_late(family: Family) {
    let (mut node, mut port) = alone(family, 8);
    let mut now = Instant::ZERO;
    for n in 0..8 {
        port.inbox.push_back(who_has(family.stranger(n), family.node()));
        port.inbox.push_back(Segment::syn(stranger(family, n), family.server()).frame());
    }
    let mut polls = 0;
    loop {
        node.poll(now, &mut port, |_| {});
        match node.poll_at(now) {
            None => break,
            Some(at) => now = at,
        }
        polls += 1;
        assert!(polls < 200, "the node spins");
    }
    assert_eq!(node.occupancy().free, 8);
    assert_eq!(now, Instant::from_secs(10), "no poll after the handshake deadline");
}

in_both_families!(
    a_poll_takes_no_more_than_64_frames,
    a_flood_on_one_connection_does_not_keep_the_others_waiting,
    bulk_on_one_connection_does_not_keep_the_others_waiting,
    an_idle_node_waits_for_ever,
    a_neighbor_wakes_only_the_slots_that_wait_for_it,
    a_thousand_quiet_connections_cost_no_wake_up,
    an_unanswered_connection_is_not_forgotten_among_quiet_ones,
    a_narrow_device_is_shared,
    the_next_poll_is_never_late,
);
