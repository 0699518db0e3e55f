//! A node under fire: spoofed SYNs with every poll, and those who were there, or come honestly.

mod rig;

use rig::frames::Segment;
use rig::host::Host;
use rig::talk::{Close, Talk};
use rig::{Dice, Family, NODE_MAC, Port, Setup, Station, World, in_both_families, ms, s};
use smolecho::smoltcp::socket::tcp::State;
use smolecho::smoltcp::time::{Duration, Instant};
use smolecho::smoltcp::wire::{IpCidr, IpEndpoint};
use smolecho::{CloseReason, Listener, Node};

/// As many frames as a poll takes, from one source or from any.
struct Flood {
    family: Family,
    dice: Dice,
    random: bool,
}

impl Flood {
    fn new(family: Family, random: bool) -> Self {
        Flood { family, dice: Dice(11), random }
    }

    fn syn(&mut self) -> Vec<u8> {
        let n = if self.random { self.dice.below(60_000) as u16 } else { 5 };
        let port = 1024 + self.dice.below(60_000) as u16;
        let from = IpEndpoint::new(self.family.stranger(n), port);
        let seq = self.dice.roll() as i32;
        Segment { seq, ..Segment::syn(from, self.family.server()) }.frame()
    }

    fn volley(&mut self, world: &mut World<Host>, frames: usize) {
        for _ in 0..frames {
            world.inject(self.syn());
        }
        // The trace of a flood is long, and nobody reads it.
        world.trace.clear();
    }
}

fn setup(family: Family) -> Setup {
    Setup { slots: 8, backlog: 4, rx: 16_384, tx: 16_384, ..Setup::new(family) }
}

/// At any moment of the flood, and after it, an honest peer has its echo within a second.
fn an_honest_peer_is_served_within_a_second(family: Family) {
    for random in [false, true] {
        let mut world = setup(family).world();
        let mut flood = Flood::new(family, random);
        let inside = world.far.caller();
        world.run_until(s(1), |world| world.far.is_established(inside));
        for n in 0..10_u8 {
            let caller = world.far.caller();
            let (mut frames, mut said) = (0, false);
            world.run_until(s(1), |world| {
                if n < 8 && frames < 1000 {
                    flood.volley(world, 64);
                    frames += 64;
                }
                if !said && world.far.is_established(caller) {
                    world.far.send(caller, &[n; 500]);
                    said = true;
                }
                world.far.get(caller).recv_queue() == 500
            });
            assert_eq!(world.far.recv(caller), [n; 500]);
            world.far.get(caller).close();
            world.run_until(s(1), |world| {
                matches!(world.far.state(caller), State::Closed | State::TimeWait)
            });
            world.run_for(ms(100));
        }
        world.far.send(inside, b"still here");
        world.run_until(s(1), |world| world.far.get(inside).recv_queue() == 10);
        assert!(world.stats().cookies_returned >= 8, "{:?}", world.stats());
        assert_eq!(world.ours.ended(CloseReason::Finished), 10);
        world.rest();
    }
}

/// How many polls a transfer takes when before each of them `queued` SYNs stand before its frames.
fn polls_of_a_transfer(family: Family, queued: usize) -> u64 {
    let (mut ours, mut theirs) = (Port::default(), Port::default());
    let setup = Setup { slots: 8, ..setup(family) };
    let config = setup.config(NODE_MAC, IpCidr::new(family.node(), 16));
    let memory = rig::memory(8, 16_384, 16_384, 1024);
    let mut node = Node::new(&config, memory, &mut ours, Instant::ZERO).unwrap();
    node.listen(Listener::new(rig::PORT, 4)).unwrap();
    let mut host = Host::new(family);
    let socket = host.socket(65_535, 65_535);
    host.connect(socket);
    let mut talk = Talk::new(socket, 3, 1 << 20, Close::Late);
    let (mut flood, mut now) = (Flood::new(family, true), Instant::ZERO);
    for poll in 1.. {
        now += Duration::from_micros(100);
        assert!(poll < 20_000, "{} bytes in {poll} polls", talk.back);
        while ours.inbox.len() < queued {
            ours.inbox.push_back(flood.syn());
        }
        host.poll(now, &mut theirs);
        ours.inbox.append(&mut theirs.outbox);
        node.poll(now, &mut ours, |_| {});
        theirs.inbox.append(&mut ours.outbox);
        if talk.pump(&mut host) {
            return poll;
        }
    }
    unreachable!()
}

/// With as many SYNs before each poll as it takes frames, a transfer keeps half of its speed.
fn a_flood_does_not_starve_a_transfer(family: Family) {
    let [alone, flooded] = [0, 64].map(|queued| polls_of_a_transfer(family, queued));
    println!("{family:?}: {alone} polls alone, {flooded} flooded");
    assert!(flooded <= alone * 2, "{flooded} polls instead of {alone}");
}

in_both_families!(an_honest_peer_is_served_within_a_second, a_flood_does_not_starve_a_transfer);
