//! An IPv6 address and a default route from router advertisements: RFC 4861 and RFC 4862.

use crate::rig::frames::{Frame, mend_checksums, who_has};
use crate::rig::router::{Advertisement, prefix, router};
use crate::rig::talk::{Close, Talk};
use crate::rig::udp::{self, Asker};
use crate::rig::{Dice, Family, Happened, PORT, Setup, World, ms, s};
use smolecho::smoltcp::time::Instant;
use smolecho::smoltcp::wire::{
    EthernetFrame, IPV6_LINK_LOCAL_ALL_NODES, Icmpv6Message, Icmpv6Packet, IpAddress, IpCidr,
    IpEndpoint, Ipv6Address, Ipv6Packet, NdiscPrefixInfoFlags,
};
use smolecho::{CloseReason, Message, Timeouts, UdpService};

const LINK_LOCAL: Ipv6Address = Ipv6Address::new(0xfe80, 0, 0, 0, 0, 0xff, 0xfe00, 1);
const HOUR: u64 = 3600;

/// A node with only its link-local address.
fn world() -> World {
    let timeouts = Timeouts { idle: None, stall: None, ..Timeouts::DEFAULT };
    let setup = Setup { nameless: true, slaac: true, timeouts, ..Setup::new(Family::V6) };
    let mut world = Setup { datagrams: udp::memory, ..setup }.world();
    world.ours.node.bind(PORT, UdpService::Echo).unwrap();
    world
}

/// The node's address with the prefix of this number.
fn address(n: u16) -> Ipv6Address {
    let octets = [&prefix(n).octets()[..8], &[0, 0, 0, 0xff, 0xfe, 0, 0, 1]].concat();
    Ipv6Address::from(<[u8; 16]>::try_from(octets).unwrap())
}

fn gained(n: u16) -> Happened {
    Happened::Gained(IpCidr::new(address(n).into(), 64))
}

fn lost(n: u16) -> Happened {
    Happened::Lost(IpCidr::new(address(n).into(), 64))
}

fn advertise(world: &mut World, advertisement: Advertisement) {
    world.inject_and_settle(advertisement.frame());
}

fn route(world: &World) -> Option<IpAddress> {
    let routes = world.ours.node.interface().routes();
    routes.get_default_ipv6_route().map(|route| route.via_router)
}

#[track_caller]
fn assert_no_address(world: &World, why: &str) {
    assert_eq!(world.ours.changes(), [], "{why}");
    let addresses = world.ours.node.interface().ip_addrs();
    assert_eq!(addresses, [IpCidr::new(LINK_LOCAL.into(), 64)], "{why}");
}

/// The instants of the node's router solicitations.
fn solicitations(world: &World) -> Vec<Instant> {
    let is_solicitation = |frame: &&Frame| {
        let ethernet = EthernetFrame::new_unchecked(&frame.bytes[..]);
        let Ok(ip) = Ipv6Packet::new_checked(ethernet.payload()) else { return false };
        let Ok(icmp) = Icmpv6Packet::new_checked(ip.payload()) else { return false };
        let is = icmp.msg_type() == Icmpv6Message::RouterSolicit;
        if is {
            assert_eq!((ip.hop_limit(), ip.src_addr()), (255, LINK_LOCAL));
            assert_eq!(ip.dst_addr(), Ipv6Address::new(0xff02, 0, 0, 0, 0, 0, 0, 2));
            assert!(icmp.verify_checksum(&ip.src_addr(), &ip.dst_addr()));
        }
        is
    };
    world.sent_since(0).filter(is_solicitation).map(|frame| frame.at).collect()
}

/// Three solicitations, 4 s apart; then the node sleeps.
#[test]
fn without_a_router_three_questions_and_silence() {
    let mut world = world();
    world.run_for(s(HOUR));
    assert_eq!(solicitations(&world), [0, 4, 8].map(Instant::from_secs));
    assert_eq!(world.ours.node.poll_at(world.now), None, "a node with no work is not due");
    assert!(world.turns < 20, "{} turns", world.turns);
    assert_no_address(&world, "no advertisement");
    // A later advertisement is still accepted.
    advertise(&mut world, Advertisement::default());
    assert_eq!(world.ours.changes(), [gained(1)]);
}

#[test]
fn an_answer_ends_the_questions() {
    let mut world = world();
    world.run_for(s(1));
    advertise(&mut world, Advertisement::default());
    world.run_for(s(60));
    assert_eq!(solicitations(&world), [Instant::ZERO]);
    assert_eq!(world.ours.changes(), [gained(1)]);
    assert_eq!(route(&world), Some(router(1).into()));
    let due = world.ours.node.poll_at(world.now).expect("the router's lifetime");
    assert!(due > world.now + s(1700), "due at {due}");
}

/// UDP over the new address and over the link-local one.
#[test]
fn what_was_gained_can_be_used() {
    let mut world = world();
    advertise(&mut world, Advertisement::default());
    for own in [address(1), LINK_LOCAL] {
        let peer = IpEndpoint::new(router(77).into(), 40_000);
        world.inject_and_settle(who_has(peer.addr, own.into()));
        let asker = Asker { me: peer, server: IpEndpoint::new(own.into(), PORT) };
        assert_eq!(asker.ask(&mut world, b"hello"), [b"hello"], "{own}");
    }
}

/// Addresses and routes last for their lifetimes.
#[test]
fn lifetimes_are_kept() {
    let mut world = world();
    advertise(&mut world, Advertisement::default());
    let heard = world.now;
    world.run_until(s(1801), |world| route(world).is_none());
    assert!(world.now - heard >= s(1799) && world.now - heard <= s(1800));
    assert_eq!(world.ours.changes(), [gained(1)]);
    world.run_until(s(1801), |world| world.ours.changes() == [gained(1), lost(1)]);
    assert!(world.now - heard >= s(3599) && world.now - heard <= s(3600));
    world.run_for(s(60));
    assert_eq!(world.ours.node.poll_at(world.now), None, "a node with no work is not due");
}

/// Renewed prefixes keep their connections; an expired one ends them.
#[test]
fn connections_live_as_long_as_their_address() {
    let mut world = world();
    advertise(&mut world, Advertisement { valid: s(200), preferred: s(100), ..Default::default() });
    world.far.iface.update_ip_addrs(|all| {
        all.clear();
        all.push(IpCidr::new(Ipv6Address::new(0x2001, 0xdb8, 0, 1, 0, 0, 0, 2).into(), 64))
            .unwrap();
    });
    let socket = world.far.socket(2048, 2048);
    let server = IpEndpoint::new(address(1).into(), PORT);
    world.far.connect_to(socket, server, 30_001);
    let mut talk = Talk::new(socket, 1, 20_000, Close::Late);
    for _ in 0..5 {
        world.run_for(s(1));
        talk.send(&mut world.far);
        talk.recv(&mut world.far, 1000);
        world.run_for(s(10));
        // In the last two hours an advertisement can only extend the lifetime.
        advertise(
            &mut world,
            Advertisement { valid: s(200), preferred: s(100), ..Default::default() },
        );
    }
    assert_eq!((world.ours.changes(), world.ours.ends()), (vec![gained(1)], vec![]));
    world.run_until(s(300), |world| world.ours.changes().len() == 2);
    world.run_for(s(1));
    assert_eq!(world.ours.ends(), [CloseReason::AddressLost]);
    world.assert_all_free();
}

#[test]
fn a_client_of_ours_ends_with_its_address() {
    let mut world = world();
    advertise(&mut world, Advertisement { valid: s(20), preferred: s(20), ..Default::default() });
    let remote = IpEndpoint::new(Ipv6Address::new(0x2001, 0xdb8, 0, 1, 0, 0, 0, 9).into(), 9);
    world.run_for(s(15));
    world.connect(remote, Message::new(b"nobody is there"));
    world.run_for(s(60));
    world.assert_all_free();
    assert_eq!(world.ours.changes(), [gained(1), lost(1)]);
}

/// RFC 4861 section 6.3.4: a lifetime of zero removes the route at once; the address stays.
#[test]
fn a_router_lifetime_of_zero_ends_the_route() {
    let mut world = world();
    advertise(&mut world, Advertisement::default());
    advertise(
        &mut world,
        Advertisement {
            from: router(2),
            router_lifetime: s(0),
            prefix: None,
            ..Default::default()
        },
    );
    assert_eq!(route(&world), Some(router(1).into()), "the farewell of another router");
    advertise(&mut world, Advertisement { router_lifetime: s(0), ..Default::default() });
    assert_eq!(route(&world), None);
    assert_eq!(world.ours.changes(), [gained(1)]);
}

#[test]
fn a_second_router_takes_over() {
    let mut world = world();
    advertise(&mut world, Advertisement::default());
    let second = Advertisement { from: router(2), prefix: Some(prefix(2)), ..Default::default() };
    advertise(&mut world, second);
    assert_eq!(world.ours.changes(), [gained(1)], "one prefix at a time");
    advertise(&mut world, Advertisement { router_lifetime: s(0), ..Default::default() });
    assert_eq!(route(&world), Some(router(2).into()));
    world.run_until(s(HOUR), |world| world.ours.changes() == [gained(1), lost(1)]);
    advertise(&mut world, second);
    assert_eq!(world.ours.changes()[2..], [gained(2)]);
}

/// RFC 4862 section 5.5.3 (e): an advertisement does not cut a lifetime below two hours.
#[test]
fn the_two_hour_rule() {
    let ends_after = |first: u64, second: u64| {
        let mut world = world();
        let say = |valid| Advertisement {
            valid: s(valid),
            preferred: s(0),
            router_lifetime: s(9000),
            ..Default::default()
        };
        advertise(&mut world, say(first));
        let heard = world.now;
        advertise(&mut world, say(second));
        world.run_until(s(100 * HOUR), |world| world.ours.changes().len() == 2);
        (world.now - heard + s(1)).secs()
    };
    for (first, second, expected) in [
        (10 * HOUR, 0, 2 * HOUR),
        (10 * HOUR, HOUR, 2 * HOUR),
        (10 * HOUR, 3 * HOUR, 3 * HOUR),
        (HOUR, 0, HOUR),
        (HOUR, 60, HOUR),
        (HOUR, 90 * 60, 90 * 60),
        (HOUR, 5 * HOUR, 5 * HOUR),
    ] {
        let lasted = ends_after(first, second);
        assert!(lasted.abs_diff(expected) <= 1, "{first} then {second}: {lasted}");
    }
}

/// A lifetime of 0xffffffff s is infinite.
#[test]
fn an_endless_lifetime_does_not_overflow() {
    let mut world = world();
    let endless = s(u64::from(u32::MAX));
    advertise(
        &mut world,
        Advertisement {
            valid: endless,
            preferred: endless,
            router_lifetime: s(65_535),
            ..Default::default()
        },
    );
    world.run_for(s(1000 * HOUR));
    assert_eq!(world.ours.changes(), [gained(1)]);
}

/// Invalid advertisements (RFC 4861 section 6.1.2) and prefixes (RFC 4862 section 5.5.3).
#[test]
fn what_is_not_valid_is_ignored() {
    let ok = Advertisement::default();
    let global = Ipv6Address::new(0x2001, 0xdb8, 0, 1, 0, 0, 0, 1);
    for (why, frame) in [
        ("hop limit 254", Advertisement { hop_limit: 254, ..ok }.frame()),
        ("hop limit 64", Advertisement { hop_limit: 64, ..ok }.frame()),
        ("from a global address", Advertisement { from: global, ..ok }.frame()),
        (
            "from the unspecified address",
            Advertisement { from: Ipv6Address::UNSPECIFIED, ..ok }.frame(),
        ),
        ("bad checksum", {
            let mut frame = ok.frame();
            frame[14 + 40 + 2] ^= 1;
            frame
        }),
        ("another code", {
            let mut frame = ok.frame();
            frame[14 + 40 + 1] = 1;
            frame[14 + 40 + 3] ^= 1;
            frame
        }),
    ] {
        let mut world = world();
        world.inject_and_settle(frame);
        assert_no_address(&world, why);
        assert_eq!(route(&world), None, "{why}");
    }
    for (why, advertisement) in [
        ("prefix of 63 bits", Advertisement { prefix_len: 63, ..ok }),
        ("prefix of 65 bits", Advertisement { prefix_len: 65, ..ok }),
        ("prefix of 128 bits", Advertisement { prefix_len: 128, ..ok }),
        ("prefix of 255 bits", Advertisement { prefix_len: 255, ..ok }),
        ("not for addresses", Advertisement { flags: NdiscPrefixInfoFlags::ON_LINK, ..ok }),
        ("no longer valid", Advertisement { valid: s(0), preferred: s(0), ..ok }),
        ("preferred longer than valid", Advertisement { preferred: s(4000), ..ok }),
        ("the link's own prefix", Advertisement { prefix: Some(router(0)), ..ok }),
        ("multicast", Advertisement { prefix: Some(IPV6_LINK_LOCAL_ALL_NODES), ..ok }),
        ("no prefix", Advertisement { prefix: None, ..ok }),
    ] {
        let mut world = world();
        advertise(&mut world, advertisement);
        assert_no_address(&world, why);
        assert_eq!(route(&world), Some(router(1).into()), "{why}");
    }
}

/// Truncated advertisements, and ones with random bytes changed: no panic, no busy loop.
#[test]
fn damaged_advertisements_are_dropped() {
    let mut world = world();
    let whole = Advertisement::default().frame();
    for len in 0..whole.len() {
        world.inject(whole[..len].to_vec());
        world.run_for(ms(3));
    }
    assert_no_address(&world, "cut short");
    let mut dice = Dice(11);
    for _ in 0..3000 {
        let mut frame = whole.clone();
        for _ in 0..1 + dice.below(3) {
            let at = 14 + dice.below(frame.len() - 14);
            frame[at] = dice.roll() as u8;
        }
        mend_checksums(&mut frame);
        world.inject(frame);
        world.run_for(ms(3));
    }
    world.run_for(s(100_000));
}

/// The end of a prefix does not remove a static address that equals the learned one.
#[test]
fn an_advertised_static_address_outlives_its_advertisement() {
    let cidr = IpCidr::new(address(1).into(), 64);
    let setup = Setup { nameless: true, slaac: true, ..Setup::new(Family::V6) };
    let mut world = Setup { addresses: vec![cidr], ..setup }.world();
    advertise(&mut world, Advertisement::default());
    world.run_for(s(2 * HOUR));
    assert!(world.ours.node.interface().ip_addrs().contains(&cidr));
}

/// Hundreds of forged routers and prefixes: one address is learned.
#[test]
fn a_flood_of_routers_is_survived() {
    let mut world = world();
    for n in 2..500 {
        let flood =
            Advertisement { from: router(n), prefix: Some(prefix(n)), ..Default::default() };
        world.inject(flood.frame());
        world.run_for(ms(2));
    }
    assert_eq!(world.ours.changes(), [gained(2)]);
    assert!(world.ours.node.interface().ip_addrs().len() <= 2);
}
