//! The TCP client: connect, send, recv, verify, close, and each way in which that can fail.

use crate::rig::host::Host;
use crate::rig::raw::Raw;
use crate::rig::{Family, Ours, PORT, Port, Setup, World, in_both_families, ms, s};
use smolecho::smoltcp::iface::SocketHandle;
use smolecho::smoltcp::socket::tcp::State;
use smolecho::smoltcp::time::Instant;
use smolecho::smoltcp::wire::{IpAddress, IpEndpoint};
use smolecho::{CloseReason, ConnectError, Message, TcpService};

const HELLO: &[u8] = b"Hello, Server!";

/// The client's node and a serving node at the far end.
#[track_caller]
fn verified(setup: Setup, message: Message<'static>) -> World<Ours> {
    let family = setup.family;
    let mut world = setup.two_nodes();
    world.connect(IpEndpoint::new(family.far(), PORT), message);
    world.run_until(s(600), |world| !world.ours.ends().is_empty() && !world.far.ends().is_empty());
    assert_eq!(
        (world.ours.ends(), world.far.ends()),
        (vec![CloseReason::Finished], vec![CloseReason::Finished])
    );
    for stats in [world.stats(), world.far.stats()] {
        assert_eq!((stats.bytes_sent, stats.bytes_received), (message.len(), message.len()));
    }
    world
}

fn the_dialogue_is_verified_in_both_flows(family: Family) {
    for service in [TcpService::Stream, TcpService::Once] {
        let setup = Setup { service, ..Setup::new(family) };
        let mut world = verified(setup, Message::new(HELLO));
        world.run_for(s(11));
        world.assert_all_free();
        assert_eq!(world.far.node.occupancy().free, 8);
    }
}

fn a_long_pattern_is_verified(family: Family) {
    let setup = Setup { rx: 65_535, tx: 65_535, scratch: 4096, ..Setup::new(family) };
    verified(setup.clone(), Message::repeated(b"0123456789 and so on.", 3 << 20));
    verified(setup, Message::repeated(b"0123456789 and so on.", 1 << 20).half_close());
}

fn any_size_is_verified_with_small_buffers(family: Family) {
    for len in [0, 1, 6, 7, 8, 1500] {
        for message in [Message::repeated(b"abc", len), Message::repeated(b"abc", len).half_close()]
        {
            verified(Setup { rx: 7, tx: 5, scratch: 3, ..Setup::new(family) }, message);
        }
    }
}

fn half_close_sends_the_fin_before_the_echo_is_back(family: Family) {
    let world = verified(Setup::new(family), Message::new(HELLO).half_close());
    let fins = world.trace.iter().filter_map(|frame| frame.tcp().filter(|tcp| tcp.fin));
    assert_eq!(fins.map(|tcp| tcp.len).next(), Some(HELLO.len()));
}

fn eight_at_once_are_verified(family: Family) {
    let mut world = Setup::new(family).two_nodes();
    for _ in 0..8 {
        let server = IpEndpoint::new(family.far(), PORT);
        world.connect(server, Message::repeated(b"each of us", 30_000));
    }
    world.run_until(s(60), |world| world.ours.ended(CloseReason::Finished) == 8);
}

/// The client's connection to a host whose socket the test controls.
fn called(family: Family, message: Message<'static>) -> (World<Host>, SocketHandle) {
    let mut world = Setup::new(family).world();
    let server = world.far.listener(7);
    world.connect(IpEndpoint::new(family.far(), 7), message);
    world.run_until(s(1), |world| world.far.get(server).recv_queue() as u64 == message.len());
    (world, server)
}

#[track_caller]
fn ends(world: &mut World<Host>, end: CloseReason) {
    world.run_until(s(400), |world| !world.ours.ends().is_empty());
    assert_eq!(world.ours.ends(), [end]);
    world.run_for(s(11));
    assert_eq!(world.ours.ends(), [end]);
    world.assert_all_free();
}

fn the_server_hears_the_pattern_again_and_again(family: Family) {
    const PATTERN: &[u8] = b"of a length that divides nothing";
    let mut world = Setup::new(family).world();
    let server = world.far.listener(7);
    let message = Message::repeated(PATTERN, 100_000).half_close();
    world.connect(IpEndpoint::new(family.far(), 7), message);
    let mut heard = Vec::new();
    world.run_until(s(10), |world| {
        let piece = world.far.recv(server);
        let _ = world.far.get(server).send_slice(&piece);
        heard.extend(piece);
        heard.len() == 100_000
    });
    assert!(heard.iter().eq(PATTERN.iter().cycle().take(100_000)));
}

fn a_closed_port_refuses(family: Family) {
    let mut world = Setup::new(family).world();
    world.connect(IpEndpoint::new(family.far(), 9), Message::new(HELLO));
    let begin = world.now;
    ends(&mut world, CloseReason::ConnectRefused);
    assert!(world.now - begin < s(12), "before any deadline");
    assert_eq!(world.stats().connected, 0);
}

fn an_address_that_never_answers_is_given_up(family: Family) {
    let mut world = Setup::new(family).world();
    world.connect(IpEndpoint::new(family.stranger(1), 7), Message::new(HELLO));
    world.run_for(ms(9_900));
    assert_eq!(world.ours.ends(), []);
    ends(&mut world, CloseReason::HandshakeTimeout);
}

fn a_silent_host_is_asked_again_and_then_given_up(family: Family) {
    let mut world = Setup::new(family).world();
    let silent = Raw::new(&mut world, family, 1);
    let mark = world.mark();
    world.connect(silent.me, Message::new(HELLO));
    ends(&mut world, CloseReason::HandshakeTimeout);
    let syns = world.sent_since(mark).filter(|frame| frame.tcp().is_some_and(|tcp| tcp.syn));
    assert!(syns.count() >= 3);
}

fn a_network_without_a_route_is_given_up(family: Family) {
    let mut world = Setup::new(family).world();
    let far_away = match family {
        Family::V4 => IpAddress::v4(192, 0, 2, 1),
        Family::V6 => IpAddress::v6(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1),
    };
    world.connect(IpEndpoint::new(far_away, 7), Message::new(HELLO));
    ends(&mut world, CloseReason::HandshakeTimeout);
}

fn wrong_bytes_are_noticed_and_the_peer_is_reset(family: Family) {
    for answer in [b"Hello, server!".as_slice(), b"hello", b"Hello, Server?"] {
        let (mut world, server) = called(family, Message::new(HELLO));
        let peer = IpEndpoint::new(family.far(), 7);
        world.far.recv(server);
        world.far.send(server, answer);
        ends(&mut world, CloseReason::Mismatch);
        assert_eq!(world.resets_since(0, peer), 1);
        assert_eq!(world.far.state(server), State::Closed);
    }
}

fn more_than_was_said_is_a_mismatch(family: Family) {
    let (mut world, server) = called(family, Message::new(HELLO));
    world.far.recv(server);
    world.far.send(server, b"Hello, Server! And more.");
    ends(&mut world, CloseReason::Mismatch);
}

/// The same in a later segment, when the echo is verified and the client's side is closed.
fn more_than_was_said_is_a_mismatch_however_late(family: Family) {
    let (mut world, server) = called(family, Message::new(HELLO));
    world.far.recv(server);
    world.far.send(server, HELLO);
    world.run_for(s(1));
    assert_eq!(world.ours.ends(), []);
    world.far.send(server, b" And more.");
    ends(&mut world, CloseReason::Mismatch);
}

fn an_answer_before_anything_was_said_is_a_mismatch(family: Family) {
    let mut world = Setup::new(family).world();
    let server = world.far.listener(7);
    world.connect(IpEndpoint::new(family.far(), 7), Message::repeated(b"x", 100_000));
    world.run_until(s(1), |world| world.far.get(server).recv_queue() == 4096);
    world.far.send(server, b"xxxxx and something else");
    ends(&mut world, CloseReason::Mismatch);
}

fn an_answer_that_ends_early_is_short(family: Family) {
    for answer in [b"".as_slice(), b"Hello"] {
        for message in [Message::new(HELLO), Message::new(HELLO).half_close()] {
            let (mut world, server) = called(family, message);
            world.far.recv(server);
            world.far.send(server, answer);
            world.far.get(server).close();
            ends(&mut world, CloseReason::Short);
        }
    }
}

fn a_reset_by_the_server_is_told_as_that(family: Family) {
    let (mut world, server) = called(family, Message::new(HELLO));
    world.far.get(server).abort();
    ends(&mut world, CloseReason::Reset);
}

fn a_server_that_goes_silent_is_given_up(family: Family) {
    // Acknowledged but never echoed: idle. Never acknowledged: stalled.
    let (mut world, _) = called(family, Message::new(HELLO));
    world.run_for(s(1));
    ends(&mut world, CloseReason::IdleTimeout);

    let mut world = Setup::new(family).world();
    let server = world.far.listener(7);
    world.connect(IpEndpoint::new(family.far(), 7), Message::repeated(b"x", 100_000));
    world.run_until(s(1), |world| world.far.is_established(server));
    world.cut();
    ends(&mut world, CloseReason::StallTimeout);
}

fn a_server_that_does_not_close_is_given_up(family: Family) {
    let (mut world, server) = called(family, Message::new(HELLO));
    let heard = world.far.recv(server);
    world.far.send(server, &heard);
    ends(&mut world, CloseReason::FinWaitTimeout);
}

fn unaddressable_peers_are_refused(family: Family) {
    let mut world = Setup::new(family).world();
    let nowhere: &[IpAddress] = match family {
        Family::V4 => &[
            IpAddress::v4(0, 0, 0, 0),
            IpAddress::v4(255, 255, 255, 255),
            IpAddress::v4(224, 0, 0, 1),
            IpAddress::v4(10, 7, 255, 255),
        ],
        Family::V6 => {
            &[IpAddress::v6(0, 0, 0, 0, 0, 0, 0, 0), IpAddress::v6(0xff02, 0, 0, 0, 0, 0, 0, 1)]
        }
    };
    // smoltcp has no loopback, so the node's own address is unreachable.
    let others = [IpEndpoint::new(family.far(), 0), IpEndpoint::new(family.node(), 7)];
    for remote in nowhere.iter().map(|addr| IpEndpoint::new(*addr, 7)).chain(others) {
        let result = world.ours.node.connect(remote, Message::new(HELLO), world.now);
        assert_eq!(result, Err(ConnectError::Unaddressable), "{remote}");
    }
    world.assert_all_free();
}

fn without_an_address_connect_fails(family: Family) {
    let mut port = Port::default();
    let mut node = Setup { nameless: true, ..Setup::new(family) }.node(&mut port);
    let result = node.connect(IpEndpoint::new(family.far(), 7), Message::new(HELLO), Instant::ZERO);
    assert_eq!(result, Err(ConnectError::NoAddress));
}

fn without_a_slot_connect_fails(family: Family) {
    let mut world = Setup { slots: 2, ..Setup::new(family) }.world();
    let remote = IpEndpoint::new(family.stranger(1), 7);
    for _ in 0..2 {
        world.connect(remote, Message::new(HELLO));
    }
    let result = world.ours.node.connect(remote, Message::new(HELLO), world.now);
    assert_eq!(result, Err(ConnectError::NoSlot));
    world.run_for(s(11));
    world.connect(remote, Message::new(HELLO));
}

in_both_families!(
    the_dialogue_is_verified_in_both_flows,
    a_long_pattern_is_verified,
    any_size_is_verified_with_small_buffers,
    half_close_sends_the_fin_before_the_echo_is_back,
    eight_at_once_are_verified,
    the_server_hears_the_pattern_again_and_again,
    a_closed_port_refuses,
    an_address_that_never_answers_is_given_up,
    a_silent_host_is_asked_again_and_then_given_up,
    a_network_without_a_route_is_given_up,
    wrong_bytes_are_noticed_and_the_peer_is_reset,
    more_than_was_said_is_a_mismatch,
    more_than_was_said_is_a_mismatch_however_late,
    an_answer_before_anything_was_said_is_a_mismatch,
    an_answer_that_ends_early_is_short,
    a_reset_by_the_server_is_told_as_that,
    a_server_that_goes_silent_is_given_up,
    a_server_that_does_not_close_is_given_up,
    unaddressable_peers_are_refused,
    without_an_address_connect_fails,
    without_a_slot_connect_fails,
);
