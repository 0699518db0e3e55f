//! The end of a program: `finish` closes, `abort` resets.

use crate::rig::host::Host;
use crate::rig::raw::Raw;
use crate::rig::talk::{Close, Talk};
use crate::rig::{Family, PORT, Setup, World, in_both_families, ms, s};
use smolecho::smoltcp::socket::tcp::State;
use smolecho::smoltcp::wire::{IpEndpoint, TcpControl};
use smolecho::{CloseReason, DropReason, Listener, Message};

/// A handshake, a quiet connection and one in the middle of 20,000 bytes.
fn busy(family: Family) -> (World<Host>, Raw, [Talk; 2]) {
    let mut world = Setup::new(family).world();
    let mut raw = Raw::new(&mut world, family, 1);
    raw.knock(&mut world).expect("a SYN-ACK");
    raw.seq += 1;
    let mut talks = [(0, 0), (1, 20_000)].map(|(seed, len)| {
        let socket = world.far.socket(4096, 32_768);
        world.far.connect(socket);
        Talk::new(socket, seed, len, Close::Second)
    });
    world.run_until(s(2), |world| {
        talks[0].pump(&mut world.far);
        talks[1].pump(&mut world.far);
        talks[1].back > 5000
    });
    (world, raw, talks)
}

fn finish_echoes_what_has_arrived_and_closes(family: Family) {
    let mut world = Setup::new(family).world();
    let caller = world.far.caller();
    let quiet = world.far.caller();
    world.run_until(s(1), |world| world.stats().accepted == 2);
    world.far.send(caller, &[7; 2000]);
    // The node has the bytes; their echo is not back yet.
    world.run_until(s(1), |world| world.stats().bytes_received == 2000);
    world.finish();
    world.run_until(s(1), |world| world.far.state(caller) == State::CloseWait);
    assert_eq!(world.far.recv(caller), [7; 2000]);
    world.far.get(caller).close();
    world.far.get(quiet).close();
    world.run_for(s(11));
    assert_eq!(world.ours.ends(), [CloseReason::Finished; 2]);
    world.assert_all_free();
}

fn after_finish_no_connection_is_accepted(family: Family) {
    let mut world = Setup::new(family).world();
    world.finish();
    let caller = world.far.caller();
    world.run_until(s(1), |world| world.far.state(caller) == State::Closed);
    assert_eq!(world.ours.dropped(DropReason::NoListener), 1);
    world.ours.node.listen(Listener::new(PORT, 1)).unwrap();
    world.far.connect(caller);
    world.run_until(s(1), |world| world.far.is_established(caller));
}

/// A pending handshake is closed too, or the program would wait for it for ever.
fn finish_closes_a_handshake_that_completes_later(family: Family) {
    let (mut world, mut raw, _) = busy(family);
    world.finish();
    raw.send(&mut world, TcpControl::None, &[]);
    raw.take(&mut world);
    raw.send(&mut world, TcpControl::Fin, &[]);
    raw.take(&mut world);
    world.run_for(s(100));
    world.assert_all_free();
}

fn finish_leaves_nothing_behind_even_of_a_handshake(family: Family) {
    let (mut world, mut raw, _) = busy(family);
    let mark = world.mark();
    world.finish();
    raw.send(&mut world, TcpControl::None, &[]);
    let closed = |world: &World| {
        world
            .sent_since(mark)
            .filter_map(|frame| frame.tcp())
            .any(|tcp| tcp.to == raw.me && (tcp.fin || tcp.rst))
    };
    assert!(closed(&world), "accepted after finish, and left open");
}

fn finish_under_traffic_ends_every_connection(family: Family) {
    let (mut world, _, talks) = busy(family);
    world.finish();
    for talk in talks {
        world.far.get(talk.socket).close();
    }
    world.run_for(s(100));
    assert_eq!(world.ours.node.occupancy().open, 0);
    world.assert_all_free();
}

fn finish_ends_a_call_of_ours(family: Family) {
    let mut world = Setup::new(family).world();
    let server = world.far.listener(7);
    world.connect(IpEndpoint::new(family.far(), 7), Message::repeated(b"x", 1 << 20));
    world.run_until(s(1), |world| world.far.get(server).recv_queue() == 4096);
    world.finish();
    world.run_until(s(5), |world| {
        world.far.recv(server);
        world.far.state(server) == State::CloseWait
    });
    world.far.get(server).close();
    world.run_for(s(11));
    assert_eq!(world.ours.ends(), [CloseReason::Short]);
    world.assert_all_free();
}

fn abort_resets_every_connection(family: Family) {
    let (mut world, raw, talks) = busy(family);
    let peers = talks.each_ref().map(|talk| world.far.endpoint(talk.socket));
    let mark = world.mark();
    world.abort();
    world.run_for(s(3));
    assert_eq!(world.ours.ended(CloseReason::Aborted), 2);
    assert_eq!(world.ours.ended(CloseReason::HandshakeDropped), 1);
    assert_eq!(world.resets_since(mark, peers[0]), 1);
    // Segments on their way to the busy connection are also answered with resets.
    assert!(world.resets_since(mark, peers[1]) >= 1);
    for talk in talks {
        assert_eq!(world.far.state(talk.socket), State::Closed);
    }
    assert_eq!(world.resets_since(mark, raw.me), 0);
    world.assert_all_free();
    let caller = world.far.caller();
    world.run_until(s(1), |world| world.far.state(caller) == State::Closed);
    world.run_for(ms(10));
    assert_eq!(world.ours.dropped(DropReason::NoListener), 1);
}

in_both_families!(
    finish_echoes_what_has_arrived_and_closes,
    after_finish_no_connection_is_accepted,
    finish_closes_a_handshake_that_completes_later,
    finish_leaves_nothing_behind_even_of_a_handshake,
    finish_under_traffic_ends_every_connection,
    finish_ends_a_call_of_ours,
    abort_resets_every_connection,
);
