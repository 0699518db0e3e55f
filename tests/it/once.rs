//! The service `once`, the flow of the lecture: one `recv` of at most 1,024 bytes, its echo, close.

use crate::rig::host::Host;
use crate::rig::pattern::pattern;
use crate::rig::talk::{Close, Talk};
use crate::rig::{Family, Setup, World, in_both_families, ms, s};
use smolecho::smoltcp::socket::tcp::State;
use smolecho::{CloseReason, TcpService};

fn world(family: Family) -> World<Host> {
    Setup { service: TcpService::Once, ..Setup::new(family) }.world()
}

fn up_to_1024_bytes_come_back_and_the_server_closes_first(family: Family) {
    for len in [1, 14, 1023, 1024] {
        let mut world = world(family);
        let socket = world.far.caller();
        let mut talk = Talk::new(socket, len, len, Close::Second);
        world.run_until(s(5), |world| talk.pump(&mut world.far));
        let first_fin = world.trace.iter().filter_map(|frame| frame.tcp()).find(|tcp| tcp.fin);
        assert_eq!(first_fin.unwrap().from, family.server());
        world.run_until(s(11), |world| world.ours.node.occupancy().free == 8);
        assert_eq!(world.ours.ends(), [CloseReason::Finished]);
    }
}

/// A peer that sends more than one `recv` takes gets the whole echo of the first piece and then a reset
/// instead of a FIN (RFC 1122 section 4.2.2.13).
#[track_caller]
fn says_too_much(family: Family, len: usize, half_close: bool) {
    let mut world = world(family);
    let socket = world.connected(s(1));
    let peer = world.far.endpoint(socket);
    let said = pattern(0..len);
    world.far.send(socket, &said);
    if half_close {
        world.far.get(socket).close();
    }
    let mut heard = Vec::new();
    world.run_until(s(5), |world| {
        heard.extend(world.far.recv(socket));
        !world.far.get(socket).is_open()
    });
    world.run_for(ms(10));
    heard.extend(world.far.recv(socket));
    assert!(!heard.is_empty() && heard.len() <= 1024, "{} bytes", heard.len());
    assert!(said.starts_with(&heard), "other bytes than were sent");
    assert_eq!(world.resets_since(0, peer), 1, "resets, {len} bytes, half close {half_close}");
    let fin = world.sent_since(0).any(|frame| frame.tcp().is_some_and(|tcp| tcp.fin));
    assert!(!fin, "a FIN hides lost bytes, {len} bytes, half close {half_close}");
    assert_eq!(world.ours.ends(), [CloseReason::Unread]);
    assert_eq!(world.stats().bytes_sent, heard.len() as u64);
    world.assert_all_free();
}

fn more_than_1024_bytes_are_not_lost_silently(family: Family) {
    for len in [1025, 1460, 1461, 2000, 4096] {
        for half_close in [false, true] {
            says_too_much(family, len, half_close);
        }
    }
}

fn a_second_message_behind_the_first_is_not_lost_silently(family: Family) {
    let mut world = world(family);
    let socket = world.connected(s(1));
    let peer = world.far.endpoint(socket);
    world.far.send(socket, b"first");
    world.run_until(s(1), |world| world.far.state(socket) == State::CloseWait);
    assert_eq!(world.far.recv(socket), b"first");
    world.far.send(socket, b"second");
    world.run_until(s(1), |world| !world.far.get(socket).is_open());
    assert_eq!(world.resets_since(0, peer), 1);
    assert_eq!(world.ours.ends(), [CloseReason::Unread]);
}

fn a_peer_that_says_nothing_and_closes_is_closed_too(family: Family) {
    let mut world = world(family);
    let socket = world.far.caller();
    let mut talk = Talk::new(socket, 1, 0, Close::Early);
    world.run_until(s(5), |world| talk.pump(&mut world.far));
    world.run_for(ms(10));
    assert_eq!(world.ours.ends(), [CloseReason::Finished]);
    world.assert_all_free();
}

fn five_thousand_connections_one_after_the_other(family: Family) {
    const CONNECTIONS: u64 = 5_000;
    let mut world = world(family);
    let socket = world.far.socket(64, 64);
    for i in 0..CONNECTIONS {
        world.far.connect(socket);
        let mut talk = Talk::new(socket, i % 7, 14, Close::Second);
        world.run_until(s(1), |world| {
            talk.pump(&mut world.far) && world.far.state(socket) == State::Closed
        });
    }
    world.run_for(ms(10));
    let stats = *world.stats();
    assert_eq!(stats.accepted, CONNECTIONS);
    assert_eq!(stats.ended(CloseReason::Finished), CONNECTIONS);
    assert_eq!(stats.bytes_sent, 14 * CONNECTIONS);
    assert_eq!(stats.dropped_total(), 0);
    assert_eq!(stats.recycled, CONNECTIONS - 8, "each slot is taken out of TIME-WAIT");
    assert!(world.sent_since(0).all(|frame| !frame.tcp().is_some_and(|tcp| tcp.rst)));
    world.run_for(s(11));
    world.assert_all_free();
}

in_both_families!(
    up_to_1024_bytes_come_back_and_the_server_closes_first,
    more_than_1024_bytes_are_not_lost_silently,
    a_second_message_behind_the_first_is_not_lost_silently,
    a_peer_that_says_nothing_and_closes_is_closed_too,
    five_thousand_connections_one_after_the_other,
);
