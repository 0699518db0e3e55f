//! ICMP beside the services: unreachable ports and echo requests.

use super::{assert_idle, scene};
use crate::rig::pattern::pattern;
use crate::rig::udp::{Asker, packets, ping};
use crate::rig::{Family, in_both_families, ms};
use smolecho::smoltcp::wire::{
    Icmpv4DstUnreachable, Icmpv4Message, Icmpv4Packet, Icmpv6DstUnreachable, Icmpv6Message,
    Icmpv6Packet, IpAddress, IpEndpoint, IpProtocol,
};

/// RFC 1122 section 3.2.2 and RFC 4443 section 2.4 (e): one error for each datagram, none for multicast.
fn an_unbound_port_is_unreachable(family: Family) {
    let (mut world, asker) = scene(family);
    let unbound = Asker { server: IpEndpoint::new(family.node(), 4711), ..asker };
    let mark = world.mark();
    world.inject_and_settle(unbound.question(b"anybody?").frame());
    let said = packets(world.sent_since(mark));
    let [(protocol, from, to, bytes)] = &said[..] else { panic!("one answer: {said:?}") };
    assert_eq!((*from, *to), (family.node(), asker.me.addr));
    match protocol {
        IpProtocol::Icmp => {
            let icmp = Icmpv4Packet::new_checked(&bytes[..]).unwrap();
            assert!(icmp.verify_checksum());
            assert_eq!(icmp.msg_type(), Icmpv4Message::DstUnreachable);
            assert_eq!(icmp.msg_code(), u8::from(Icmpv4DstUnreachable::PortUnreachable));
        }
        _ => {
            let icmp = Icmpv6Packet::new_checked(&bytes[..]).unwrap();
            assert_eq!(icmp.msg_type(), Icmpv6Message::DstUnreachable);
            assert_eq!(icmp.msg_code(), u8::from(Icmpv6DstUnreachable::PortUnreachable));
        }
    }
}

fn a_group_is_not_told_that_a_port_is_unbound(family: Family) {
    let (mut world, asker) = scene(family);
    let groups: &[IpAddress] = match family {
        Family::V4 => &[IpAddress::v4(224, 0, 0, 1), IpAddress::v4(10, 7, 255, 255)],
        Family::V6 => &[IpAddress::v6(0xff02, 0, 0, 0, 0, 0, 0, 1)],
    };
    // Without a DHCP client port 68 is a port like any other.
    for (group, port) in groups.iter().flat_map(|group| [(group, 4711), (group, 68)]) {
        let unbound = Asker { server: IpEndpoint::new(*group, port), ..asker };
        let mark = world.mark();
        world.inject_and_settle(unbound.question(b"anybody?").frame());
        assert_eq!(packets(world.sent_since(mark)), [], "{group}");
    }
}

fn ping_is_answered(family: Family) {
    let (mut world, asker) = scene(family);
    for len in [0, 1, 56, 1452] {
        let mark = world.mark();
        for frame in ping(asker.me.addr, family.node(), &pattern(0..len)) {
            world.inject(frame);
        }
        world.run_for(ms(10));
        let said = packets(world.sent_since(mark));
        let [(_, from, to, bytes)] = &said[..] else { panic!("{len}: one answer: {said:?}") };
        assert_eq!((*from, *to), (family.node(), asker.me.addr));
        assert_eq!(bytes[0], if family == Family::V4 { 0 } else { 129 }, "an echo reply");
        assert_eq!(bytes[8..], pattern(0..len), "{len} bytes");
    }
    assert_idle(&mut world);
}

/// In fragments both ways.
#[test]
fn a_large_ping_is_answered_over_ipv4() {
    let (mut world, asker) = scene(Family::V4);
    for len in [1480, 4000, 8000] {
        let mark = world.mark();
        for frame in ping(asker.me.addr, Family::V4.node(), &pattern(0..len)) {
            world.inject(frame);
        }
        world.run_for(ms(10));
        let said = packets(world.sent_since(mark));
        assert_eq!(said.len(), 1, "{len}");
        assert_eq!(said[0].3[8..], pattern(0..len));
    }
    assert_idle(&mut world);
}

in_both_families!(
    an_unbound_port_is_unreachable,
    a_group_is_not_told_that_a_port_is_unbound,
    ping_is_answered,
);
