//! Router advertisements with several prefixes: each is looked at (RFC 4862 section 5.5.3).

use crate::rig::frames::{RAW_MAC, ethernet, hardware_address};
use crate::rig::router::{Advertisement, prefix, router};
use crate::rig::{Family, Happened, Setup, World, s};
use smolecho::smoltcp::wire::*;

const HOUR: u32 = 3600;
/// On link, and for addresses.
const L: u8 = 0x80;
const A: u8 = 0x40;

/// A prefix information option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Prefix {
    n: u16,
    len: u8,
    flags: u8,
    valid: u32,
    preferred: u32,
}

/// What an address may come of.
const fn good(n: u16) -> Prefix {
    Prefix { n, len: 64, flags: L | A, valid: HOUR, preferred: HOUR / 2 }
}

const fn dying(n: u16) -> Prefix {
    Prefix { valid: 0, preferred: 0, ..good(n) }
}

const fn deprecated(n: u16) -> Prefix {
    Prefix { preferred: 0, ..good(n) }
}

/// What none comes of, each for a reason of its own.
const USELESS: [Prefix; 5] = [
    Prefix { len: 48, flags: L, ..good(7) },
    Prefix { flags: L, ..good(8) },
    Prefix { len: 48, ..good(9) },
    Prefix { valid: 0, preferred: 0, ..good(10) },
    Prefix { preferred: 2 * HOUR, ..good(11) },
];

impl Prefix {
    fn option(&self) -> Vec<u8> {
        let Prefix { n, len, flags, valid, preferred } = *self;
        let head = [3, 4, len, flags];
        let lifetimes = [valid.to_be_bytes(), preferred.to_be_bytes(), [0; 4]].concat();
        [&head[..], &lifetimes, &prefix(n).octets()].concat()
    }
}

/// A router advertisement with these options, in this order.
fn advertisement(options: &[Vec<u8>]) -> Vec<u8> {
    let head = [134, 0, 0, 0, 64, 0, 0x07, 0x08, 0, 0, 0, 0, 0, 0, 0, 0];
    let mut body = [&head[..], &options.concat()].concat();
    Icmpv6Packet::new_unchecked(&mut body[..])
        .fill_checksum(&router(1), &IPV6_LINK_LOCAL_ALL_NODES);
    let (from, to) = (router(1).into(), IPV6_LINK_LOCAL_ALL_NODES.into());
    let ip = IpRepr::new(from, to, IpProtocol::Icmpv6, body.len(), 255);
    let mut packet = vec![0; 40];
    ip.emit(&mut packet[..], &Default::default());
    ethernet(RAW_MAC, hardware_address(to), &[packet, body].concat())
}

fn of(prefixes: &[Prefix]) -> Vec<u8> {
    advertisement(&prefixes.iter().map(Prefix::option).collect::<Vec<_>>())
}

fn world() -> World {
    Setup { nameless: true, slaac: true, ..Setup::new(Family::V6) }.world()
}

fn cidr(n: u16) -> IpCidr {
    let octets = [&prefix(n).octets()[..8], &[0, 0, 0, 0xff, 0xfe, 0, 0, 1]].concat();
    IpCidr::new(Ipv6Address::from(<[u8; 16]>::try_from(octets).unwrap()).into(), 64)
}

fn changes(world: &World) -> Vec<Happened> {
    let is_change = |event: &&Happened| matches!(event, Happened::Gained(_) | Happened::Lost(_));
    world.ours.log.iter().filter(is_change).copied().collect()
}

/// Every order of these.
fn orders<T: Clone>(all: &[T]) -> Vec<Vec<T>> {
    if all.len() < 2 {
        return vec![all.to_vec()];
    }
    let with_first = |n: usize| {
        let mut rest = all.to_vec();
        let first = rest.remove(n);
        orders(&rest).into_iter().map(move |rest| [vec![first.clone()], rest].concat())
    };
    (0..all.len()).flat_map(with_first).collect()
}

/// As it was found: a good /64, and behind it a /48 that is for the link alone.
#[test]
fn a_prefix_for_the_link_alone_does_not_hide_the_one_before_it() {
    let hex = "33330000000102aa000000fe86dd6000000000503afffe8000000000000000aa00fffe0000feff02\
        00000000000000000000000000018600774b000807080000000000000000030440c000000e1000000708\
        0000000020010db80001000000000000000000000304308000000e10000007080000000020010db80001\
        00000000000000000000";
    let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    let frame: Vec<u8> = (0..hex.len()).step_by(2).map(byte).collect();
    let mut world = world();
    world.inject_and_settle(frame);
    let address = Ipv6Address::new(0x2001, 0xdb8, 1, 0, 0, 0xff, 0xfe00, 1);
    assert_eq!(changes(&world), [Happened::Gained(IpCidr::new(address.into(), 64))]);
}

/// One that is good among all that are not, in every order.
#[test]
fn the_good_one_is_found_wherever_it_stands() {
    for useless in USELESS {
        for other in USELESS.into_iter().filter(|other| *other != useless) {
            for prefixes in orders(&[good(1), useless, other]) {
                let mut world = world();
                world.inject_and_settle(of(&prefixes));
                assert_eq!(changes(&world), [Happened::Gained(cidr(1))], "{prefixes:?}");
            }
        }
    }
    let mut world = world();
    world.inject_and_settle(of(&USELESS));
    assert_eq!(changes(&world), []);
}

/// Other options between them, known and unknown.
#[test]
fn other_options_do_not_matter() {
    let lladdr = [&[1, 1], RAW_MAC.as_bytes()].concat();
    let mtu = vec![5, 1, 0, 0, 0, 0, 5, 0xdc];
    let unknown = [vec![200, 2], vec![0xaa; 14]].concat();
    for options in orders(&[good(1).option(), USELESS[0].option(), lladdr, mtu, unknown]) {
        let mut world = world();
        world.inject_and_settle(advertisement(&options));
        assert_eq!(changes(&world), [Happened::Gained(cidr(1))], "{options:?}");
    }
}

/// RFC 4861 section 6.1.2: one option without a length, or cut short, and nothing of it counts.
#[test]
fn a_broken_option_spoils_the_whole() {
    for broken in [vec![200, 0, 0, 0, 0, 0, 0, 0], vec![200, 2, 0, 0, 0, 0, 0, 0], vec![200, 1]] {
        let mut world = world();
        world.inject_and_settle(advertisement(&[good(1).option(), broken]));
        assert_eq!(changes(&world), []);
    }
}

/// The first of several, and no change as long as it is preferred.
#[test]
fn what_is_known_stays() {
    let mut world = world();
    world.inject_and_settle(of(&[good(1), good(2)]));
    for prefixes in [[good(2), good(1)], [good(1), good(2)], [good(2), good(3)]] {
        world.inject_and_settle(of(&prefixes));
    }
    assert_eq!(changes(&world), [Happened::Gained(cidr(1))]);
}

/// The network is given another number: the old prefix is announced as no longer preferred, the new one beside
/// it, in one advertisement or in two, in whatever order.
#[test]
fn renumbering_is_followed_at_once() {
    let moved = [Happened::Gained(cidr(1)), Happened::Lost(cidr(1)), Happened::Gained(cidr(2))];
    for old in [dying(1), deprecated(1)] {
        for prefixes in orders(&[old, good(2), USELESS[0]]) {
            let mut world = world();
            world.inject_and_settle(of(&[good(1)]));
            world.inject_and_settle(of(&prefixes));
            assert_eq!(changes(&world), moved, "{prefixes:?}");
            // And back to it only when the new one has gone.
            world.inject_and_settle(of(&[good(1), good(2)]));
            assert_eq!(changes(&world), moved, "{prefixes:?}");
        }
        let mut world = world();
        for prefixes in [good(1), old, good(2)] {
            world.inject_and_settle(of(&[prefixes]));
        }
        assert_eq!(changes(&world), moved);
    }
}

/// An address of which nothing better is known is kept, and used, until it is no longer valid.
#[test]
fn a_deprecated_prefix_is_better_than_none() {
    for prefixes in orders(&[deprecated(1), USELESS[1]]) {
        let mut world = world();
        world.inject_and_settle(of(&prefixes));
        assert_eq!(changes(&world), [Happened::Gained(cidr(1))]);
        world.inject_and_settle(of(&[deprecated(2), dying(1)]));
        assert_eq!(changes(&world), [Happened::Gained(cidr(1))], "one is as good as the other");
    }
    // But not than one that is preferred.
    for prefixes in orders(&[deprecated(1), good(2)]) {
        let mut world = world();
        world.inject_and_settle(of(&prefixes));
        assert_eq!(changes(&world), [Happened::Gained(cidr(2))], "{prefixes:?}");
    }
}

/// A preferred lifetime that runs out by itself makes room as well, with the next advertisement.
#[test]
fn a_preferred_lifetime_that_is_over_makes_room() {
    let mut world = world();
    world.inject_and_settle(Advertisement::default().frame());
    world.run_for(s(61));
    world.inject_and_settle(of(&[good(2)]));
    let moved = [Happened::Gained(cidr(1)), Happened::Lost(cidr(1)), Happened::Gained(cidr(2))];
    assert_eq!(changes(&world), moved);
}
