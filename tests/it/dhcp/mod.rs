//! An IPv4 address from a DHCP server.

mod lease;
mod renewal;
mod servers;

use crate::rig::dhcp::Lan;
use crate::rig::udp::{self};
use crate::rig::{Family, Happened, PORT, Setup, World, s};
use smolecho::smoltcp::time::Duration;
use smolecho::smoltcp::wire::{IpCidr, Ipv4Address};
use smolecho::{Timeouts, UdpService};

const LEASED: Ipv4Address = Ipv4Address::new(10, 7, 0, 100);

const OTHER: Ipv4Address = Ipv4Address::new(10, 7, 0, 101);

fn setup() -> Setup {
    // Without these deadlines only the loss of the address ends a quiet connection.
    let timeouts = Timeouts { idle: None, stall: None, ..Timeouts::DEFAULT };
    Setup {
        nameless: true,
        dhcpv4: true,
        timeouts,
        datagrams: udp::memory,
        ..Setup::new(Family::V4)
    }
}

fn world_with(lan: Lan) -> World<Lan> {
    let mut world = setup().opposite(lan);
    world.ours.node.bind(PORT, UdpService::Echo).unwrap();
    world
}

fn world() -> World<Lan> {
    world_with(Lan::new())
}

fn cidr(address: Ipv4Address) -> IpCidr {
    IpCidr::new(address.into(), 16)
}

/// Runs until the node has its address.
#[track_caller]
fn bound(world: &mut World<Lan>) {
    world.run_until(s(15), |world| !world.ours.changes().is_empty());
    assert_eq!(world.ours.changes(), [Happened::Gained(cidr(world.far.address))]);
}

/// Runs for `time` and returns the number of turns.
#[track_caller]
fn turns_in(world: &mut World<Lan>, time: Duration) -> u64 {
    let before = world.turns;
    world.run_for(time);
    world.turns - before
}
