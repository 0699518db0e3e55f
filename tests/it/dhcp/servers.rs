//! Servers that are absent, refuse, or offer nonsense.

use super::{LEASED, bound, turns_in, world_with};
use crate::rig::dhcp::{Lan, Mood, SERVER, dhcp_frame};
use crate::rig::frames::{Frame, Segment};
use crate::rig::udp::{self, Asker};
use crate::rig::{Dice, PORT, World, ms, s};
use smolecho::smoltcp::wire::{DhcpMessageType, IpAddress, IpEndpoint, Ipv4Address};
use smolecho::{ConnectError, Message};

/// Without an answer the client asks between 100 and 1,000 times an hour, and sleeps in between.
#[test]
fn without_a_server_it_keeps_asking() {
    let mut world = world_with(Lan { mood: Mood::Silent, ..Lan::new() });
    let turns = turns_in(&mut world, s(3600));
    let asked = world.far.said.len();
    assert!((100..=1000).contains(&asked), "{asked} messages in an hour");
    assert!(turns < 5 * asked as u64, "due {turns} times for {asked} questions");
    assert_eq!(world.ours.changes(), []);
    let remote = IpEndpoint::new(world.far.host.address(), 9);
    let connected = world.ours.node.connect(remote, Message::new(b"no"), world.now);
    assert_eq!(connected, Err(ConnectError::NoAddress));
    world.far.mood = Mood::Kind;
    bound(&mut world);
}

/// An offer and a NAK, again and again: fewer than 200 messages a minute.
#[test]
fn a_server_that_always_refuses_is_not_stormed() {
    let mut world = world_with(Lan { mood: Mood::Nak, ..Lan::new() });
    world.run_for(s(60));
    let asked = world.far.said.len();
    assert!(asked < 200, "{asked} messages in a minute");
}

/// Leases of 0 s: fewer than 200 messages a minute.
#[test]
fn leases_of_no_length_are_not_stormed() {
    let mut world = world_with(Lan { lease: Some(0), ..Lan::new() });
    world.run_for(s(60));
    let asked = world.far.said.len();
    assert!(asked < 200, "{asked} messages in a minute");
}

/// A lease without a length lasts two minutes; the longest one is infinite and must not overflow.
#[test]
fn leases_of_odd_lengths() {
    for lease in [None, Some(60), Some(u32::MAX)] {
        let mut world = world_with(Lan { lease, ..Lan::new() });
        bound(&mut world);
        let turns = turns_in(&mut world, s(600));
        assert!(turns < 500, "lease {lease:?}: {turns}");
    }
}

/// RFC 2131 section 4.1 allows any source address in an answer; a renewal sent to 0.0.0.0 would panic.
#[test]
fn a_server_without_an_address_does_no_harm() {
    let mut world = world_with(Lan { source: Ipv4Address::UNSPECIFIED, ..Lan::new() });
    world.run_for(s(2000));
    assert!(world.far.said.len() < 1000);
}

/// Routers that cannot be reached; some servers send 0.0.0.0 for "no router".
#[test]
fn a_router_that_is_none_does_no_harm() {
    for router in [
        Ipv4Address::UNSPECIFIED,
        Ipv4Address::BROADCAST,
        Ipv4Address::new(224, 0, 0, 1),
        LEASED,
        Ipv4Address::new(192, 0, 2, 1),
    ] {
        let mut world = world_with(Lan { router: Some(router), ..Lan::new() });
        bound(&mut world);
        // A peer in another network: the answers would go through the router.
        let far_away = IpEndpoint::new(IpAddress::v4(203, 0, 113, 5), 40_000);
        let server = IpEndpoint::new(LEASED.into(), PORT);
        let asker = Asker { me: far_away, server };
        world.inject_and_settle(asker.question(b"hello").frame());
        world.inject_and_settle(Segment::syn(far_away, server).frame());
        world.run_for(s(10));
    }
}

/// Addresses that no host can have.
#[test]
fn an_impossible_address_is_not_taken() {
    for (address, mask) in [
        ([10, 7, 255, 255], [255, 255, 0, 0]),
        ([10, 7, 0, 0], [255, 255, 0, 0]),
        ([224, 0, 0, 9], [255, 255, 0, 0]),
        ([255, 255, 255, 255], [255, 255, 0, 0]),
        ([10, 7, 0, 9], [255, 0, 255, 0]),
    ] {
        let (address, mask) = (address.into(), mask.into());
        let mut world = world_with(Lan { address, mask, ..Lan::new() });
        world.run_for(s(30));
        assert_eq!(world.ours.changes(), [], "{address} {mask}");
    }
}

/// Truncated messages, and messages with random bytes changed: no panic, no busy loop.
#[test]
fn damaged_answers_are_dropped() {
    let mut world = world_with(Lan { mood: Mood::Silent, lease: Some(60), ..Lan::new() });
    world.run_for(ms(10));
    let transaction = transaction_of(&world);
    let mut dice = Dice(7);
    let whole = world.far.message(DhcpMessageType::Offer, transaction);
    for len in 0..whole.len() {
        world.inject(dhcp_frame(SERVER, &whole[..len]));
        world.run_for(ms(3));
    }
    for n in 0..3000 {
        let message = [DhcpMessageType::Offer, DhcpMessageType::Ack, DhcpMessageType::Nak][n % 3];
        let mut payload = world.far.message(message, transaction_of(&world));
        for _ in 0..1 + dice.below(3) {
            // The transaction and the client's hardware address stay right.
            let at = 44 + dice.below(payload.len() - 44);
            payload[if at < 236 { 12 + at % 12 } else { at }] = dice.roll() as u8;
        }
        world.inject(dhcp_frame(SERVER, &payload));
        world.run_for(ms(3));
    }
    world.run_for(s(3600));
}

/// The transaction of the node's last message.
fn transaction_of(world: &World<Lan>) -> u32 {
    let of = |frame: &Frame| {
        let datagram = udp::datagrams(std::iter::once(frame)).pop()?;
        let packet = (datagram.to.port == 67).then_some(datagram.payload)?;
        Some(u32::from_be_bytes(packet[4..8].try_into().unwrap()))
    };
    world.sent_since(0).filter_map(of).last().expect("a message of the node")
}
