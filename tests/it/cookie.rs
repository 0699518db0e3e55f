//! SYN cookies (RFC 4987 section 3.6): with a full backlog only a peer that acknowledges a cookie gets in.

use crate::rig::frames::{Segment, Tcp, mend_checksums, who_has};
use crate::rig::pattern::pattern;
use crate::rig::peer::Peer;
use crate::rig::raw::Raw;
use crate::rig::talk::{Close, Talk};
use crate::rig::{
    Family, Nobody, PORT, Port, Setup, Station, World, in_both_families, memory, ms, s,
};
use smolecho::smoltcp::time::Instant;
use smolecho::smoltcp::wire::{IpEndpoint, TcpControl};
use smolecho::{CloseReason, DropReason, Listener, Node};

fn setup(family: Family) -> Setup {
    Setup { backlog: 1, slots: 4, ..Setup::new(family) }
}

/// Fills the backlog until the handshake deadline, 10 s.
fn fill<F: Station>(world: &mut World<F>, family: Family) {
    while world.ours.node.occupancy().half_open == 0 {
        world.inject_and_settle(Raw::unknown(family, 999).syn().frame());
    }
}

/// A listening node with a full backlog, and a peer with a cookie.
fn given(family: Family) -> (World<Nobody>, Peer) {
    given_by(setup(family))
}

fn given_by(setup: Setup) -> (World<Nobody>, Peer) {
    let family = setup.family;
    let mut world = setup.alone();
    fill(&mut world, family);
    let mut peer = Peer::new(&mut world, family, 1);
    assert!(peer.knock(&mut world));
    assert_eq!((world.stats().cookies_given, world.ours.node.occupancy().half_open), (1, 1));
    (world, peer)
}

/// The ACK that completes the handshake.
fn ack(peer: &Peer) -> Segment<'static> {
    peer.segment(TcpControl::None, peer.at(0), Some(peer.expects), &[])
}

/// A segment without a valid cookie: `resets` resets and no other effect.
#[track_caller]
fn is_nothing(world: &mut World<Nobody>, segment: Segment<'_>, resets: usize) {
    let (mark, pool) = (world.mark(), world.ours.node.occupancy());
    world.inject_and_settle(segment.frame());
    let answers: Vec<Tcp> = world.sent_since(mark).filter_map(|frame| frame.tcp()).collect();
    assert!(answers.len() == resets && answers.iter().all(|tcp| tcp.rst), "{answers:?}");
    assert_eq!(world.ours.node.occupancy(), pool);
    assert_eq!((world.stats().accepted, world.stats().cookies_returned), (0, 0));
}

fn forget_resets(mut peer: Peer, world: &mut World<Nobody>) -> Peer {
    peer.look(world);
    peer.reset = false;
    peer
}

fn ten_thousand_spoofed_syns_between_a_syn_and_its_ack(family: Family) {
    let mut world = setup(family).alone();
    fill(&mut world, family);
    let mut peer = Peer::new(&mut world, family, 1);
    assert!(peer.knock(&mut world));
    for n in 0..10_000_u16 {
        let from = IpEndpoint::new(family.stranger(n % 5000), 1024 + n);
        world.inject(Segment::syn(from, family.server()).frame());
    }
    peer.say(&mut world, 0, 0, false);
    assert_eq!(world.stats().accepted, 1);
    assert!(peer.live(&mut world, 100));
    assert_eq!((world.stats().cookies_given, world.stats().cookies_returned), (10_001, 1));
    world.rest();
}

fn a_cookie_with_any_bit_changed_is_none(family: Family) {
    let (mut world, peer) = given(family);
    for bit in 0..32 {
        let other = Some(peer.expects ^ (1 << bit));
        is_nothing(&mut world, Segment { ack: other, ..ack(&peer) }, 1);
        is_nothing(&mut world, Segment { seq: peer.at(0) ^ (1 << bit), ..ack(&peer) }, 1);
    }
    for control in [TcpControl::Syn, TcpControl::Rst] {
        let resets = usize::from(control == TcpControl::Syn);
        is_nothing(&mut world, Segment { control, ..ack(&peer) }, resets);
    }
    let mut peer = forget_resets(peer, &mut world);
    peer.say(&mut world, 0, 0, false);
    assert_eq!(world.stats().cookies_returned, 1, "unchanged it is one");
    assert!(peer.live(&mut world, 10));
    world.rest();
}

fn a_cookie_of_another_tuple_is_none(family: Family) {
    let (mut world, peer) = given(family);
    let other = Peer::new(&mut world, family, 2);
    let (mine, theirs) = (peer.me, other.me);
    for from in [IpEndpoint { port: theirs.port, ..mine }, IpEndpoint { addr: theirs.addr, ..mine }]
    {
        is_nothing(&mut world, Segment { from, ..ack(&peer) }, 1);
    }
    world.rest();
}

/// A segment without the ACK bit acknowledges nothing, and one with a wrong checksum proves nothing.
fn what_is_no_acknowledgement_brings_no_cookie_back(family: Family) {
    // A valid cookie would take the only slot from the handshake in it.
    let (mut world, peer) = given_by(Setup { slots: 1, ..setup(family) });
    let mut bare = ack(&peer).frame();
    let flags = bare.len() - 20 + 13;
    bare[flags] = 0;
    mend_checksums(&mut bare);
    let mut damaged = ack(&peer).frame();
    damaged[flags + 3] ^= 1;
    for frame in [bare, damaged] {
        world.inject_and_settle(frame);
        assert_eq!(world.ours.node.occupancy().half_open, 1, "the handshake before it stays");
        assert_eq!((world.stats().cookies_returned, world.ours.ends().len()), (0, 0));
    }
    world.rest();
}

fn a_cookie_is_good_for_a_minute_and_not_for_two(family: Family) {
    for (age, good) in [(s(63), true), (s(128), false), (s(200), false), (s(2048), false)] {
        let (mut world, mut peer) = given(family);
        world.run_for(age - ms(500));
        // Cookies are still being given, so only the age decides.
        fill(&mut world, family);
        assert!(Peer::new(&mut world, family, 2).knock(&mut world));
        world.run_for(ms(500));
        world.inject_and_settle(who_has(peer.me.addr, family.node()));
        if good {
            peer.say(&mut world, 0, 0, false);
            assert!(peer.live(&mut world, 10));
        } else {
            is_nothing(&mut world, ack(&peer), 1);
        }
        world.rest();
    }
}

/// A cookie stays valid for its time, so an old duplicate can take one slot again, until the peer resets it
/// or its deadline. During the connection it has no effect.
fn a_replayed_cookie_does_no_harm(family: Family) {
    let (mut world, mut peer) = given(family);
    let replay = ack(&peer).frame();
    peer.say(&mut world, 0, 0, false);
    peer.say(&mut world, 0, 5, false);
    for _ in 0..3 {
        world.inject_and_settle(replay.clone());
    }
    assert!(peer.live(&mut world, 10));
    assert_eq!((world.stats().accepted, world.ours.ends()), (1, vec![CloseReason::Finished]));
    for _ in 0..3 {
        world.inject_and_settle(replay.clone());
    }
    assert!(world.ours.node.occupancy().open <= 1);
    // The peer has no such connection any more and resets it.
    let reset = peer.segment(TcpControl::Rst, peer.at(0), None, &[]).frame();
    world.inject_and_settle(reset);
    assert_eq!(world.ours.node.occupancy().open, 0);
    world.rest();
}

fn data_and_fin_may_come_with_the_cookie(family: Family) {
    for (to, fin) in [(0, true), (1, false), (1000, false), (1000, true)] {
        let (mut world, mut peer) = given(family);
        peer.say(&mut world, 0, to, fin);
        assert_eq!(world.stats().cookies_returned, 1);
        assert_eq!(peer.back, pattern(0..to));
        assert!(peer.live(&mut world, to), "{to} {fin}");
        assert_eq!(world.ours.ended(CloseReason::Finished), 1);
        world.rest();
    }
}

/// More data than the window in the SYN-ACK: there is no connection yet to trim it.
fn a_fin_beyond_the_window_brings_no_cookie_back(family: Family) {
    let (mut world, peer) = given_by(Setup { rx: 64, tx: 64, ..setup(family) });
    let text = pattern(0..65);
    let long = peer.segment(TcpControl::Fin, peer.at(0), Some(peer.expects), &text);
    is_nothing(&mut world, long, 0);
    let mut peer = forget_resets(peer, &mut world);
    peer.say(&mut world, 0, 64, true);
    assert!(peer.live(&mut world, 64));
    assert_eq!((peer.back.len(), world.ours.ended(CloseReason::Finished)), (64, 1));
    world.rest();
}

/// The slot is not known yet, so the window is that of the smallest buffer.
fn a_cookie_promises_what_every_slot_has_room_for(family: Family) {
    let setup = setup(family);
    let mut world = setup.clone().alone();
    let lent = memory(4, 2048, 2048, 2048);
    lent.slots[2..].swap_with_slice(memory(2, 64, 64, 64).slots);
    let config = setup.config();
    let node = Node::new(&config, lent, &mut Port::default(), Instant::ZERO);
    world.ours.node = node.expect("a configuration that fits");
    world.ours.node.listen(Listener::new(PORT, 1)).expect("a free port");
    fill(&mut world, family);
    let mut peer = Peer::new(&mut world, family, 1);
    assert!(peer.knock(&mut world));
    assert_eq!((world.stats().cookies_given, peer.offered), (1, 64));
    assert!(peer.live(&mut world, 1000));
    world.rest();
}

/// The handshake's ACK is lost, and the second piece of data comes first.
fn a_cookie_comes_back_only_with_the_first_number(family: Family) {
    let (mut world, peer) = given(family);
    is_nothing(
        &mut world,
        peer.segment(TcpControl::None, peer.at(500), Some(peer.expects), b"later"),
        1,
    );
    let mut peer = forget_resets(peer, &mut world);
    assert!(peer.live(&mut world, 600));
    world.rest();
}

/// RFC 9293 section 3.7.1. A size below 536 counts as 536, as on Linux: two bits of the cookie encode it.
fn the_segment_size_is_respected(family: Family) {
    let ours = if family == Family::V4 { 1460 } else { 1440 };
    let wanted = [None, Some(536), Some(1219), Some(1220), Some(1439), Some(1440), Some(1459)];
    let wanted = wanted.into_iter().chain([Some(1460), Some(9000), Some(65_535)]);
    for (wanted, size) in wanted.zip([536, 536, 536, 1220, 1220, 1440, 1440, 1460, 1460, 1460]) {
        let mut world = Setup { rx: 8192, tx: 8192, ..setup(family) }.alone();
        fill(&mut world, family);
        let mut peer = Peer::new(&mut world, family, 1);
        let mark = world.mark();
        world.inject(peer.syn().frame_with(wanted));
        peer.look(&mut world);
        let syn_ack = world.sent_since(mark).last().unwrap();
        assert!(syn_ack.bytes.ends_with(&[2, 4, (ours >> 8) as u8, ours as u8]));
        for place in [0, 1000, 2000] {
            peer.say(&mut world, place, place + 1000, false);
        }
        let mark = world.mark();
        let answers = peer.look(&mut world);
        assert!(answers.is_empty());
        // With its window closed the peer then gets a burst of full segments when it opens.
        peer.window = 0;
        peer.say(&mut world, 3000, 3000, false);
        for place in [3000, 4000, 5000] {
            peer.say(&mut world, place, place + 1000, false);
        }
        peer.window = 65_535;
        peer.say(&mut world, 6000, 6000, false);
        let largest = world.sent_since(mark).filter_map(|frame| frame.tcp()).map(|tcp| tcp.len);
        assert_eq!(largest.max(), Some(size.min(ours)), "{wanted:?}");
        assert!(peer.live(&mut world, 6000));
        world.rest();
    }
}

fn a_mebibyte_both_ways_over_a_revived_connection(family: Family) {
    let mut world = Setup { rx: 65_535, tx: 65_535, ..setup(family) }.world();
    fill(&mut world, family);
    let socket = world.far.socket(65_535, 65_535);
    world.far.connect(socket);
    let mut talk = Talk::new(socket, 7, 1 << 20, Close::Early);
    world.run_until(s(60), |world| talk.pump(&mut world.far));
    assert_eq!((world.stats().cookies_returned, world.stats().bytes_sent), (1, 1 << 20));
    world.rest();
}

/// Fails if smoltcp ever draws its initial sequence numbers differently: then `seed_for` is wrong.
fn the_revived_connection_goes_on_from_the_cookie(family: Family) {
    let mut world = setup(family).alone();
    for n in 0.. {
        if world.stats().cookies_returned == 1000 {
            break;
        }
        fill(&mut world, family);
        let mut peer = Peer::new(&mut world, family, n);
        assert!(peer.knock(&mut world));
        let after_cookie = peer.expects;
        peer.say(&mut world, 0, 3, false);
        assert_eq!(peer.back.len(), 3, "cookie {:#x}", after_cookie.wrapping_sub(1));
        assert_eq!(peer.expects, after_cookie.wrapping_add(3));
        assert!(peer.live(&mut world, 3));
    }
    assert_eq!(world.stats().cookies_given, 1000);
    world.rest();
}

/// A cookie reserves no slot.
fn a_full_pool_refuses_a_returned_cookie(family: Family) {
    let (mut world, mut peer) = given(family);
    let mut inside: Vec<_> = (10..13).map(|n| Peer::new(&mut world, family, n)).collect();
    for other in &mut inside {
        other.open(&mut world);
    }
    // The handshake in the backlog has the last slot. Its peer may have completed it already, so it gives
    // way only when it is a second old; until then the cookie waits, and is not reset.
    let mut last = Peer::new(&mut world, family, 13);
    assert!(last.knock(&mut world));
    last.say(&mut world, 0, 0, false);
    assert!(!last.reset && world.ours.node.occupancy().half_open == 1);
    assert_eq!(world.ours.dropped(DropReason::Full), 1);
    world.run_for(s(1));
    last.say(&mut world, 0, 0, false);
    assert_eq!(world.ours.node.occupancy().open, 4);
    peer.say(&mut world, 0, 0, false);
    assert!(peer.reset);
    assert_eq!(world.ours.dropped(DropReason::Full), 2);
    assert!(inside[0].live(&mut world, 10));
    peer.reset = false;
    peer.say(&mut world, 0, 0, false);
    assert!(peer.live(&mut world, 10), "the same cookie, once there is a slot");
    world.rest();
}

/// A peer with a cookie whose retransmitted SYN found a free slot: it also has a handshake.
fn given_twice(family: Family) -> (World<Nobody>, Peer) {
    let (mut world, mut peer) = given(family);
    let cookie = peer.expects;
    world.run_for(s(11));
    assert_eq!(world.ours.node.occupancy().half_open, 0, "the flood's deadline is over");
    let mark = world.mark();
    world.inject_and_settle(peer.syn().frame());
    let answer = world.sent_since(mark).find_map(|frame| frame.tcp());
    assert!(answer.is_some_and(|tcp| tcp.syn && tcp.seq.0 != cookie.wrapping_sub(1)));
    assert_eq!(world.ours.node.occupancy().half_open, 1);
    peer.seen = world.mark();
    (world, peer)
}

/// Found by the simulator, scenario `replay`, seed 0: the peer acknowledges the cookie.
fn a_cookie_is_taken_over_a_handshake_of_the_same_peer(family: Family) {
    let (mut world, mut peer) = given_twice(family);
    world.inject_and_settle(ack(&peer).frame());
    assert_eq!((world.stats().accepted, world.stats().cookies_returned), (1, 1));
    assert_eq!(world.stats().ended(CloseReason::HandshakeDropped), 1);
    assert!(peer.live(&mut world, 100));
    world.rest();
}

/// Scenario `everything`, seed 1026795: a later segment may overtake the one with the cookie.
fn a_later_segment_brings_the_cookie_of_a_handshake_back(family: Family) {
    let (mut world, mut peer) = given_twice(family);
    let later = peer.segment(TcpControl::None, peer.at(40), Some(peer.expects), &[]);
    world.inject_and_settle(later.frame());
    assert_eq!((world.stats().accepted, world.stats().cookies_returned), (1, 1));
    assert!(peer.live(&mut world, 100));
    world.rest();
}

/// Before any cookie is given none is valid, whatever its number.
fn without_a_flood_no_number_is_a_cookie(family: Family) {
    let (_, peer) = given(family);
    let mut world = setup(family).alone();
    let unasked = Peer::new(&mut world, family, 1);
    assert_eq!(unasked.me, peer.me);
    is_nothing(&mut world, ack(&peer), 1);
    world.rest();
}

in_both_families!(
    ten_thousand_spoofed_syns_between_a_syn_and_its_ack,
    a_cookie_with_any_bit_changed_is_none,
    a_cookie_of_another_tuple_is_none,
    what_is_no_acknowledgement_brings_no_cookie_back,
    a_cookie_is_good_for_a_minute_and_not_for_two,
    a_replayed_cookie_does_no_harm,
    data_and_fin_may_come_with_the_cookie,
    a_fin_beyond_the_window_brings_no_cookie_back,
    a_cookie_promises_what_every_slot_has_room_for,
    a_cookie_comes_back_only_with_the_first_number,
    the_segment_size_is_respected,
    a_mebibyte_both_ways_over_a_revived_connection,
    the_revived_connection_goes_on_from_the_cookie,
    a_full_pool_refuses_a_returned_cookie,
    a_cookie_is_taken_over_a_handshake_of_the_same_peer,
    a_later_segment_brings_the_cookie_of_a_handshake_back,
    without_a_flood_no_number_is_a_cookie,
);
