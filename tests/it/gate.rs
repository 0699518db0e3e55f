//! Dropped frames: each with its reason, and with an answer only where an RFC allows one.

use crate::rig::frames::{RAW_MAC, Segment, ethernet, mend_checksums, who_has};
use crate::rig::raw::Raw;
use crate::rig::{
    Dice, Family, Happened, NODE_MAC, PORT, Port, Setup, World, in_both_families, ms, s,
};
use smolecho::smoltcp::time::Instant;
use smolecho::smoltcp::wire::{
    EthernetAddress, IpAddress, IpCidr, IpEndpoint, IpProtocol, Ipv4Address, Ipv4Packet, TcpControl,
};
use smolecho::{DropReason, Message, Tuple};

/// A listening node, and a SYN of a peer whose hardware address it knows.
fn scene(family: Family) -> (World, Segment<'static>) {
    let mut world = Setup::new(family).world();
    let stranger = Raw::new(&mut world, family, 1);
    (world, stranger.syn())
}

/// The frame is dropped for this reason alone and has this many answers.
#[track_caller]
fn drops(world: &mut World, frame: Vec<u8>, reason: DropReason, answers: usize) {
    let (before, mark) = (world.ours.log.len(), world.mark());
    world.inject_and_settle(frame);
    let events = &world.ours.log[before..];
    assert!(
        matches!(events, [Happened::Dropped(why, _)] if *why == reason),
        "expected {reason:?}, got {events:?}"
    );
    assert_eq!(world.sent_since(mark).count(), answers, "answers to {reason:?}");
}

fn from(segment: &Segment<'static>, addr: IpAddress) -> Vec<u8> {
    Segment { from: IpEndpoint { addr, ..segment.from }, ..*segment }.frame()
}

fn to(segment: &Segment<'static>, addr: IpAddress) -> Vec<u8> {
    Segment { to: IpEndpoint { addr, ..segment.to }, ..*segment }.frame()
}

fn sources_that_cannot_be_get_no_answer(family: Family) {
    let (mut world, syn) = scene(family);
    let sources: &[IpAddress] = match family {
        Family::V4 => &[
            family.node(),
            IpAddress::v4(0, 0, 0, 0),
            IpAddress::v4(127, 0, 0, 1),
            IpAddress::v4(224, 0, 0, 1),
            IpAddress::v4(239, 255, 255, 250),
            IpAddress::v4(255, 255, 255, 255),
            IpAddress::v4(10, 7, 255, 255),
        ],
        Family::V6 => &[
            family.node(),
            IpAddress::v6(0, 0, 0, 0, 0, 0, 0, 0),
            IpAddress::v6(0, 0, 0, 0, 0, 0, 0, 1),
            IpAddress::v6(0xff02, 0, 0, 0, 0, 0, 0, 1),
            IpAddress::v6(0xff05, 0, 0, 0, 0, 0, 1, 3),
        ],
    };
    for source in sources {
        drops(&mut world, from(&syn, *source), DropReason::BadSource, 0);
    }
    // The LAND attack: source and destination are equal.
    let land = Segment { from: syn.to, ..syn }.frame();
    drops(&mut world, land, DropReason::BadSource, 0);
}

/// RFC 9293 MUST-57; a reset would have the group as its source.
fn a_syn_to_many_gets_no_answer(family: Family) {
    let (mut world, syn) = scene(family);
    let groups: &[IpAddress] = match family {
        Family::V4 => &[
            IpAddress::v4(10, 7, 255, 255),
            IpAddress::v4(255, 255, 255, 255),
            IpAddress::v4(224, 0, 0, 1),
        ],
        Family::V6 => &[
            IpAddress::v6(0xff02, 0, 0, 0, 0, 0, 0, 1),
            IpAddress::v6(0xff02, 0, 0, 0, 0, 1, 0xff00, 1),
        ],
    };
    for group in groups {
        drops(&mut world, to(&syn, *group), DropReason::Broadcast, 0);
        let closed = Segment { to: IpEndpoint { addr: *group, port: 1 }, ..syn };
        drops(&mut world, closed.frame(), DropReason::Broadcast, 0);
    }
    world.assert_all_free();
}

fn frames_for_others_get_no_answer(family: Family) {
    let (mut world, syn) = scene(family);
    drops(&mut world, to(&syn, family.stranger(77)), DropReason::NotOurs, 0);
    let other_station = ethernet(RAW_MAC, EthernetAddress([2, 0, 0, 0, 9, 9]), &syn.packet());
    drops(&mut world, other_station, DropReason::NotOurs, 0);
    let mut lldp = syn.frame();
    lldp[12..14].copy_from_slice(&[0x88, 0xcc]);
    drops(&mut world, lldp, DropReason::UnknownProtocol, 0);
}

/// RFC 1122 section 3.3.6: a unicast packet in a broadcast or multicast frame.
fn what_is_for_us_does_not_come_in_a_frame_for_all(family: Family) {
    let (mut world, syn) = scene(family);
    let groups = [EthernetAddress::BROADCAST, EthernetAddress([0x33, 0x33, 0, 0, 0, 1])];
    for group in groups {
        drops(&mut world, ethernet(RAW_MAC, group, &syn.packet()), DropReason::Broadcast, 0);
    }
    world.assert_all_free();
}

fn ports_of_zero_get_no_answer(family: Family) {
    let (mut world, syn) = scene(family);
    let nowhere = Segment { to: IpEndpoint { port: 0, ..syn.to }, ..syn };
    drops(&mut world, nowhere.frame(), DropReason::Malformed, 0);
    let from_nowhere = Segment { from: IpEndpoint { port: 0, ..syn.from }, ..syn };
    drops(&mut world, from_nowhere.frame(), DropReason::Malformed, 0);
}

fn a_segment_without_a_socket_gets_one_reset(family: Family) {
    let (mut world, syn) = scene(family);
    let elsewhere = Segment { to: IpEndpoint { port: 9, ..syn.to }, ..syn };
    drops(&mut world, elsewhere.frame(), DropReason::NoListener, 1);
    for control in [TcpControl::None, TcpControl::Psh, TcpControl::Fin, TcpControl::Syn] {
        let stray = Segment { control, ack: Some(99), ..syn };
        drops(&mut world, stray.frame(), DropReason::NoConnection, 1);
    }
    // RFC 9293 section 3.10.7.1: a reset is not answered.
    for ack in [None, Some(99)] {
        let reset = Segment { control: TcpControl::Rst, ack, ..syn };
        drops(&mut world, reset.frame(), DropReason::NoConnection, 0);
    }
}

/// The peer's stack must accept the reset.
fn the_reset_for_a_closed_port_is_acceptable(family: Family) {
    let (mut world, syn) = scene(family);
    let mark = world.mark();
    world.inject_and_settle(Segment { to: IpEndpoint { port: 9, ..syn.to }, ..syn }.frame());
    let reset = world.sent_since(mark).find_map(|frame| frame.tcp()).unwrap();
    assert!(reset.rst);
    assert_eq!(reset.ack.unwrap().0, syn.seq + 1);
    assert_eq!((reset.from.port, reset.to), (9, syn.from));
}

fn every_truncation_is_malformed(family: Family) {
    let (mut world, syn) = scene(family);
    let data = Segment { control: TcpControl::Psh, ack: Some(1), payload: b"data", ..syn };
    for whole in [syn.frame(), data.frame()] {
        for len in 0..whole.len() {
            drops(&mut world, whole[..len].to_vec(), DropReason::Malformed, 0);
        }
    }
    world.assert_all_free();
}

/// Wrong lengths inside the headers of a whole frame.
fn headers_that_contradict_themselves_are_malformed(family: Family) {
    let (mut world, syn) = scene(family);
    let tcp = 14 + if family == Family::V4 { 20 } else { 40 };
    for words in (0..5).chain(7..16) {
        let mut frame = syn.frame();
        frame[tcp + 12] = words << 4;
        drops(&mut world, frame, DropReason::Malformed, 0);
    }
    for version in (0..16).filter(|version| *version != syn.packet()[0] >> 4) {
        let mut frame = syn.frame();
        frame[14] = version << 4 | (frame[14] & 0xf);
        let (dropped, mark) = (world.stats().dropped_total(), world.mark());
        world.inject_and_settle(frame);
        assert!(world.sent_since(mark).count() == 0, "IP version {version} was answered");
        assert!(world.stats().dropped_total() >= dropped);
    }
}

/// A SYN with a wrong checksum opens no connection and evicts no handshake.
fn a_wrong_checksum_evicts_no_handshake(family: Family) {
    let mut world = Setup { backlog: 1, slots: 1, ..Setup::new(family) }.world();
    let mut first = Raw::new(&mut world, family, 1);
    first.knock(&mut world).expect("a SYN-ACK");
    let mut broken = Raw::new(&mut world, family, 2).syn().frame();
    let last = broken.len() - 1;
    broken[last] ^= 0x55;
    let mark = world.mark();
    world.inject_and_settle(broken);
    assert_eq!(world.sent_since(mark).count(), 0);
    assert_eq!(world.ours.ends(), []);
    assert_eq!(world.ours.node.occupancy().half_open, 1);
}

/// Combinations of flags other than SYN alone open no connection.
fn nonsense_flags_open_nothing(family: Family) {
    let (mut world, syn) = scene(family);
    let flags = 14 + if family == Family::V4 { 20 } else { 40 } + 13;
    for bits in 0..64u8 {
        let (fin, is_syn, rst, ack) = (bits & 1 != 0, bits & 2 != 0, bits & 4 != 0, bits & 16 != 0);
        if is_syn && !fin && !rst && !ack {
            continue;
        }
        let mut frame = syn.frame();
        frame[flags] = bits;
        mend_checksums(&mut frame);
        world.inject_and_settle(frame);
        world.assert_all_free();
    }
    assert_eq!(world.stats().accepted, 0);
}

#[test]
fn fragments_of_tcp_are_refused() {
    let (mut world, syn) = scene(Family::V4);
    for (more, offset) in [(true, 0), (false, 8), (true, 8), (false, 65_528)] {
        let mut packet = syn.packet();
        let mut ip = Ipv4Packet::new_unchecked(&mut packet[..]);
        ip.set_more_frags(more);
        ip.set_frag_offset(offset);
        ip.fill_checksum();
        let frame = ethernet(RAW_MAC, NODE_MAC, &packet);
        drops(&mut world, frame, DropReason::Fragment, 0);
    }
    let (mut world, syn) = scene(Family::V6);
    drops(&mut world, behind_header(&syn, IpProtocol::Ipv6Frag), DropReason::Fragment, 0);
}

/// The segment after an extension header of 8 bytes.
fn behind_header(segment: &Segment<'_>, header: IpProtocol) -> Vec<u8> {
    let mut packet = segment.packet();
    let len = u16::from_be_bytes([packet[4], packet[5]]) + 8;
    packet[4..6].copy_from_slice(&len.to_be_bytes());
    packet[6] = header.into();
    // Hop-by-hop: PadN over the four bytes left. A fragment header: the first of more.
    let options =
        if header == IpProtocol::HopByHop { [1, 4, 0, 0, 0, 0] } else { [0, 1, 0, 0, 0, 0] };
    let mut extension = vec![IpProtocol::Tcp.into(), 0];
    extension.extend(options);
    packet.splice(40..40, extension);
    ethernet(RAW_MAC, NODE_MAC, &packet)
}

/// The segment still belongs to its connection: a reset would tell the peer that there is none.
#[test]
fn a_hop_by_hop_header_does_not_hide_a_connection() {
    let mut world = Setup::new(Family::V6).world();
    let peer = Raw::connected(&mut world, Family::V6, 1);
    let mark = world.mark();
    let data = peer.segment(TcpControl::Psh, b"behind a header");
    world.inject_and_settle(behind_header(&data, IpProtocol::HopByHop));
    assert_eq!(world.resets_since(mark, peer.me), 0, "a reset of an existing connection");
    assert_eq!(world.stats().bytes_received, 15);
}

/// Read as a TCP header the options would have the ports of another connection.
#[test]
fn a_hop_by_hop_header_does_not_hide_a_syn() {
    let (mut world, syn) = scene(Family::V6);
    world.inject_and_settle(behind_header(&syn, IpProtocol::HopByHop));
    let answer = world.trace.iter().rev().find_map(|frame| frame.tcp()).unwrap();
    assert!(answer.syn && answer.ack.is_some() && !answer.rst, "{answer:?}");
    assert_eq!((answer.from, answer.to), (syn.to, syn.from));
    assert_eq!(world.ours.node.occupancy().half_open, 1);
}

/// P2: a SYN does not disturb an existing connection. Its answer is a challenge ACK, which a restarted peer
/// resets (RFC 5961 section 4).
fn a_syn_does_nothing_to_an_established_connection(family: Family) {
    let mut world = Setup::new(family).world();
    let mut peer = Raw::new(&mut world, family, 1);
    let old = peer.syn();
    peer.handshake(&mut world);
    for seq in [old.seq, old.seq + 1, old.seq + 1000, old.seq - 70_000, i32::MIN, 0] {
        drops(&mut world, Segment { seq, ..old }.frame(), DropReason::InUse, 1);
        peer.send(&mut world, TcpControl::Psh, b"alive");
        assert_eq!(peer.take(&mut world), 5);
    }
    assert_eq!(world.stats().accepted, 1);
}

fn old_segments_do_nothing_to_an_established_connection(family: Family) {
    let mut world = Setup::new(family).world();
    let mut peer = Raw::connected(&mut world, family, 1);
    let old = peer.segment(TcpControl::Psh, b"said once").frame();
    peer.send(&mut world, TcpControl::Psh, b"said once");
    assert_eq!(peer.take(&mut world), 9);
    for _ in 0..3 {
        world.inject_and_settle(old.clone());
    }
    // Blind resets and FINs outside the window (RFC 5961 section 3.2, RFC 9293 section 3.10.7.4).
    for control in [TcpControl::Rst, TcpControl::Fin] {
        for far_off in [-100_000, 100_000, i32::MIN] {
            let seq = peer.seq.wrapping_add(far_off);
            world.inject_and_settle(Segment { seq, ..peer.segment(control, &[]) }.frame());
        }
    }
    peer.send(&mut world, TcpControl::Psh, b"and on");
    assert_eq!(world.stats().bytes_received, 15);
    assert_eq!(world.ours.ends(), []);
}

/// P1: a remote panic in smoltcp alone.
fn a_syn_for_our_own_handshake_does_nothing(family: Family) {
    let mut world = Setup::new(family).world();
    let remote = IpEndpoint::new(family.stranger(5), 7);
    // The peer's hardware address is unknown, so the client's SYN has not left.
    let tuple = world.connect(remote, Message::new(b"hello"));
    world.run_for(ms(4));
    let bare = Segment::syn(tuple.remote, tuple.local);
    drops(&mut world, bare.frame(), DropReason::InUse, 0);
    world.inject_and_settle(who_has(remote.addr, family.node()));
    assert!(world.trace.iter().filter_map(|frame| frame.tcp()).any(|tcp| tcp.syn));
    drops(&mut world, bare.frame(), DropReason::InUse, 0);
    let tuple_was_told = world.ours.log.contains(&Happened::Dropped(
        DropReason::InUse,
        Some(Tuple { local: tuple.local, remote: tuple.remote }),
    ));
    assert!(tuple_was_told);
}

/// 100,000 random frames, half of them good segments with a few bytes changed.
fn random_frames_do_no_harm(family: Family) {
    let mut port = Port::default();
    let setup = Setup { slots: 4, backlog: 2, rx: 512, tx: 512, ..Setup::new(family) };
    let mut node = setup.node(&mut port);
    let mut dice = Dice(0xD1CE);
    let mut now = Instant::ZERO;
    for n in 0..100_000_u64 {
        port.inbox.push_back(noise(&mut dice, family));
        if n % 50 == 49 {
            node.poll(now, &mut port, |_| {});
            port.outbox.clear();
            now += ms(dice.below(40) as u64);
        }
    }
    let (stats, pool) = (node.stats(), node.occupancy());
    assert_eq!(stats.frames, 100_000);
    assert_eq!(stats.frames, stats.delivered + stats.dropped_total());
    assert_eq!(stats.accepted, pool.open as u64 + stats.closed());
    for reason in [
        DropReason::Malformed,
        DropReason::NotOurs,
        DropReason::NoConnection,
        DropReason::BadSource,
    ] {
        assert!(stats.dropped(reason) > 0, "no frame was dropped for {reason:?}");
    }
    now += s(400);
    for _ in 0..4 {
        node.poll(now, &mut port, |_| {});
        now += s(2);
    }
    assert_eq!(node.occupancy().free, 4);
}

fn noise(dice: &mut Dice, family: Family) -> Vec<u8> {
    const CONTROLS: [TcpControl; 5] =
        [TcpControl::None, TcpControl::Psh, TcpControl::Syn, TcpControl::Fin, TcpControl::Rst];
    let mut frame = if dice.below(2) == 0 {
        let from = IpEndpoint::new(family.stranger(dice.below(4) as u16), 1 + dice.below(3) as u16);
        let control = CONTROLS[dice.below(5)];
        let ack = (dice.below(2) == 0).then(|| dice.roll() as i32);
        let seq = dice.roll() as i32;
        let window = dice.roll() as u16;
        let to = family.server();
        Segment { from, to, control, seq, ack, window, payload: b"noise" }.frame()
    } else {
        let mut frame: Vec<u8> = (0..dice.below(200)).map(|_| dice.roll() as u8).collect();
        let header = ethernet(RAW_MAC, NODE_MAC, &[if family == Family::V4 { 0x45 } else { 0x60 }]);
        let known = dice.below(header.len() + 1).min(frame.len());
        frame[..known].copy_from_slice(&header[..known]);
        frame
    };
    for _ in 0..dice.below(4) {
        if !frame.is_empty() {
            let at = dice.below(frame.len());
            frame[at] = dice.roll() as u8;
        }
    }
    frame
}

#[test]
fn loopback_addresses_may_talk_to_each_other() {
    // The addresses of the lecture, over a cable.
    let mut port = Port::default();
    let addresses = vec![IpCidr::new(Ipv4Address::LOCALHOST.into(), 8)];
    let setup = Setup { nameless: true, addresses, ..Setup::new(Family::V4) };
    let mut node = setup.node(&mut port);
    let peer = IpEndpoint::new(IpAddress::v4(127, 0, 0, 2), 4000);
    let server = IpEndpoint::new(Ipv4Address::LOCALHOST.into(), PORT);
    port.inbox.push_back(Segment::syn(peer, server).frame());
    node.poll(Instant::ZERO, &mut port, |_| {});
    assert_eq!(node.occupancy().half_open, 1);
}

in_both_families!(
    sources_that_cannot_be_get_no_answer,
    a_syn_to_many_gets_no_answer,
    frames_for_others_get_no_answer,
    what_is_for_us_does_not_come_in_a_frame_for_all,
    ports_of_zero_get_no_answer,
    a_segment_without_a_socket_gets_one_reset,
    the_reset_for_a_closed_port_is_acceptable,
    every_truncation_is_malformed,
    headers_that_contradict_themselves_are_malformed,
    a_wrong_checksum_evicts_no_handshake,
    nonsense_flags_open_nothing,
    a_syn_does_nothing_to_an_established_connection,
    old_segments_do_nothing_to_an_established_connection,
    a_syn_for_our_own_handshake_does_nothing,
    random_frames_do_no_harm,
);
