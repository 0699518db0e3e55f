//! Headers between Ethernet and TCP, UDP or ICMP that smoltcp does not read: priority tags, and IPv6's
//! extension headers.

use crate::rig::frames::{Frame, RAW_MAC, Segment, ethernet, hardware_address, icmpv6};
use crate::rig::raw::Raw;
use crate::rig::udp::{self, Asker, datagrams};
use crate::rig::{Family, Setup, World, in_both_families};
use smolecho::smoltcp::wire::*;
use smolecho::{DropReason, UdpService};

const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const NONE: u8 = 59;
const DESTINATION: u8 = 60;

/// Two padding options in six bytes, and one that may be skipped.
const SKIPPED: [u8; 6] = [0, 1, 1, 0, 0x1E, 0];

/// An IPv6 packet with these headers in front of what it carries. The first two bytes of a header are set
/// here; its length is a multiple of eight.
fn with_headers(packet: &[u8], headers: &[(u8, &[u8])]) -> Vec<u8> {
    let mut extended = packet[..40].to_vec();
    let mut field = 6;
    let upper = packet[6];
    for (kind, body) in headers {
        extended[field] = *kind;
        field = extended.len();
        let units = if *kind == FRAGMENT { 0 } else { (body.len() + 2) / 8 - 1 };
        extended.extend([upper, units as u8]);
        extended.extend(*body);
        assert!(extended.len().is_multiple_of(8));
    }
    extended[field] = upper;
    extended.extend(&packet[40..]);
    let len = (extended.len() - 40) as u16;
    extended[4..6].copy_from_slice(&len.to_be_bytes());
    extended
}

fn frame(packet: &[u8], to: IpAddress) -> Vec<u8> {
    ethernet(RAW_MAC, hardware_address(to), packet)
}

/// What smoltcp does not read and RFC 8200 wants to be skipped.
fn harmless() -> Vec<Vec<(u8, &'static [u8])>> {
    let atomic: &[u8] = &[0, 0, 0, 0, 0, 7];
    let routing: &[u8] = &[4, 0, 0, 0, 0, 0];
    let long: &[u8] = &[1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    vec![
        vec![(DESTINATION, &SKIPPED)],
        vec![(DESTINATION, long)],
        vec![(ROUTING, routing)],
        vec![(FRAGMENT, atomic)],
        vec![(HOP_BY_HOP, &SKIPPED)],
        vec![(HOP_BY_HOP, &SKIPPED), (DESTINATION, long)],
        vec![(HOP_BY_HOP, long), (ROUTING, routing), (FRAGMENT, atomic), (DESTINATION, &SKIPPED)],
    ]
}

fn world() -> World {
    let mut world = Setup { datagrams: udp::memory, ..Setup::new(Family::V6) }.world();
    world.ours.node.bind(7, UdpService::Echo).expect("a port");
    world
}

#[test]
fn a_connection_behind_extension_headers_is_served() {
    for headers in harmless() {
        let mut world = world();
        let mut raw = Raw::new(&mut world, Family::V6, 1);
        let send = |world: &mut World, raw: &Raw, segment: &Segment<'_>| {
            let packet = with_headers(&segment.packet(), &headers);
            world.inject_and_settle(frame(&packet, raw.server.addr));
        };
        let syn = raw.syn();
        send(&mut world, &raw, &syn);
        let syn_ack = raw.answers(&mut world).into_iter().find(|tcp| tcp.syn);
        raw.ack = syn_ack.unwrap_or_else(|| panic!("no SYN-ACK for {headers:?}")).seq.0 + 1;
        raw.seq += 1;
        let text = [7; 1000];
        let segment = raw.segment(TcpControl::Psh, &text);
        send(&mut world, &raw, &segment);
        raw.seq += 1000;
        assert_eq!(raw.take(&mut world), 1000, "{headers:?}");
    }
}

#[test]
fn a_datagram_and_a_ping_behind_extension_headers_are_answered() {
    for headers in harmless() {
        let mut world = world();
        let client = Asker::new(&mut world, Family::V6, 1);
        let mut question = client.question(b"a question");
        question.to.port = 7;
        let mark = world.mark();
        world.inject_and_settle(frame(
            &with_headers(&question.packet(), &headers),
            question.to.addr,
        ));
        let answers = datagrams(world.sent_since(mark));
        assert_eq!(answers.len(), 1, "{headers:?}");
        assert_eq!(answers[0].payload, b"a question");

        let mark = world.mark();
        let (from, to) = (question.from.addr, question.to.addr);
        let ping = with_headers(&ping(from, to), &headers);
        world.inject_and_settle(frame(&ping, to));
        assert_eq!(world.sent_since(mark).count(), 1, "{headers:?}");
    }
}

fn ping(from: IpAddress, to: IpAddress) -> Vec<u8> {
    let (IpAddress::Ipv6(from), IpAddress::Ipv6(to)) = (from, to) else { panic!("IPv4") };
    icmpv6(from, to, 64, &Icmpv6Repr::EchoRequest { ident: 1, seq_no: 2, data: b"ping" })
}

/// The code and the pointer of a parameter problem that quotes this packet.
fn problem(sent: &Frame, packet: &[u8]) -> (u8, u32) {
    let ethernet = EthernetFrame::new_checked(&sent.bytes[..]).expect("a frame");
    let ip = Ipv6Packet::new_checked(ethernet.payload()).expect("a packet");
    let icmp = Icmpv6Packet::new_checked(ip.payload()).expect("a message");
    assert_eq!(ip.next_header(), IpProtocol::Icmpv6);
    assert!(icmp.verify_checksum(&ip.src_addr(), &ip.dst_addr()));
    assert_eq!(icmp.msg_type(), Icmpv6Message::ParamProblem);
    let quoted = packet.len().min(1280 - 48);
    assert_eq!(&ip.payload()[8..], &packet[..quoted]);
    (icmp.msg_code(), icmp.param_problem_ptr())
}

const ALL_NODES: IpAddress = IpAddress::v6(0xff02, 0, 0, 0, 0, 0, 0, 1);

/// The header chain, the answer to a unicast packet, and whether a packet to a group has it, too.
type Faulty = (Vec<(u8, &'static [u8])>, Option<(u8, u32)>, bool);

/// RFC 8200 sections 4.2 and 4.4, RFC 4443 sections 2.4 (e) and 3.4.
#[test]
fn what_is_not_understood_is_answered_with_its_place() {
    let silent: &[u8] = &[0, 0x5E, 2, 0, 0, 0];
    let answered: &[u8] = &[0, 0x9E, 2, 0, 0, 0];
    let answered_alone: &[u8] = &[1, 0, 0xDE, 1, 0, 0];
    let pending: &[u8] = &[0, 1, 0, 0, 0, 0];
    let unknown: &[u8] = &[0; 6];
    let cases: Vec<Faulty> = vec![
        (vec![(254, unknown)], Some((1, 6)), false),
        (vec![(DESTINATION, &SKIPPED), (254, unknown)], Some((1, 40)), false),
        (vec![(DESTINATION, &SKIPPED), (HOP_BY_HOP, &SKIPPED)], Some((1, 40)), false),
        (vec![(HOP_BY_HOP, &SKIPPED), (135, unknown)], Some((1, 40)), false),
        (vec![(NONE, unknown)], None, false),
        (vec![(DESTINATION, silent)], None, false),
        (vec![(DESTINATION, answered)], Some((2, 43)), true),
        (vec![(DESTINATION, answered_alone)], Some((2, 44)), false),
        (vec![(HOP_BY_HOP, answered)], Some((2, 43)), true),
        (vec![(ROUTING, pending)], Some((0, 42)), false),
    ];
    for (headers, answer, is_for_groups) in cases {
        for to_group in [false, true] {
            let mut world = world();
            let client = Asker::new(&mut world, Family::V6, 1);
            let mut question = client.question(&[9; 1300]);
            question.to.port = 7;
            if to_group {
                question.to.addr = ALL_NODES;
            }
            let packet = with_headers(&question.packet(), &headers);
            let mark = world.mark();
            let dropped = world.stats().dropped(DropReason::UnknownProtocol);
            world.inject_and_settle(frame(&packet, question.to.addr));
            let sent: Vec<_> = world.sent_since(mark).map(|sent| problem(sent, &packet)).collect();
            let expected = answer.filter(|_| !to_group || is_for_groups);
            assert_eq!(sent, Vec::from_iter(expected), "{headers:?} to a group: {to_group}");
            assert_eq!(world.stats().dropped(DropReason::UnknownProtocol), dropped + 1);
        }
    }
}

/// Neither one for another host nor one from an address that cannot be.
#[test]
fn what_is_not_understood_is_answered_to_its_sender_only() {
    let mut world = world();
    let client = Asker::new(&mut world, Family::V6, 1);
    let question = client.question(b"");
    let strange = |from: IpAddress, to: IpAddress| {
        let ends = |addr, port| IpEndpoint::new(addr, port);
        let question = udp::Datagram { from: ends(from, 1), to: ends(to, 2), payload: vec![1] };
        frame(&with_headers(&question.packet(), &[(254, &[0; 6])]), question.to.addr)
    };
    let (from, to) = (question.from.addr, question.to.addr);
    let mark = world.mark();
    world.inject_and_settle(strange(from, Family::V6.stranger(9)));
    world.inject_and_settle(strange(to, to));
    world.inject_and_settle(strange(IpAddress::v6(0, 0, 0, 0, 0, 0, 0, 0), to));
    assert_eq!(world.sent_since(mark).count(), 0);
    assert_eq!(world.stats().dropped(DropReason::NotOurs), 1);
    assert_eq!(world.stats().dropped(DropReason::BadSource), 2);
}

#[test]
fn headers_that_end_too_early_are_malformed() {
    let mut world = world();
    let client = Asker::new(&mut world, Family::V6, 1);
    let question = client.question(b"a question");
    let headers = [(HOP_BY_HOP, &SKIPPED[..]), (DESTINATION, &SKIPPED), (ROUTING, &[0; 6])];
    let whole = with_headers(&question.packet(), &headers);
    let mark = world.mark();
    for len in 40..64 {
        let mut packet = whole[..len].to_vec();
        packet[4..6].copy_from_slice(&(len as u16 - 40).to_be_bytes());
        world.inject_and_settle(frame(&packet, question.to.addr));
    }
    // An option, and a header, that say that they are longer than the packet.
    for at in [40 + 1, 40 + 4, 48 + 1, 48 + 4] {
        let mut packet = whole.clone();
        packet[at] = 255;
        world.inject_and_settle(frame(&packet, question.to.addr));
    }
    assert_eq!(world.sent_since(mark).count(), 0);
    assert_eq!(world.stats().dropped(DropReason::Malformed), 24 + 4);
}

/// RFC 6946: only one with offset 0 and nothing to follow is the whole packet. RFC 6980: and no neighbor
/// discovery.
#[test]
fn other_fragments_are_dropped() {
    let mut world = world();
    let client = Asker::new(&mut world, Family::V6, 1);
    let question = client.question(b"a question");
    let mark = world.mark();
    for [high, low] in [[0, 1], [0, 8], [1, 0]] {
        let header = [high, low, 0, 0, 0, 7];
        let packet = with_headers(&question.packet(), &[(FRAGMENT, &header)]);
        world.inject_and_settle(frame(&packet, question.to.addr));
    }
    let (IpAddress::Ipv6(from), IpAddress::Ipv6(to)) = (question.from.addr, question.to.addr)
    else {
        panic!("IPv4")
    };
    let lladdr = Some(RAW_MAC.into());
    let solicit = Icmpv6Repr::Ndisc(NdiscRepr::NeighborSolicit { target_addr: to, lladdr });
    let solicit = icmpv6(from, to, 255, &solicit);
    let packet = with_headers(&solicit, &[(FRAGMENT, &[0, 0, 0, 0, 0, 7])]);
    world.inject_and_settle(frame(&packet, to.into()));
    assert_eq!(world.sent_since(mark).count(), 0);
    assert_eq!(world.stats().dropped(DropReason::Fragment), 4);
}

/// RFC 8200 section 8.1.
#[test]
fn a_datagram_without_a_checksum_is_dropped_over_ipv6() {
    let mut world = world();
    let client = Asker::new(&mut world, Family::V6, 1);
    let mut question = client.question(b"a question");
    question.to.port = 7;
    let mut bytes = question.frame();
    bytes[14 + 40 + 6..][..2].fill(0);
    let mark = world.mark();
    world.inject_and_settle(bytes);
    assert_eq!(world.sent_since(mark).count(), 0);
    assert_eq!(world.stats().dropped(DropReason::Malformed), 1);
    assert_eq!(world.stats().datagrams_received, 0);
}

fn a_ping_from_our_own_address_is_not_answered(family: Family) {
    let mut world = Setup::new(family).world();
    let mark = world.mark();
    for frame in udp::ping(family.node(), family.node(), b"myself") {
        world.inject_and_settle(frame);
    }
    assert_eq!(world.sent_since(mark).count(), 0);
    assert_eq!(world.stats().dropped(DropReason::BadSource), 1);
}

/// The frame with an IEEE 802.1Q tag.
fn tagged(frame: &[u8], tag: u16) -> Vec<u8> {
    let [high, low] = tag.to_be_bytes();
    [&frame[..12], &[0x81, 0x00, high, low], &frame[12..]].concat()
}

/// VLAN ID 0, whatever its priority: the frame is served as if it had no tag.
fn a_priority_tag_is_no_vlan(family: Family) {
    for priority in [0, 0x2000, 0xE000, 0xF000] {
        let mut world = Setup { rx: 4096, tx: 4096, ..Setup::new(family) }.world();
        let mut raw = Raw::new(&mut world, family, 1);
        world.inject_and_settle(tagged(&raw.syn().frame(), priority));
        let syn_ack = raw.answers(&mut world).into_iter().find(|tcp| tcp.syn).expect("a SYN-ACK");
        raw.ack = syn_ack.seq.0 + 1;
        raw.seq += 1;
        // As much as a frame of the cable holds with its tag.
        let headers = if family == Family::V4 { 40 } else { 60 };
        let text = vec![7; 1496 - headers];
        world.inject_and_settle(tagged(&raw.segment(TcpControl::Psh, &text).frame(), priority));
        raw.seq += text.len() as i32;
        assert_eq!(raw.take(&mut world), text.len());
    }
}

fn a_tag_of_a_vlan_is_not_ours(family: Family) {
    let mut world = Setup::new(family).world();
    let raw = Raw::new(&mut world, family, 1);
    let mark = world.mark();
    for tag in [1, 0x0F00, 0xE0FF, 0x0FFF] {
        world.inject_and_settle(tagged(&raw.syn().frame(), tag));
    }
    // Nor is a tag behind a tag, or half a tag.
    world.inject_and_settle(tagged(&tagged(&raw.syn().frame(), 0), 0));
    assert_eq!(world.stats().dropped(DropReason::UnknownProtocol), 5);
    let frame = tagged(&raw.syn().frame(), 0);
    for len in 12..18 {
        world.inject_and_settle(frame[..len].to_vec());
    }
    assert_eq!(world.sent_since(mark).count(), 0);
}

/// Both at once.
#[test]
fn a_priority_tag_and_extension_headers_are_stripped_together() {
    let mut world = world();
    let client = Asker::new(&mut world, Family::V6, 1);
    let mut question = client.question(b"a question");
    question.to.port = 7;
    let packet = with_headers(&question.packet(), &[(DESTINATION, &SKIPPED)]);
    let mark = world.mark();
    world.inject_and_settle(tagged(&frame(&packet, question.to.addr), 0));
    assert_eq!(datagrams(world.sent_since(mark)).len(), 1);
}

in_both_families! {
    a_ping_from_our_own_address_is_not_answered,
    a_priority_tag_is_no_vlan,
    a_tag_of_a_vlan_is_not_ours,
}
