//! The UDP services: echo, discard and chargen, their limits, and ICMP beside them.

mod damaged;
mod icmp;
mod policy;
mod services;
mod silent;
mod sizes;

use crate::rig::host::Host;
use crate::rig::udp::{self, Asker};
use crate::rig::{Family, PORT, Setup, World, s};
use smolecho::{DatagramDropReason, UdpService};

const DISCARD: u16 = 9;

const CHARGEN: u16 = 19;

/// With echo, discard and chargen bound.
fn world_of(setup: Setup) -> World<Host> {
    let mut world = Setup { datagrams: udp::memory, ..setup }.world();
    world.ours.node.bind(PORT, UdpService::Echo).unwrap();
    world.ours.node.bind(DISCARD, UdpService::Discard).unwrap();
    world.ours.node.bind(CHARGEN, UdpService::Chargen).unwrap();
    world
}

fn world(family: Family) -> World<Host> {
    world_of(Setup::new(family))
}

/// A world, and a peer whose hardware address the node knows.
fn scene(family: Family) -> (World<Host>, Asker) {
    let mut world = world(family);
    let asker = Asker::new(&mut world, family, 1);
    (world, asker)
}

fn dropped(world: &World, why: DatagramDropReason) -> u64 {
    world.stats().datagrams_dropped(why)
}

#[track_caller]
fn assert_serves(world: &mut World, asker: &Asker) {
    assert_eq!(asker.ask(world, b"still there?"), [b"still there?"], "the service is disturbed");
}

/// The node has no work and no timer.
#[track_caller]
fn assert_idle(world: &mut World) {
    world.run_for(s(1));
    assert_eq!(world.ours.node.poll_at(world.now), None, "a node with no work is not due");
}
