//! Without a free slot: connections that give way to a new one, in order, and those that never do.

use crate::rig::peer::Peer;
use crate::rig::raw::Raw;
use crate::rig::{Family, Nobody, Setup, World, in_both_families, ms, s};
use smolecho::smoltcp::wire::{IpEndpoint, TcpControl};
use smolecho::{CloseReason, DropReason, TcpService, WhenFull};

fn knocks(world: &mut World<Nobody>, family: Family, n: u16) -> (Peer, bool) {
    let mut peer = Peer::new(world, family, n);
    let heard = peer.knock(world);
    (peer, heard)
}

/// A connection that the node has closed first.
fn in_time_wait(world: &mut World<Nobody>, family: Family, n: u16) -> Peer {
    let mut peer = Peer::new(world, family, n);
    peer.open(world);
    assert!(peer.live(world, 4));
    peer
}

fn scene(family: Family) -> World<Nobody> {
    let base = Setup::new(family);
    Setup { slots: 3, service: TcpService::Once, syn_cookies: false, ..base }.alone()
}

/// TIME-WAIT by RFC 9293 section 3.6.1, then handshakes by RFC 4987 section 3.4.
fn time_wait_gives_way_before_handshakes_and_connections_never(family: Family) {
    let mut world = scene(family);
    in_time_wait(&mut world, family, 1);
    let (mut old, _) = knocks(&mut world, family, 2);
    let mut inside = Peer::new(&mut world, family, 3);
    inside.open(&mut world);
    world.run_for(ms(1500));

    let (_, heard) = knocks(&mut world, family, 4);
    assert!(
        heard
            && world.stats().recycled == 1
            && world.ours.ended(CloseReason::HandshakeDropped) == 0
    );
    let (_, heard) = knocks(&mut world, family, 5);
    assert!(heard && world.ours.ended(CloseReason::HandshakeDropped) == 1);
    old.say(&mut world, 0, 0, false);
    assert!(old.reset, "the oldest handshake is gone");

    // A handshake younger than a second may be an honest peer's and stays.
    let (late, heard) = knocks(&mut world, family, 6);
    assert!(!heard && late.reset && world.ours.dropped(DropReason::Full) == 1);
    world.run_for(s(1));
    let (mut late, heard) = knocks(&mut world, family, 6);
    assert!(heard && world.ours.ended(CloseReason::HandshakeDropped) == 2);
    late.say(&mut world, 0, 0, false);
    assert!(late.live(&mut world, 4) && inside.live(&mut world, 4));
    world.rest();
}

fn the_oldest_time_wait_is_taken_first(family: Family) {
    let mut world = scene(family);
    let peers = [1, 2, 3].map(|n| {
        world.run_for(s(1));
        in_time_wait(&mut world, family, n)
    });
    knocks(&mut world, family, 4);
    assert_eq!(world.stats().recycled, 1);
    // Only a connection in TIME-WAIT acknowledges a retransmitted FIN (RFC 9293 section 3.10.7.4).
    let answers = peers.map(|mut peer| {
        let fin = peer.segment(TcpControl::Fin, peer.at(4), Some(peer.expects), &[]);
        world.inject(fin.frame());
        peer.look(&mut world);
        peer.reset
    });
    assert_eq!(answers, [true, false, false]);
    world.rest();
}

fn no_connection_is_evicted_unless_configured(family: Family) {
    let mut world = Setup { slots: 1, ..Setup::new(family) }.alone();
    let mut inside = Peer::new(&mut world, family, 1);
    inside.open(&mut world);
    world.run_for(s(60));
    let (late, heard) = knocks(&mut world, family, 2);
    assert!(!heard && late.reset);
    assert!(inside.live(&mut world, 10));
    world.rest();
}

/// Three connections; the second is idle longest.
fn crowd(setup: Setup) -> (World<Nobody>, [Peer; 3]) {
    let family = setup.family;
    let mut world = Setup { slots: 3, evict_idle: true, ..setup }.alone();
    let mut peers = [1, 2, 3].map(|n| {
        let mut peer = Peer::new(&mut world, family, n);
        peer.open(&mut world);
        world.run_for(s(5));
        peer
    });
    peers[0].say(&mut world, 0, 10, false);
    peers[0].say(&mut world, 10, 10, false);
    (world, peers)
}

/// The reset leaves before the slot is reused.
fn the_longest_idle_is_evicted_if_configured(family: Family) {
    for syn_cookies in [true, false] {
        let (mut world, mut peers) = crowd(Setup { syn_cookies, ..Setup::new(family) });
        let mut late = Peer::new(&mut world, family, 4);
        // The new peer gets no reset and retransmits until the slot is free.
        let heard = (0..3).any(|_| late.knock(&mut world));
        assert!(heard && !late.reset);
        late.say(&mut world, 0, 0, false);
        assert!(late.live(&mut world, 20));
        assert_eq!(world.ours.ended(CloseReason::IdleEvicted), 1);
        assert_eq!(world.resets_since(0, peers[1].me), 1, "one reset for the evicted peer");
        let [first, _, third] = &mut peers;
        for peer in [first, third] {
            assert!(peer.live(&mut world, 20));
        }
        world.rest();
    }
}

/// A SYN in the same poll does not take the slot before the reset has left.
fn an_evicted_peer_is_reset_even_when_many_come_at_once(family: Family) {
    let (mut world, peers) = crowd(Setup { syn_cookies: false, ..Setup::new(family) });
    let newcomers = [4, 5, 6].map(|n| Peer::new(&mut world, family, n));
    for peer in &newcomers {
        world.inject(peer.syn().frame());
    }
    world.run_for(ms(10));
    let resets = peers.map(|peer| world.resets_since(0, peer.me));
    assert_eq!(resets.iter().sum::<usize>() as u64, world.ours.ended(CloseReason::IdleEvicted));
    world.rest();
}

/// A SYN proves no address: with cookies only a returned cookie evicts a connection.
fn spoofed_syns_evict_no_connection(family: Family) {
    let (mut world, mut peers) = crowd(Setup::new(family));
    for n in 0..100 {
        world.inject_and_settle(Raw::unknown(family, n).syn().frame());
    }
    assert_eq!(world.ours.ends(), []);
    for peer in &mut peers {
        assert!(peer.live(&mut world, 20));
    }
    world.rest();
}

fn a_source_has_no_more_than_its_share(family: Family) {
    for when_full in [WhenFull::Reset, WhenFull::Silence] {
        let setup = Setup { slots: 8, per_source: Some(2), when_full, ..Setup::new(family) };
        let mut world = setup.alone();
        let mut peers = [1, 2, 3].map(|n| {
            let peer = Peer::new(&mut world, family, 1);
            Peer { me: IpEndpoint { port: 10_000 + n, ..peer.me }, ..peer }
        });
        let [half_open, inside, late] = &mut peers;
        assert!(half_open.knock(&mut world));
        inside.open(&mut world);
        assert!(!late.knock(&mut world), "a handshake counts");
        assert_eq!(late.reset, when_full == WhenFull::Reset);
        assert_eq!(world.ours.dropped(DropReason::SourceCap), 1);

        let mut other = Peer::new(&mut world, family, 2);
        other.open(&mut world);
        assert!(other.live(&mut world, 10), "another source has its own cap");
        assert!(inside.live(&mut world, 10));
        late.reset = false;
        late.open(&mut world);
        assert!(late.live(&mut world, 10));
        world.rest();
    }
}

/// The cap holds when a cookie is given and when it returns.
fn a_cookie_is_no_way_round_the_share(family: Family) {
    let setup = Setup { backlog: 1, per_source: Some(1), ..Setup::new(family) };
    let mut world = setup.alone();
    let mut peers = [1, 2].map(|n| {
        let peer = Peer::new(&mut world, family, 1);
        Peer { me: IpEndpoint { port: 10_000 + n, ..peer.me }, ..peer }
    });
    knocks(&mut world, family, 9);
    for peer in &mut peers {
        assert!(peer.knock(&mut world));
    }
    assert_eq!(world.stats().cookies_given, 2);
    for peer in &mut peers {
        peer.say(&mut world, 0, 0, false);
    }
    assert_eq!((world.stats().accepted, world.ours.dropped(DropReason::SourceCap)), (1, 1));
    assert!(!peers[0].reset && peers[1].reset);
    assert!(!peers[1].knock(&mut world));
    assert_eq!(world.stats().cookies_given, 2);
    world.rest();
}

in_both_families!(
    time_wait_gives_way_before_handshakes_and_connections_never,
    the_oldest_time_wait_is_taken_first,
    no_connection_is_evicted_unless_configured,
    the_longest_idle_is_evicted_if_configured,
    an_evicted_peer_is_reset_even_when_many_come_at_once,
    spoofed_syns_evict_no_connection,
    a_source_has_no_more_than_its_share,
    a_cookie_is_no_way_round_the_share,
);
