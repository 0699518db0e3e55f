//! A flood of spoofed SYNs in each poll, with honest peers before and during it.

use crate::rig::frames::Segment;
use crate::rig::host::Host;
use crate::rig::talk::{Close, Talk};
use crate::rig::{Dice, Family, Port, Setup, Station, World, in_both_families, ms, s};
use smolecho::CloseReason;
use smolecho::smoltcp::socket::tcp::State;
use smolecho::smoltcp::time::{Duration, Instant};
use smolecho::smoltcp::wire::IpEndpoint;

/// SYNs from one source or from random ones.
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
        // The trace of a flood is long and not needed.
        world.trace.clear();
    }
}

fn setup(family: Family) -> Setup {
    Setup { slots: 8, backlog: 4, rx: 16_384, tx: 16_384, ..Setup::new(family) }
}

/// During and after the flood an honest peer has its echo within a second.
fn an_honest_peer_is_served_within_a_second(family: Family) {
    for random in [false, true] {
        let mut world = setup(family).world();
        let mut flood = Flood::new(family, random);
        let inside = world.connected(s(1));
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
        world.assert_echo(s(1), inside, b"still here");
        assert!(world.stats().cookies_returned >= 8, "{:?}", world.stats());
        assert_eq!(world.ours.ended(CloseReason::Finished), 10);
        world.rest();
    }
}

/// The polls of a transfer with `queued` SYNs ahead of its frames in each poll.
fn polls_of_a_transfer(family: Family, queued: usize) -> u64 {
    let (mut ours, mut theirs) = (Port::default(), Port::default());
    let mut node = Setup { scratch: 1024, ..setup(family) }.node(&mut ours);
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

/// With a poll's budget of SYNs queued before each poll a transfer takes at most twice as many polls.
fn a_flood_does_not_starve_a_transfer(family: Family) {
    let [alone, flooded] = [0, 64].map(|queued| polls_of_a_transfer(family, queued));
    println!("{family:?}: {alone} polls alone, {flooded} flooded");
    assert!(flooded <= alone * 2, "{flooded} polls instead of {alone}");
}

in_both_families!(an_honest_peer_is_served_within_a_second, a_flood_does_not_starve_a_transfer);
