//! More peers than slots, and more handshakes than the backlog.

use crate::rig::host::Host;
use crate::rig::raw::Raw;
use crate::rig::{Family, Setup, World, in_both_families, ms, s};
use smolecho::smoltcp::iface::SocketHandle;
use smolecho::smoltcp::socket::tcp::State;
use smolecho::smoltcp::wire::TcpControl;
use smolecho::{CloseReason, DropReason, TcpService, WhenFull};

fn full(family: Family, when_full: WhenFull) -> (World<Host>, Vec<SocketHandle>) {
    let mut world = Setup { slots: 4, when_full, ..Setup::new(family) }.world();
    let inside: Vec<_> = (0..4).map(|_| world.far.caller()).collect();
    world.run_until(s(2), |world| world.stats().accepted == 4);
    (world, inside)
}

fn a_full_pool_resets_new_peers_and_keeps_its_connections(family: Family) {
    let (mut world, inside) = full(family, WhenFull::Reset);
    let outside: Vec<_> = (0..3).map(|_| world.far.caller()).collect();
    world.run_until(s(1), |world| {
        outside.iter().all(|socket| world.far.state(*socket) == State::Closed)
    });
    assert_eq!(world.ours.dropped(DropReason::Full), 3);
    for socket in &inside {
        world.assert_echo(s(2), *socket, b"echo me");
    }
    assert_eq!(world.ours.ends(), []);

    world.far.get(inside[0]).close();
    world.run_until(s(1), |world| world.ours.node.occupancy().free == 1);
    world.far.connect(outside[0]);
    world.run_until(s(1), |world| world.far.is_established(outside[0]));
    world.assert_echo(s(2), outside[0], b"echo me");
}

fn a_silent_full_pool_lets_the_next_syn_in(family: Family) {
    let (mut world, inside) = full(family, WhenFull::Silence);
    let mark = world.mark();
    let outside: Vec<_> = (0..4).map(|_| world.far.caller()).collect();
    world.run_for(ms(500));
    assert_eq!(world.sent_since(mark).count(), 0, "no answer");
    for socket in inside {
        world.assert_echo(s(2), socket, b"echo me");
        world.far.get(socket).close();
    }
    world.run_until(s(10), |world| outside.iter().all(|socket| world.far.is_established(*socket)));
    for socket in outside {
        world.assert_echo(s(2), socket, b"echo me");
    }
    assert!(world.ours.dropped(DropReason::Full) >= 4);
}

/// A refused peer connects again after a second; in the end each is served.
fn many_times_the_pool_is_served_in_turn(family: Family) {
    for when_full in [WhenFull::Reset, WhenFull::Silence] {
        let mut world = Setup { slots: 4, backlog: 4, when_full, ..Setup::new(family) }.world();
        let mut callers: Vec<_> = (0..24).map(|_| world.far.caller()).collect();
        for second in 0.. {
            callers.retain(|socket| match world.far.state(*socket) {
                State::Closed => {
                    world.far.connect(*socket);
                    true
                }
                State::Established if world.far.get(*socket).can_recv() => {
                    assert_eq!(world.far.recv(*socket), b"my turn");
                    world.far.get(*socket).close();
                    false
                }
                State::Established => {
                    if world.far.get(*socket).send_queue() == 0 {
                        world.far.send(*socket, b"my turn");
                    }
                    true
                }
                _ => true,
            });
            if callers.is_empty() {
                break;
            }
            assert!(second < 120, "{} peers were never served", callers.len());
            world.run_for(s(1));
        }
        world.run_for(s(1));
        world.assert_all_free();
        assert_eq!(world.ours.ended(CloseReason::Finished), 24);
    }
}

fn past_the_backlog_the_oldest_handshake_gives_way(family: Family) {
    let mut world = Setup { backlog: 2, syn_cookies: false, ..Setup::new(family) }.world();
    let mut peers: Vec<_> = (0..3).map(|n| Raw::new(&mut world, family, n)).collect();
    for peer in &mut peers {
        peer.knock(&mut world).expect("a SYN-ACK");
        peer.seq += 1;
    }
    assert_eq!(world.ours.ends(), [CloseReason::HandshakeDropped]);
    assert_eq!(world.ours.node.occupancy().half_open, 2);
    // The oldest handshake is gone, the others complete.
    for (peer, resets) in peers.iter_mut().zip([1, 0, 0]) {
        let mark = world.mark();
        peer.send(&mut world, TcpControl::None, &[]);
        assert_eq!(world.resets_since(mark, peer.me), resets);
    }
    assert_eq!(world.stats().accepted, 2);
    assert_eq!(world.ours.dropped(DropReason::NoConnection), 1);
}

fn half_open_peers_give_way_to_an_honest_one_when_every_slot_is_taken(family: Family) {
    let mut world = Setup { slots: 2, backlog: 8, ..Setup::new(family) }.world();
    for n in 0..2 {
        Raw::new(&mut world, family, n).knock(&mut world).expect("a SYN-ACK");
    }
    let caller = world.connected(ms(100));
    world.assert_echo(s(2), caller, b"echo me");
    assert_eq!(world.ours.ends(), [CloseReason::HandshakeDropped]);
}

fn a_spoofed_syn_does_not_delay_the_next_peer(family: Family) {
    let mut world = Setup { slots: 1, ..Setup::new(family) }.world();
    let caller = world.connected(s(1));
    world.far.get(caller).close();
    world.run_until(s(1), |world| world.ours.node.occupancy().free == 1);
    for n in 0..3 {
        // This source never answers a request: its SYN-ACK waits for the hardware address.
        world.inject_and_settle(Raw::unknown(family, n).syn().frame());
        let caller = world.connected(ms(100));
        world.far.get(caller).abort();
        world.run_for(ms(10));
    }
}

fn a_half_open_peer_is_forgotten_at_its_deadline(family: Family) {
    let mut world = Setup::new(family).world();
    let mut peer = Raw::new(&mut world, family, 0);
    peer.knock(&mut world).expect("a SYN-ACK");
    let mark = world.mark();
    world.run_for(ms(9_900));
    assert_eq!(world.ours.node.occupancy().half_open, 1);
    assert!(world.sent_since(mark).count() >= 2, "the SYN-ACK is retransmitted");
    world.run_for(ms(200));
    assert_eq!(world.ours.ends(), [CloseReason::HandshakeTimeout]);
    world.assert_all_free();
}

fn a_repeated_syn_is_the_same_handshake(family: Family) {
    let mut world = Setup::new(family).world();
    let mut peer = Raw::new(&mut world, family, 0);
    let first = peer.knock(&mut world).expect("a SYN-ACK");
    for _ in 0..3 {
        world.inject(peer.syn().frame());
        world.run_for(ms(700));
    }
    let again = peer.answers(&mut world);
    assert!(!again.is_empty(), "the SYN-ACK is retransmitted");
    assert!(again.iter().all(|tcp| tcp.syn && (tcp.seq, tcp.ack) == (first.seq, first.ack)));
    assert_eq!(world.ours.node.occupancy().half_open, 1);
    peer.seq += 1;
    peer.send(&mut world, TcpControl::Psh, b"hello");
    assert_eq!(peer.take(&mut world), 5);
    assert_eq!(world.stats().accepted, 1);
}

fn a_reset_ends_a_handshake_at_once(family: Family) {
    let mut world = Setup::new(family).world();
    let mut peer = Raw::new(&mut world, family, 0);
    peer.knock(&mut world).expect("a SYN-ACK");
    peer.seq += 1;
    peer.send(&mut world, TcpControl::Rst, &[]);
    assert_eq!(world.ours.ends(), [CloseReason::HandshakeReset]);
    world.assert_all_free();
    peer.seq += 100;
    peer.handshake(&mut world);
    assert_eq!(world.stats().accepted, 1);
}

fn an_ack_that_carries_the_fin_is_accepted_and_finished(family: Family) {
    let mut world = Setup::new(family).world();
    let mut peer = Raw::new(&mut world, family, 0);
    peer.knock(&mut world).expect("a SYN-ACK");
    peer.seq += 1;
    peer.send(&mut world, TcpControl::Fin, b"in one go");
    assert_eq!(peer.take(&mut world), 9);
    assert_eq!(world.ours.ends(), [CloseReason::Finished]);
    world.assert_all_free();
}

/// RFC 9293 section 3.6.1, MAY-2.
fn the_same_port_may_call_again_during_time_wait(family: Family) {
    let mut world = Setup { service: TcpService::Once, ..Setup::new(family) }.world();
    let socket = world.far.socket(64, 64);
    for _ in 0..5 {
        world.far.connect_from(socket, 30_000);
        world.run_until(s(1), |world| world.far.is_established(socket));
        world.far.send(socket, b"again");
        world.run_until(s(1), |world| world.far.state(socket) == State::CloseWait);
        assert_eq!(world.far.recv(socket), b"again");
        world.far.get(socket).close();
        world.run_until(s(1), |world| world.far.state(socket) == State::Closed);
    }
    assert_eq!(world.ours.ended(CloseReason::Finished), 5);
    assert_eq!(world.stats().recycled, 4);
    assert_eq!(world.ours.node.occupancy().closing, 1);
}

in_both_families!(
    a_full_pool_resets_new_peers_and_keeps_its_connections,
    a_silent_full_pool_lets_the_next_syn_in,
    many_times_the_pool_is_served_in_turn,
    past_the_backlog_the_oldest_handshake_gives_way,
    half_open_peers_give_way_to_an_honest_one_when_every_slot_is_taken,
    a_spoofed_syn_does_not_delay_the_next_peer,
    a_half_open_peer_is_forgotten_at_its_deadline,
    a_repeated_syn_is_the_same_handshake,
    a_reset_ends_a_handshake_at_once,
    an_ack_that_carries_the_fin_is_accepted_and_finished,
    the_same_port_may_call_again_during_time_wait,
);
