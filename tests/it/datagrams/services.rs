//! Echo, discard and chargen, and the ports and addresses that they answer at.

use super::{CHARGEN, DISCARD, assert_serves, scene, world, world_of};
use crate::rig::frames::who_has;
use crate::rig::pattern::pattern;
use crate::rig::router::router;
use crate::rig::udp::Asker;
use crate::rig::{Family, PORT, Setup, in_both_families, ms};
use smolecho::smoltcp::wire::{IpAddress, IpCidr, IpEndpoint};
use smolecho::{BindError, UdpService};

/// RFC 1122 section 4.1.3.5: the source of the answer is the destination of the question.
fn answers_leave_from_where_was_asked(family: Family) {
    let others = match family {
        Family::V4 => ["10.7.9.9/16", "192.0.2.1/24"],
        Family::V6 => ["fd00::9:9/64", "fe80::ff:fe00:1/64"],
    };
    let others: Vec<IpCidr> = others.iter().map(|cidr| cidr.parse().unwrap()).collect();
    let own = [family.node()].into_iter().chain(others.iter().map(|cidr| cidr.address()));
    let own: Vec<_> = own.collect();
    let mut world = world_of(Setup { addresses: others, ..Setup::new(family) });
    for (n, &address) in own.iter().enumerate() {
        let me = match (family, n) {
            (Family::V4, 2) => IpAddress::v4(192, 0, 2, 77),
            (Family::V6, 2) => router(77).into(),
            _ => family.stranger(1),
        };
        let me = IpEndpoint::new(me, 40_000);
        world.inject_and_settle(who_has(me.addr, address));
        for port in [PORT, CHARGEN] {
            let asker = Asker { me, server: IpEndpoint::new(address, port) };
            assert_eq!(asker.ask(&mut world, b"where are you?").len(), 1, "{address}");
        }
    }
}

/// 32 datagrams in flight come back in order.
fn a_window_of_32_comes_back(family: Family) {
    let (mut world, asker) = scene(family);
    for round in 0..20u8 {
        let mark = world.mark();
        let questions: Vec<_> = (0..32).map(|n| vec![round, n, n, n]).collect();
        for question in &questions {
            world.inject(asker.question(question).frame());
        }
        world.run_for(ms(4));
        assert_eq!(asker.answers_since(&world, mark), questions);
    }
}

fn discard_takes_and_says_nothing(family: Family) {
    let (mut world, asker) = scene(family);
    let discard = Asker { server: IpEndpoint::new(family.node(), DISCARD), ..asker };
    let mark = world.mark();
    for len in [0, 1, 1000] {
        assert_eq!(discard.ask(&mut world, &pattern(0..len)), [[0u8; 0]; 0]);
    }
    assert_eq!(world.sent_since(mark).count(), 0);
    assert_eq!((world.stats().datagrams_received, world.stats().datagrams_sent), (3, 0));
    assert_serves(&mut world, &asker);
}

/// One datagram of RFC 864's pattern: at most 512 bytes, and at most as long as the question, so that
/// chargen amplifies no spoofed traffic.
fn chargen_says_no_more_than_it_was_told(family: Family) {
    let (mut world, asker) = scene(family);
    let chargen = Asker { server: IpEndpoint::new(family.node(), CHARGEN), ..asker };
    for len in [0, 1, 71, 74, 75, 511, 512, 513, 1400] {
        let [answer] = &chargen.ask(&mut world, &pattern(0..len))[..] else { panic!("one answer") };
        assert_eq!(answer.len(), len.min(512));
        for (n, line) in answer.chunks(74).enumerate() {
            let whole: Vec<_> = (0..72).map(|i| b' ' + ((n + i) % 95) as u8).collect();
            assert_eq!(line, &[&whole[..], b"\r\n"].concat()[..line.len()]);
        }
    }
}

fn to_another_address_is_not_ours(family: Family) {
    let (mut world, asker) = scene(family);
    let elsewhere = Asker { server: IpEndpoint::new(family.stranger(9), PORT), ..asker };
    let mark = world.mark();
    world.inject_and_settle(elsewhere.question(b"hello").frame());
    assert_eq!(world.sent_since(mark).count(), 0);
    assert_eq!(world.stats().datagrams_received, 0);
}

#[test]
fn port_68_can_be_bound_without_dhcp() {
    let mut world = world(Family::V4);
    world.ours.node.bind(68, UdpService::Echo).unwrap();
    let asker = Asker::new(&mut world, Family::V4, 1);
    let asker = Asker { server: IpEndpoint::new(Family::V4.node(), 68), ..asker };
    assert_eq!(asker.ask(&mut world, b"hello"), [b"hello"]);
}

#[test]
fn ports_are_bound_once_and_as_many_as_there_is_memory_for() {
    let mut world = world(Family::V4);
    let node = &mut world.ours.node;
    assert_eq!(node.bind(0, UdpService::Echo), Err(BindError::Port));
    assert_eq!(node.bind(PORT, UdpService::Discard), Err(BindError::InUse));
    assert_eq!(node.bind(4711, UdpService::Echo), Ok(()));
    assert_eq!(node.bind(4712, UdpService::Echo), Err(BindError::NoPort));
    let mut world = Setup::new(Family::V4).world();
    assert_eq!(world.ours.node.bind(PORT, UdpService::Echo), Err(BindError::NoPort));
}

in_both_families!(
    answers_leave_from_where_was_asked,
    a_window_of_32_comes_back,
    discard_takes_and_says_nothing,
    chargen_says_no_more_than_it_was_told,
    to_another_address_is_not_ours,
);
