//! Peers that vanish, stall or never close: the connection ends at its deadline with its reason and one
//! reset.

use std::collections::HashMap;

use crate::rig::frames::{Frame, Segment};
use crate::rig::host::Host;
use crate::rig::raw::Raw;
use crate::rig::talk::{Close, Talk};
use crate::rig::{Dice, Family, Happened, Setup, World, in_both_families, ms, s};
use smolecho::smoltcp::time::Duration;
use smolecho::smoltcp::wire::{IpEndpoint, TcpControl};
use smolecho::{CloseReason, TcpService, Timeouts};

/// The connection lives until `after`, then ends with this reason and one reset.
#[track_caller]
fn ends(world: &mut World<Host>, after: Duration, end: CloseReason, peer: IpEndpoint) {
    let mark = world.mark();
    world.run_for(after - ms(100));
    assert_eq!(world.ours.ends(), [], "too early");
    assert_eq!(world.resets_since(mark, peer), 0);
    world.run_for(ms(200));
    assert_eq!(world.ours.ends(), [end]);
    world.run_for(s(3));
    world.assert_all_free();
    assert_eq!(world.resets_since(mark, peer), 1);
}

fn a_reset_in_the_middle_frees_the_slot_at_once(family: Family) {
    let mut world = Setup::new(family).world();
    let caller = world.connected(s(1));
    world.far.send(caller, &[7; 3000]);
    world.run_until(s(1), |world| world.far.get(caller).can_recv());
    world.far.get(caller).abort();
    world.run_for(ms(2));
    assert_eq!(world.ours.ends(), [CloseReason::Reset]);
    world.assert_all_free();
}

fn a_peer_that_vanishes_in_peace(family: Family) {
    let timeouts = Timeouts { idle: Some(s(40)), ..Timeouts::DEFAULT };
    let mut world = Setup { timeouts, ..Setup::new(family) }.world();
    let peer = Raw::connected(&mut world, family, 0);
    ends(&mut world, s(40), CloseReason::IdleTimeout, peer.me);
}

/// Five minutes are longer than the lifetime of a neighbor cache entry: the reset must still leave.
fn a_peer_that_falls_asleep_is_told(family: Family) {
    let mut world = Setup::new(family).world();
    let caller = world.far.caller();
    world.run_until(s(1), |world| world.stats().accepted == 1);
    let peer = world.far.endpoint(caller);
    ends(&mut world, s(300), CloseReason::IdleTimeout, peer);
    assert!(!world.far.get(caller).is_open());
}

fn a_peer_that_vanishes_with_the_echo_under_way(family: Family) {
    let mut world = Setup::new(family).world();
    let mut peer = Raw::connected(&mut world, family, 0);
    peer.send(&mut world, TcpControl::Psh, b"never acknowledged");
    ends(&mut world, s(30), CloseReason::StallTimeout, peer.me);
}

fn a_peer_that_never_reads(family: Family) {
    let timeouts = Timeouts { persist: Some(s(300)), ..Timeouts::DEFAULT };
    let mut world = Setup { timeouts, ..Setup::new(family) }.world();
    let socket = world.far.socket(1000, 1 << 16);
    world.far.connect(socket);
    world.run_until(s(1), |world| world.far.is_established(socket));
    let peer = world.far.endpoint(socket);
    world.far.send(socket, &[7; 1 << 16]);
    // Now both of the node's buffers and the peer's receive buffer are full.
    world.run_for(s(1));
    let (received, mark) = (world.stats().bytes_received, world.mark());
    // RFC 9293 MUST-37: it answers the probes, so only the persist time ends it.
    world.run_for(s(290));
    assert_eq!(world.ours.ends(), []);
    world.run_until(s(11), |world| !world.ours.ends().is_empty());
    assert_eq!(world.ours.ends(), [CloseReason::PersistTimeout]);
    assert_eq!(world.stats().bytes_received, received);
    world.run_for(s(1));
    assert_eq!(world.resets_since(mark, peer), 1);
    assert!(!world.far.get(socket).is_open());
    world.assert_all_free();
}

/// A peer that reads a little every 10 s is slow, not stalled.
fn a_slow_reader_is_waited_for(family: Family) {
    let mut world = Setup { rx: 32_768, tx: 32_768, ..Setup::new(family) }.world();
    let socket = world.far.socket(1000, 32_768);
    world.far.connect(socket);
    let mut talk = Talk::new(socket, 1, 20_000, Close::Early);
    for _ in 0..18 {
        world.run_for(s(10));
        talk.send(&mut world.far);
        talk.recv(&mut world.far, 1000);
    }
    assert_eq!(world.stats().bytes_received, 20_000);
    assert!(talk.back < 18_000, "the echo must still be under way");
    world.run_until(s(60), |world| talk.pump(&mut world.far));
}

/// RFC 9293 MUST-37: a peer that answers is not silent, although its window never opens. When it no longer
/// answers, the stall time begins with the longest pause between two probes.
fn a_peer_whose_window_stays_shut(family: Family) {
    let mut world = Setup::new(family).world();
    let mut peer = Raw::connected(&mut world, family, 0);
    let shut = Segment { window: 0, ..peer.segment(TcpControl::Psh, b"echo") };
    world.inject_and_settle(shut.frame());
    peer.seq += 4;
    let shut = Segment { window: 0, ..peer.segment(TcpControl::None, &[]) };
    for _ in 0..600 {
        world.inject(shut.frame());
        world.run_for(s(1));
    }
    assert_eq!(world.ours.ends(), []);
    world.run_for(s(91));
    assert_eq!(world.ours.ends(), [CloseReason::StallTimeout]);
}

/// RFC 9293 section 3.10.4: the FIN follows the queue, so that window updates behind the peer's FIN count.
fn a_reader_that_pauses_behind_its_fin(family: Family) {
    for pause in [0, 3, 16, 100] {
        let mut world = Setup { tx: 16_384, ..Setup::new(family) }.world();
        let socket = world.far.socket(1152, 16_384);
        world.far.connect(socket);
        let mut talk = Talk::new(socket, pause, 8000, Close::Early);
        world.run_for(s(1));
        talk.send(&mut world.far);
        world.run_for(s(pause));
        world.run_until(s(1), |world| talk.pump(&mut world.far));
        world.rest();
    }
}

/// At no segment more for a short exchange: bytes that fit into the peer's window share one with the FIN.
fn a_short_exchange_ends_in_one_segment(family: Family) {
    let mut world = Setup::new(family).world();
    let mut peer = Raw::connected(&mut world, family, 0);
    let mark = world.mark();
    peer.send(&mut world, TcpControl::Fin, b"the only words");
    let answers = peer.answers(&mut world);
    assert!(world.sent_since(mark).count() >= 1);
    assert_eq!(answers.iter().filter(|tcp| tcp.len > 0 || tcp.fin).count(), 1, "{answers:?}");
    assert!(answers.iter().any(|tcp| tcp.len == 14 && tcp.fin));
}

fn a_peer_that_half_closes_and_vanishes(family: Family) {
    let mut world = Setup::new(family).world();
    let mut peer = Raw::connected(&mut world, family, 0);
    peer.send(&mut world, TcpControl::Fin, b"the last words");
    ends(&mut world, s(30), CloseReason::StallTimeout, peer.me);
}

fn a_peer_that_never_acknowledges_our_fin(family: Family) {
    let mut world = Setup { service: TcpService::Once, ..Setup::new(family) }.world();
    let mut peer = Raw::connected(&mut world, family, 0);
    peer.send(&mut world, TcpControl::Psh, b"once");
    ends(&mut world, s(30), CloseReason::StallTimeout, peer.me);
}

fn a_peer_that_never_closes_its_side(family: Family) {
    let timeouts = Timeouts { fin_wait: Some(s(50)), ..Timeouts::DEFAULT };
    let mut world = Setup { timeouts, service: TcpService::Once, ..Setup::new(family) }.world();
    let mut peer = Raw::connected(&mut world, family, 0);
    peer.send(&mut world, TcpControl::Psh, b"once");
    assert_eq!(peer.take(&mut world), 4);
    ends(&mut world, s(50), CloseReason::FinWaitTimeout, peer.me);
}

/// The window probe carries the node's last byte and FIN, and the peer acknowledges both. smoltcp goes on
/// probing in FIN-WAIT-2, one ACK after the other.
fn a_peer_whose_window_stays_shut_behind_our_fin(family: Family) {
    let mut world = Setup { service: TcpService::Once, ..Setup::new(family) }.world();
    let mut peer = Raw::connected(&mut world, family, 0);
    world.inject(Segment { window: 0, ..peer.segment(TcpControl::Psh, b"1") }.frame());
    peer.seq += 1;
    world.run_for(s(2));
    let fin = peer.answers(&mut world).into_iter().find(|tcp| tcp.fin).expect("a FIN");
    assert_eq!(fin.len, 1);
    peer.ack += 2;
    world.inject(Segment { window: 0, ..peer.segment(TcpControl::None, &[]) }.frame());
    let mark = world.mark();
    world.run_until(s(61), |world| !world.ours.ends().is_empty());
    assert_eq!(world.ours.ends(), [CloseReason::FinWaitTimeout]);
    let said = world.sent_since(mark).filter(|frame| frame.tcp().is_some()).count();
    assert!(said <= 3, "{said} segments in FIN-WAIT-2");
}

fn fin_wait_outlives_the_hardware_address(family: Family) {
    let timeouts = Timeouts { fin_wait: Some(s(120)), ..Timeouts::DEFAULT };
    let mut world = Setup { timeouts, service: TcpService::Once, ..Setup::new(family) }.world();
    let caller = world.connected(s(1));
    let peer = world.far.endpoint(caller);
    world.far.send(caller, b"once");
    world.run_for(ms(100));
    ends(&mut world, s(120), CloseReason::FinWaitTimeout, peer);
}

fn time_wait_lasts_as_long_as_configured(family: Family) {
    for (time_wait, lasts) in [(Some(s(2)), s(2)), (Some(s(10)), s(10)), (None, s(10))] {
        let timeouts = Timeouts { time_wait, ..Timeouts::DEFAULT };
        let mut world = Setup { timeouts, service: TcpService::Once, ..Setup::new(family) }.world();
        let caller = world.connected(s(1));
        world.far.send(caller, b"once");
        world.run_for(ms(50));
        world.far.get(caller).close();
        world.run_until(s(1), |world| world.ours.ends() == [CloseReason::Finished]);
        let mark = world.mark();
        world.run_for(lasts - ms(100));
        assert_eq!(world.ours.node.occupancy().closing, 1);
        world.run_for(ms(200));
        world.assert_all_free();
        assert_eq!(world.sent_since(mark).count(), 0, "TIME-WAIT ends silently");
        assert_eq!(world.ours.ends(), [CloseReason::Finished], "and is not a second close");
    }
}

/// RFC 9293 section 3.10.7.4: a retransmitted FIN restarts the timer.
fn time_wait_begins_anew_with_each_fin(family: Family) {
    let mut world = Setup { service: TcpService::Once, ..Setup::new(family) }.world();
    let mut peer = Raw::connected(&mut world, family, 0);
    peer.send(&mut world, TcpControl::Psh, b"once");
    peer.take(&mut world);
    let fin = peer.segment(TcpControl::Fin, b"").frame();
    world.inject_and_settle(fin.clone());
    for _ in 0..3 {
        world.run_for(s(9));
        let mark = world.mark();
        world.inject_and_settle(fin.clone());
        let answers: Vec<_> = world.sent_since(mark).filter_map(|frame| frame.tcp()).collect();
        assert!(matches!(answers[..], [ack] if !ack.rst && ack.ack.is_some()), "{answers:?}");
    }
    world.run_for(s(11));
    world.assert_all_free();
}

/// One slot: the next connection arrives while the reset is on its way.
fn the_reset_leaves_before_the_slot_serves_again(family: Family) {
    let timeouts = Timeouts { idle: Some(s(5)), ..Timeouts::DEFAULT };
    let mut world = Setup { slots: 1, timeouts, ..Setup::new(family) }.world();
    let first = world.far.caller();
    world.run_until(s(1), |world| world.stats().accepted == 1);
    let peer = world.far.endpoint(first);
    world.run_until(s(6), |world| world.ours.ends() == [CloseReason::IdleTimeout]);
    world.connected(s(1));
    assert_eq!(world.resets_since(0, peer), 1);
    assert!(!world.far.get(first).is_open());
}

fn without_deadlines_a_connection_may_sleep(family: Family) {
    let timeouts = Timeouts {
        handshake: None,
        idle: None,
        stall: None,
        persist: None,
        fin_wait: None,
        time_wait: None,
    };
    let mut world = Setup { timeouts, ..Setup::new(family) }.world();
    let caller = world.far.caller();
    world.run_until(s(1), |world| world.stats().accepted == 1);
    assert_eq!(world.ours.node.poll_at(world.now), None);
    world.run_for(s(100_000));
    world.far.send(caller, b"good morning");
    world.run_until(s(5), |world| world.far.recv(caller) == b"good morning");
}

/// RFC 9293 section 3.8.4: one segment for each interval without traffic, none before.
fn keep_alive_speaks_only_after_silence(family: Family) {
    let setup = Setup { keep_alive: Some(s(20)), ..Setup::new(family) };
    let mut world = setup.world();
    world.connected(s(1));
    let mark = world.mark();
    world.run_for(s(105));
    let spoken: Vec<_> = world.sent_since(mark).filter(|frame| frame.tcp().is_some()).collect();
    assert_eq!(spoken.len(), 5, "{:?}", spoken.iter().map(|frame| frame.at).collect::<Vec<_>>());
    assert_eq!(world.ours.ends(), []);
}

/// Handshakes and connections in random order, some of them reset: each other one ends at its own time.
fn every_deadline_is_kept_among_many(family: Family) {
    const PEERS: u16 = 300;
    let mut world = Setup { slots: 512, backlog: 512, ..Setup::new(family) }.world();
    let mut dice = Dice(9);
    let mut begun = HashMap::new();
    for n in 0..PEERS {
        let mut peer = Raw::new(&mut world, family, n);
        if dice.below(2) == 0 {
            peer.handshake(&mut world);
        } else {
            peer.knock(&mut world);
            peer.seq += 1;
        }
        begun.insert(peer.me, peer);
        world.run_for(ms(dice.below(50) as u64));
        let other = Raw::unknown(family, dice.below(usize::from(n) + 1) as u16).me;
        if let Some(mut peer) = begun.remove(&other).filter(|_| dice.below(2) == 0) {
            peer.send(&mut world, TcpControl::Rst, &[]);
        }
    }
    world.run_for(s(310));
    world.assert_all_free();
    let mut since = HashMap::new();
    let (mut handshakes, mut idle) = (0, 0);
    for (event, at) in world.ours.log.iter().zip(&world.ours.times) {
        match event {
            Happened::Accepted(tuple) => {
                since.insert(*tuple, *at);
            }
            Happened::Closed { tuple, end: CloseReason::IdleTimeout, .. } => {
                assert_eq!(*at, since[tuple] + s(300), "{}", tuple.remote);
                idle += 1;
            }
            Happened::Closed { tuple, end: CloseReason::HandshakeTimeout, .. } => {
                let syn = |frame: &&Frame| frame.tcp().is_some_and(|tcp| tcp.from == tuple.remote);
                let begin = world.trace.iter().find(syn).unwrap().at + world.latency;
                assert_eq!(*at, begin + s(10), "{}", tuple.remote);
                handshakes += 1;
            }
            _ => {}
        }
    }
    assert!(
        handshakes > 50 && idle > 50,
        "{handshakes} handshakes and {idle} connections are too few"
    );
}

in_both_families!(
    every_deadline_is_kept_among_many,
    a_reset_in_the_middle_frees_the_slot_at_once,
    a_peer_that_vanishes_in_peace,
    a_peer_that_falls_asleep_is_told,
    a_peer_that_vanishes_with_the_echo_under_way,
    a_peer_that_never_reads,
    a_slow_reader_is_waited_for,
    a_peer_whose_window_stays_shut,
    a_reader_that_pauses_behind_its_fin,
    a_short_exchange_ends_in_one_segment,
    a_peer_that_half_closes_and_vanishes,
    a_peer_that_never_acknowledges_our_fin,
    a_peer_that_never_closes_its_side,
    a_peer_whose_window_stays_shut_behind_our_fin,
    fin_wait_outlives_the_hardware_address,
    time_wait_lasts_as_long_as_configured,
    time_wait_begins_anew_with_each_fin,
    the_reset_leaves_before_the_slot_serves_again,
    without_deadlines_a_connection_may_sleep,
    keep_alive_speaks_only_after_silence,
);
