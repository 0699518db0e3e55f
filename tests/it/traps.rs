//! smoltcp's pitfalls by their numbers in the README, each with a test that fails without its fix:
//!
//! | | trap | test |
//! |---|---|---|
//! | P1 | a bare SYN to a connecting client panics | `gate::a_syn_for_our_own_handshake_does_nothing`, `tap: hostile::a_bare_syn_to_a_client_that_waits_for_arp` |
//! | P2 | a repeated SYN kills a connection | `gate::a_syn_does_nothing_to_an_established_connection`, `tap: hostile::replays_do_nothing` |
//! | P3 | one SYN parks a listener for ever | `pool::a_half_open_peer_is_forgotten_at_its_deadline`, `cookie` |
//! | P4 | one datagram from a silent source stops all answers | `datagrams::silent`, `tap: hostile::spoofed_datagrams_delay_no_answer` |
//! | P5 | sending while the link is down panics | `tap: device::link_down_is_counted_and_mends` |
//! | P6 | `set_timeout` resets healthy idle connections | `deadlines::without_deadlines_a_connection_may_sleep`, `echo::a_quiet_connection_lives_until_the_idle_deadline` |
//! | P7 | a SYN within a connection gets no challenge ACK | here |
//! | P8 | any reset in the window resets | here |
//! | P9 | a SYN to a multicast address moves a listener | `gate::a_syn_to_many_gets_no_answer` |
//! | P10 | a FIN beyond the window truncates the stream | here; data after a FIN: `states` |
//! | P11 | the same seed, the same numbers | `determinism::initial_sequence_numbers_do_not_repeat` |
//! | P12 | TIME-WAIT is 10 s or nothing | `deadlines::time_wait_lasts_as_long_as_configured`, `pressure` |
//! | P13 | a connection inherits state of the one before | here |
//! | P14 | stalls, an ACK of unsent data, a forgotten FIN | here; unread data in TIME-WAIT: `once::more_than_1024_bytes_are_not_lost_silently` |

use crate::rig::frames::Segment;
use crate::rig::pattern::pattern;
use crate::rig::peer::Peer;
use crate::rig::talk::{Close, Talk};
use crate::rig::{Family, Fate, Nobody, Setup, World, in_both_families, ms, s};
use smolecho::smoltcp::wire::TcpControl;
use smolecho::{CloseReason, DropReason};

fn connected(setup: Setup) -> (World<Nobody>, Peer) {
    let family = setup.family;
    let mut world = setup.alone();
    let mut peer = Peer::new(&mut world, family, 1);
    peer.open(&mut world);
    assert_eq!(world.stats().accepted, 1);
    (world, peer)
}

/// P7. RFC 9293 section 3.5.1 (half-open connections): the restarted peer answers the challenge ACK with a
/// reset, then connects again.
fn p7_a_peer_that_has_restarted_gets_through(family: Family) {
    let (mut world, mut peer) = connected(Setup { slots: 1, ..Setup::new(family) });
    peer.say(&mut world, 0, 100, false);
    peer.iss = 1_000_000;
    peer.back.clear();
    world.inject(peer.syn().frame());
    let challenge = peer.look(&mut world)[0];
    assert!(!challenge.syn && !challenge.rst && challenge.len == 0);
    let reset = peer.segment(TcpControl::Rst, challenge.ack.unwrap().0, None, &[]);
    world.inject_and_settle(reset.frame());
    assert_eq!(world.ours.ends(), [CloseReason::Reset]);
    peer.open(&mut world);
    assert!(peer.live(&mut world, 10));
    world.rest();
}

/// P8. RFC 5961 section 3: a real peer answers the challenge ACK with the exact number.
fn p8_an_inexact_reset_is_challenged(family: Family) {
    let (mut world, mut peer) = connected(Setup::new(family));
    for off in [1, 2, 1000, 2047] {
        let guess = peer.segment(TcpControl::Rst, peer.at(off), None, &[]);
        world.inject(guess.frame());
        let challenge = peer.look(&mut world);
        assert!(matches!(challenge[..], [tcp] if !tcp.rst && tcp.ack.unwrap().0 == peer.at(0)));
    }
    assert_eq!(world.ours.dropped(DropReason::InexactReset), 4);
    assert_eq!(world.ours.ends(), []);
    let exact = peer.segment(TcpControl::Rst, peer.at(0), None, &[]);
    world.inject_and_settle(exact.frame());
    assert_eq!(world.ours.ends(), [CloseReason::Reset]);
    world.rest();
}

/// The same in SYN-RECEIVED: a blind reset must guess 32 bits, not the window.
fn p8_an_inexact_reset_does_not_end_a_handshake(family: Family) {
    let mut world = Setup::new(family).alone();
    let mut peer = Peer::new(&mut world, family, 1);
    assert!(peer.knock(&mut world));
    for off in [1, 1000, 2047] {
        let guess = peer.segment(TcpControl::Rst, peer.at(off), None, &[]);
        world.inject_and_settle(guess.frame());
    }
    peer.look(&mut world);
    assert_eq!(world.ours.ends(), []);
    peer.say(&mut world, 0, 0, false);
    assert!(peer.live(&mut world, 10));
    world.rest();
}

/// RFC 5961 section 7: challenge ACKs are limited.
fn p7_p8_challenges_are_few(family: Family) {
    let (mut world, mut peer) = connected(Setup::new(family));
    let guess = peer.segment(TcpControl::Rst, peer.at(1), None, &[]).frame();
    let syn = peer.syn().frame();
    let mark = world.mark();
    for _ in 0..1000 {
        world.inject(guess.clone());
        world.inject(syn.clone());
        world.run_for(ms(1));
    }
    let challenges = world.sent_since(mark).count();
    assert!((10..=13).contains(&challenges), "{challenges} in a second");
    assert_eq!(world.stats().challenges, challenges as u64);
    // A shared limit would reveal hits on other connections (CVE-2016-5696).
    let mut other = Peer::new(&mut world, family, 2);
    other.open(&mut world);
    let mark = world.mark();
    world.inject_and_settle(other.syn().frame());
    assert_eq!(world.sent_since(mark).count(), 1, "each connection has its own limit");
    other.look(&mut world);
    peer.look(&mut world);
    assert!(peer.live(&mut world, 10));
    world.rest();
}

/// P10. smoltcp accepts a FIN beyond the window, without all the data before it.
fn p10_a_fin_beyond_the_window_ends_nothing(family: Family) {
    let (mut world, mut peer) = connected(Setup { rx: 64, tx: 64, ..Setup::new(family) });
    for len in [65, 100, 1000] {
        peer.say(&mut world, 0, len, true);
        assert_eq!((peer.place(), peer.offered), (0, 64), "the answer repeats the window");
    }
    assert_eq!(world.ours.dropped(DropReason::Overrun), 3);
    peer.say(&mut world, 0, 64, true);
    assert_eq!(peer.place(), 65, "a FIN at the end of the window is accepted");
    assert!(peer.node_closed && peer.back == pattern(0..64));
    assert!(peer.live(&mut world, 64));
    assert_eq!(world.ours.ends(), [CloseReason::Finished]);
    world.rest();
}

/// P13. After a reset handshake smoltcp's own relisten keeps that peer's segment size.
fn p13_the_next_peer_inherits_nothing(family: Family) {
    let mut world = Setup { slots: 1, rx: 4096, tx: 4096, ..Setup::new(family) }.alone();
    for (n, (wanted, size)) in
        [(Some(1400), 1400), (None, 536), (Some(100), 100), (None, 536)].into_iter().enumerate()
    {
        for hangs_up in [true, false] {
            let mut peer = Peer::new(&mut world, family, 2 * n as u16 + u16::from(hangs_up));
            world.inject(peer.syn().frame_with(if hangs_up { Some(1300) } else { wanted }));
            peer.look(&mut world);
            if hangs_up {
                let reset = peer.segment(TcpControl::Rst, peer.at(0), None, &[]);
                world.inject_and_settle(reset.frame());
                continue;
            }
            let mark = world.mark();
            peer.say(&mut world, 0, 1420, false);
            let sizes = world.sent_since(mark).filter_map(|frame| frame.tcp()).map(|tcp| tcp.len);
            assert_eq!(sizes.max(), Some(size), "{wanted:?}");
            assert!(peer.live(&mut world, 1420));
        }
    }
    world.rest();
}

/// P14. The window closes with data in flight and the window update is lost: smoltcp has no timer left, and
/// the deadline ends the connection.
fn p14_a_lost_window_update_does_not_keep_the_slot(family: Family) {
    let (mut world, mut peer) = connected(Setup::new(family));
    peer.say(&mut world, 0, 500, false);
    peer.window = 0;
    let unacked = peer.node_next.wrapping_sub(500);
    let shut = peer.segment(TcpControl::None, peer.at(500), Some(unacked), &[]);
    world.inject_and_settle(shut.frame());
    // The stall time of 30 s, behind the longest pause between two probes of a zero window.
    world.run_for(s(89));
    assert_eq!(world.ours.ends(), []);
    world.run_for(s(2));
    assert_eq!(world.ours.ends(), [CloseReason::StallTimeout]);
    world.rest();
}

/// The same with a window update in time: no byte is lost.
fn p14_a_window_that_opens_again_is_used(family: Family) {
    let (mut world, mut peer) = connected(Setup::new(family));
    peer.say(&mut world, 0, 500, false);
    let unacked = peer.node_next.wrapping_sub(500);
    let shut =
        Segment { window: 0, ..peer.segment(TcpControl::None, peer.at(500), Some(unacked), &[]) };
    world.inject_and_settle(shut.frame());
    world.run_for(s(15));
    assert!(peer.live(&mut world, 600));
    world.rest();
}

/// P14. RFC 9293 section 3.10.7.4: "if the ACK acks something not yet sent, then send an ACK, drop the
/// segment". smoltcp would drop unsent bytes instead.
fn p14_what_was_not_sent_cannot_be_acknowledged(family: Family) {
    let mut world = Setup { rx: 64, tx: 64, ..Setup::new(family) }.alone();
    let mut peer = Peer::new(&mut world, family, 1);
    peer.window = 0;
    peer.open(&mut world);
    peer.say(&mut world, 0, 64, false);
    for ahead in [2, 10, 64, 65, 1000, i32::MAX] {
        let ack = peer.node_next.wrapping_add(ahead);
        let forged = peer.segment(TcpControl::None, peer.at(64), Some(ack), &[]);
        world.inject(forged.frame());
        assert_eq!(peer.look(&mut world).len(), 1, "{ahead}");
    }
    assert_eq!(world.ours.dropped(DropReason::UnsentAck), 6);
    assert!(peer.live(&mut world, 100), "every byte is still there");
    world.rest();
}

/// P14. An out-of-order FIN is forgotten; the peer retransmits it, and both sides close.
fn p14_a_fin_that_came_too_early_comes_again(family: Family) {
    let (mut world, mut peer) = connected(Setup::new(family));
    peer.say(&mut world, 5, 10, true);
    assert_eq!(peer.place(), 0);
    peer.say(&mut world, 0, 5, false);
    assert_eq!((peer.place(), peer.back.len()), (10, 10));
    assert!(peer.live(&mut world, 10));
    assert_eq!(world.ours.ends(), [CloseReason::Finished]);
    world.rest();
}

/// P14 with a smoltcp peer: every third segment is late.
fn p14_reordered_segments_and_fins_finish(family: Family) {
    let mut world = Setup::new(family).world();
    let mut n = 0;
    world.fate = Box::new(move |_| {
        n += 1;
        if n % 3 == 0 { Fate::Late(ms(7)) } else { Fate::Deliver }
    });
    for seed in 0..20 {
        let socket = world.far.caller();
        let mut talk = Talk::new(socket, seed, 3000, Close::Early);
        world.run_until(s(60), |world| talk.pump(&mut world.far));
    }
    world.run_for(s(1));
    assert_eq!(world.ours.ended(CloseReason::Finished), 20);
    world.rest();
}

in_both_families!(
    p7_a_peer_that_has_restarted_gets_through,
    p7_p8_challenges_are_few,
    p8_an_inexact_reset_is_challenged,
    p8_an_inexact_reset_does_not_end_a_handshake,
    p10_a_fin_beyond_the_window_ends_nothing,
    p13_the_next_peer_inherits_nothing,
    p14_a_lost_window_update_does_not_keep_the_slot,
    p14_a_window_that_opens_again_is_used,
    p14_what_was_not_sent_cannot_be_acknowledged,
    p14_a_fin_that_came_too_early_comes_again,
    p14_reordered_segments_and_fins_finish,
);
