//! Path MTU discovery (RFC 1191, RFC 8201): a router on the way to the peer has a link with a smaller MTU.

use crate::rig::frames::{Segment, mend_checksums};
use crate::rig::host::Host;
use crate::rig::raw::Raw;
use crate::rig::udp;
use crate::rig::{Family, Setup, World, in_both_families};
use smolecho::smoltcp::time::Duration;
use smolecho::smoltcp::wire::{EthernetAddress, IpAddress, IpProtocol, TcpControl};
use smolecho::{TcpService, Timeouts};

const ETHERNET: usize = 14;

/// The smaller MTU.
const MTU: u16 = 1300;

/// Bytes of a connection's receive buffer, and of its transmit buffer.
const BUFFER: usize = 8192;

/// Bytes of the headers of IP and TCP.
fn headers(family: Family) -> usize {
    if family == Family::V4 { 40 } else { 60 }
}

/// A router's word for this IP packet.
fn too_big(family: Family, packet: &[u8], mtu: u32) -> Vec<u8> {
    let mtu = mtu.to_be_bytes();
    let (protocol, kind, quoted) = match family {
        Family::V4 => (IpProtocol::Icmp, [3, 4, 0, 0], 28),
        Family::V6 => (IpProtocol::Icmpv6, [2, 0, 0, 0], 1232),
    };
    let message = [&kind, &mtu, &packet[..quoted.min(packet.len())]].concat();
    let mut frames = udp::fragments(router(family), family.node(), protocol, &message, 1);
    mend_checksums(&mut frames[0]);
    frames.remove(0)
}

fn router(family: Family) -> IpAddress {
    family.stranger(50)
}

fn setup(family: Family, service: TcpService) -> Setup {
    Setup { service, rx: BUFFER, tx: BUFFER, ..Setup::new(family) }
}

/// A peer whose link takes whole frames, behind a router with a smaller MTU.
struct Beyond {
    raw: Raw,
    mark: usize,
    mtu: u16,
    /// What came of the node's packets.
    taken: usize,
    lost: usize,
}

impl Beyond {
    fn connected(world: &mut World, family: Family, mtu: u16) -> Beyond {
        let mut raw = Raw::new(world, family, 1);
        raw.answers(world);
        world.inject_and_settle(raw.syn().frame_with(Some(1460)));
        let syn_ack = raw.answers(world).into_iter().find(|tcp| tcp.syn).expect("a SYN-ACK");
        raw.ack = syn_ack.seq.0.wrapping_add(1);
        raw.seq += 1;
        let mark = world.mark();
        raw.send(world, TcpControl::None, &[]);
        Beyond { raw, mark, mtu, taken: 0, lost: 0 }
    }

    /// The packets that the node has sent since the last call.
    fn packets(&mut self, world: &World) -> Vec<Vec<u8>> {
        let packets = world.sent_since(self.mark).map(|frame| frame.bytes[ETHERNET..].to_vec());
        let packets = packets.collect();
        self.mark = world.mark();
        packets
    }

    /// Forwards what fits, and says so of the rest.
    fn forward(&mut self, world: &mut World, family: Family) {
        let frames: Vec<_> = world.sent_since(self.mark).cloned().collect();
        self.mark = world.mark();
        for frame in frames {
            let Some(tcp) = frame.tcp().filter(|tcp| tcp.to == self.raw.me) else { continue };
            let packet = &frame.bytes[ETHERNET..];
            if packet.len() > self.mtu.into() {
                self.lost += 1;
                world.inject_and_settle(too_big(family, packet, self.mtu.into()));
            } else if tcp.seq.0 == self.raw.ack {
                self.taken += tcp.len;
                self.raw.ack = self.raw.ack.wrapping_add(tcp.len as i32);
            }
        }
        self.raw.send(world, TcpControl::None, &[]);
    }
}

/// Each round trip brings a transmit buffer, but for the two of the loss.
fn a_stream_comes_through_a_smaller_mtu(family: Family) {
    const BYTES: usize = 200_000;
    let mut world = setup(family, TcpService::Chargen).world();
    let mut beyond = Beyond::connected(&mut world, family, MTU);
    for _ in 0..BYTES.div_ceil(BUFFER) + 2 {
        beyond.forward(&mut world, family);
    }
    assert!(beyond.taken >= BYTES, "{} bytes, {} lost", beyond.taken, beyond.lost);
    assert!(beyond.lost <= 6, "{} packets were too big", beyond.lost);
    assert_eq!(world.stats().path_mtus, 1);
}

/// Nor is the path's MTU left unused.
fn segments_fill_the_path(family: Family) {
    let mut world = setup(family, TcpService::Chargen).world();
    let mut beyond = Beyond::connected(&mut world, family, MTU);
    beyond.forward(&mut world, family);
    let longest = beyond.packets(&world).iter().map(Vec::len).max();
    assert_eq!(longest, Some(MTU.into()));
}

/// The way of the answers may change: it is the hardware address of the peer's last segment.
fn segments_go_where_the_peers_come_from(family: Family) {
    let mut world = setup(family, TcpService::Chargen).world();
    let mut beyond = Beyond::connected(&mut world, family, MTU);
    beyond.forward(&mut world, family);
    let other = EthernetAddress([2, 0, 0, 0, 0, 77]);
    for frame in world.sent_since(beyond.mark).cloned().collect::<Vec<_>>() {
        let tcp = frame.tcp().expect("a segment");
        beyond.raw.ack = beyond.raw.ack.max(tcp.seq.0 + tcp.len as i32);
    }
    let mut ack = beyond.raw.segment(TcpControl::None, &[]).frame();
    ack[6..12].copy_from_slice(other.as_bytes());
    let mark = world.mark();
    world.inject_and_settle(ack);
    assert!(world.sent_since(mark).count() > 0);
    assert!(world.sent_since(mark).all(|frame| frame.bytes[..6] == other.0));
}

/// RFC 5927 section 4.1: who cannot see our segments cannot quote one that is under way.
fn a_router_must_quote_what_is_under_way(family: Family) {
    let mut world = setup(family, TcpService::Chargen).world();
    let mut beyond = Beyond::connected(&mut world, family, 1500);
    beyond.forward(&mut world, family);
    let packet = beyond.packets(&world).into_iter().max_by_key(Vec::len).expect("a packet");
    let tcp = headers(family) - 20;
    let changed = |at: usize, by: u8| {
        let mut packet = packet.clone();
        packet[at] = packet[at].wrapping_add(by);
        packet
    };
    let mut lies = vec![
        // Another port of ours, or of the peer; another address of ours, or of the peer.
        changed(tcp + 1, 1),
        changed(tcp + 3, 1),
        changed(tcp - 1, 1),
        changed(if family == Family::V4 { 15 } else { 23 }, 1),
        // Far from what is under way, on both sides.
        changed(tcp + 5, 1),
        changed(tcp + 5, 0xFF),
        // Not TCP.
        changed(if family == Family::V4 { 9 } else { 6 }, 1),
        // Small enough.
        changed(if family == Family::V4 { 2 } else { 4 }, 0xFC),
    ];
    lies.extend((0..tcp + 8).map(|len| packet[..len].to_vec()));
    for lie in &lies {
        world.inject_and_settle(too_big(family, lie, MTU.into()));
    }
    // No smaller than the link's own, and a wrong checksum.
    world.inject_and_settle(too_big(family, &packet, 1500));
    let mut wrong = too_big(family, &packet, MTU.into());
    wrong[ETHERNET + tcp + 7] ^= 1;
    world.inject_and_settle(wrong);
    assert_eq!(world.stats().path_mtus, 0);
    world.inject_and_settle(too_big(family, &packet, MTU.into()));
    assert_eq!(world.stats().path_mtus, 1);
    // It never grows by a router's word.
    world.inject_and_settle(too_big(family, &packet, u32::from(MTU) + 8));
    assert_eq!(world.stats().path_mtus, 1);
}

/// Never below 576 and 1,280 bytes; IPv4 routers from before RFC 1191 tell none.
fn there_is_a_smallest_mtu(family: Family) {
    let cases: &[(u32, usize)] = match family {
        Family::V4 => &[(0, 576), (68, 576), (575, 576), (577, 577)],
        Family::V6 => &[(0, 1500), (68, 1500), (1279, 1500), (1280, 1280), (0x1_0500, 1500)],
    };
    for &(told, expected) in cases {
        let mut world = setup(family, TcpService::Chargen).world();
        let mut beyond = Beyond::connected(&mut world, family, 1500);
        let packet = beyond.packets(&world).into_iter().max_by_key(Vec::len).expect("a packet");
        assert_eq!(packet.len(), 1500);
        world.inject_and_settle(too_big(family, &packet, told));
        beyond.packets(&world);
        // All that was sent is acknowledged, so that more follows.
        beyond.raw.ack = beyond.raw.ack.wrapping_add(BUFFER as i32);
        beyond.raw.send(&mut world, TcpControl::None, &[]);
        let longest = beyond.packets(&world).iter().map(Vec::len).max();
        assert_eq!(longest, Some(expected), "told {told}");
    }
}

/// RFC 1191 section 6.3: a path may have become better.
fn it_is_forgotten_after_ten_minutes(family: Family) {
    let timeouts = Timeouts { idle: None, ..Timeouts::DEFAULT };
    let mut world = Setup { timeouts, ..setup(family, TcpService::Stream) }.world();
    let mut beyond = Beyond::connected(&mut world, family, MTU);
    let mut longest_echo = |world: &mut World<Host>| {
        beyond.packets(world);
        for _ in 0..3 {
            beyond.raw.send(world, TcpControl::Psh, &[7; 1400]);
        }
        let longest = beyond.packets(world).into_iter().max_by_key(Vec::len).expect("a packet");
        let mtu = MTU.into();
        if longest.len() > MTU.into() {
            world.inject_and_settle(too_big(family, &longest, mtu));
        }
        beyond.raw.ack = beyond.raw.ack.wrapping_add(3 * 1400);
        beyond.raw.send(world, TcpControl::None, &[]);
        longest.len()
    };
    let fits = |len: usize| len <= MTU.into();
    assert!(!fits(longest_echo(&mut world)));
    assert!(fits(longest_echo(&mut world)));
    world.run_for(Duration::from_secs(598));
    assert!(fits(longest_echo(&mut world)));
    world.run_for(Duration::from_secs(4));
    assert!(!fits(longest_echo(&mut world)));
    assert!(fits(longest_echo(&mut world)));
    assert_eq!(world.stats().path_mtus, 2);
}

/// The next connection in the slot may have another path.
fn it_ends_with_its_connection(family: Family) {
    let mut world = Setup { slots: 1, ..setup(family, TcpService::Chargen) }.world();
    let mut beyond = Beyond::connected(&mut world, family, MTU);
    beyond.forward(&mut world, family);
    let Segment { seq, .. } = beyond.raw.segment(TcpControl::None, &[]);
    let reset = Segment { seq, ..beyond.raw.segment(TcpControl::Rst, &[]) };
    world.inject_and_settle(reset.frame());
    let mut beyond = Beyond::connected(&mut world, family, MTU);
    let longest = beyond.packets(&world).iter().map(Vec::len).max();
    assert_eq!(longest, Some(1500));
}

in_both_families! {
    a_stream_comes_through_a_smaller_mtu,
    segments_fill_the_path,
    segments_go_where_the_peers_come_from,
    a_router_must_quote_what_is_under_way,
    there_is_a_smallest_mtu,
    it_is_forgotten_after_ten_minutes,
    it_ends_with_its_connection,
}
