//! The same seed gives the same run, bit for bit; another seed other numbers; and no number repeats.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::rig::frames::Tcp;
use crate::rig::raw::Raw;
use crate::rig::talk::{Close, Talk};
use crate::rig::{Family, Fate, Setup, World, in_both_families, s};
use smolecho::smoltcp::wire::IpEndpoint;
use smolecho::{Message, TcpService, Timeouts};

/// A hash of every frame and its instant: a run with losses, a served connection and a client.
fn run(family: Family, seed: u64) -> (u64, World) {
    let mut world = Setup { seed, ..Setup::new(family) }.world();
    let mut n = 0;
    world.fate = Box::new(move |_| {
        n += 1;
        if n % 13 == 0 { Fate::Drop } else { Fate::Deliver }
    });
    let server = world.far.listener(7);
    world.connect(IpEndpoint::new(family.far(), 7), Message::new(b"a call of ours"));
    let socket = world.far.caller();
    let mut talk = Talk::new(socket, 1, 30_000, Close::Early);
    world.run_until(s(60), |world| {
        let heard = world.far.recv(server);
        if !heard.is_empty() {
            world.far.send(server, &heard);
        }
        talk.pump(&mut world.far)
    });
    let mut hash = DefaultHasher::new();
    for frame in &world.trace {
        (frame.at.total_micros(), frame.way, &frame.bytes).hash(&mut hash);
    }
    (hash.finish(), world)
}

fn the_same_seed_gives_the_same_run(family: Family) {
    assert_eq!(run(family, 7).0, run(family, 7).0);
}

fn another_seed_gives_other_numbers(family: Family) {
    let numbers = [1, 2, 3, u64::MAX].map(|seed| {
        let (_, world) = run(family, seed);
        let ours = |tcp: &Tcp| tcp.from.addr == family.node() && tcp.syn;
        let syns: Vec<_> =
            world.sent_since(0).filter_map(|frame| frame.tcp()).filter(ours).collect();
        let call = syns.iter().find(|tcp| tcp.ack.is_none()).unwrap();
        let accept = syns.iter().find(|tcp| tcp.ack.is_some()).unwrap();
        (call.from.port, call.seq.0, accept.seq.0)
    });
    let distinct = |values: Vec<i32>| values.iter().collect::<HashSet<_>>().len() == values.len();
    assert!(distinct(numbers.map(|(port, ..)| port.into()).to_vec()), "ports: {numbers:?}");
    assert!(distinct(numbers.map(|(_, call, _)| call).to_vec()), "calls: {numbers:?}");
    assert!(distinct(numbers.map(|(.., accept)| accept).to_vec()), "accepts: {numbers:?}");
}

fn initial_sequence_numbers_do_not_repeat(family: Family) {
    let mut world = Setup { service: TcpService::Once, ..Setup::new(family) }.world();
    let mut seen = HashSet::new();
    let mut peer = Raw::new(&mut world, family, 1);
    for n in 0..1000 {
        peer.me.port = 1024 + n;
        let syn_ack = peer.knock(&mut world).expect("a SYN-ACK");
        assert!(seen.insert(syn_ack.seq.0), "after {n} connections");
    }
    // RFC 6528: the next number cannot be predicted from the last.
    let high = seen.iter().map(|isn| isn >> 24).collect::<HashSet<_>>();
    assert!(high.len() > 200, "only {} of 256 high bytes", high.len());
}

/// RFC 6056: from the dynamic range, and not sequential.
fn ephemeral_ports_are_random_and_in_range(family: Family) {
    let timeouts = Timeouts { time_wait: Some(s(0)), ..Timeouts::DEFAULT };
    let mut world = Setup { slots: 1, timeouts, ..Setup::new(family) }.world();
    let mut ports = Vec::new();
    for _ in 0..300 {
        let tuple = world.connect(IpEndpoint::new(family.far(), 9), Message::new(b"x"));
        ports.push(tuple.local.port);
        world.run_until(s(2), |world| world.ours.node.occupancy().free == 1);
    }
    assert!(ports.iter().all(|port| (49152..=65535).contains(port)));
    assert!(ports.iter().collect::<HashSet<_>>().len() > 280);
    let steps: HashSet<_> = ports.windows(2).map(|pair| pair[1].wrapping_sub(pair[0])).collect();
    assert!(steps.len() > 280, "the next port can be guessed from the last");
}

in_both_families!(
    the_same_seed_gives_the_same_run,
    another_seed_gives_other_numbers,
    initial_sequence_numbers_do_not_repeat,
    ephemeral_ports_are_random_and_in_range,
);
