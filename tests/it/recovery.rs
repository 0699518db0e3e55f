//! A link that is lost and comes back, and a neighbor with a new hardware address.

use crate::rig::frames::moved;
use crate::rig::host::Host;
use crate::rig::talk::{Close, Talk};
use crate::rig::{Family, Fate, Setup, World, in_both_families, ms, s};
use smolecho::CloseReason;
use smolecho::smoltcp::iface::SocketHandle;
use smolecho::smoltcp::wire::{EthernetAddress, HardwareAddress};

/// An outage of 5 s takes several retransmissions, and ends before any deadline.
fn a_link_lost_at_any_frame_loses_nothing(family: Family) {
    for lost in 0..36 {
        let mut world = Setup::new(family).world();
        let (mut frames, mut down) = (0, None);
        world.fate = Box::new(move |frame| {
            frames += 1;
            if frames > lost {
                down.get_or_insert(frame.at);
            }
            match down {
                Some(since) if frame.at < since + s(5) => Fate::Drop,
                _ => Fate::Deliver,
            }
        });
        let caller = world.far.caller();
        let mut talk = Talk::new(caller, lost, 9000, Close::Early);
        world.run_until(s(60), |world| talk.pump(&mut world.far));
        world.run_for(s(20));
        assert_eq!(world.ours.ended(CloseReason::Finished), 1, "lost from frame {lost} on");
        world.rest();
    }
}

/// An outage without traffic has no effect.
fn a_link_lost_in_silence_is_not_noticed(family: Family) {
    let mut world = Setup::new(family).world();
    let caller = world.far.caller();
    world.run_until(s(1), |world| world.stats().accepted == 1);
    world.cut();
    world.run_for(s(200));
    world.mend();
    world.assert_echo(s(20), caller, b"nothing happened");
    assert_eq!(world.ours.ends(), []);
    world.rest();
}

/// An outage longer than each deadline frees the slots; a later peer is served.
fn a_link_lost_for_good_frees_every_slot(family: Family) {
    let mut world = Setup { slots: 4, ..Setup::new(family) }.world();
    let callers: Vec<_> = (0..4).map(|_| world.far.caller()).collect();
    world.run_until(s(1), |world| world.stats().accepted == 4);
    world.cut();
    for caller in &callers[..2] {
        world.far.send(*caller, b"into the void");
        world.far.get(*caller).set_timeout(Some(s(60)));
    }
    world.run_for(s(310));
    world.assert_all_free();
    world.mend();
    let caller = world.connected(s(10));
    world.assert_echo(s(20), caller, b"hello again");
    world.rest();
}

/// A served connection to a neighbor that then changes its hardware address.
fn moved_neighbor(family: Family) -> (World<Host>, SocketHandle, EthernetAddress) {
    let mut world = Setup::new(family).world();
    let caller = world.connected(s(1));
    world.assert_echo(s(20), caller, b"here");
    let mac = EthernetAddress([2, 0, 0, 0, 0, 0x22]);
    world.far.iface.set_hardware_addr(HardwareAddress::Ethernet(mac));
    (world, caller, mac)
}

/// The old connection and a new one.
fn assert_both_served(world: &mut World<Host>, caller: SocketHandle) {
    world.assert_echo(s(20), caller, b"and there");
    let newcomer = world.connected(s(10));
    world.assert_echo(s(20), newcomer, b"a newcomer");
    assert_eq!(world.ours.ends(), []);
    world.rest();
}

/// The neighbor announces its new address.
fn a_neighbour_that_moved_is_followed(family: Family) {
    let (mut world, caller, mac) = moved_neighbor(family);
    world.run_for(ms(100));
    world.inject_and_settle(moved(world.far.address(), mac));
    assert_both_served(&mut world, caller);
}

/// Without an announcement the old address expires from the cache within a minute.
fn a_neighbour_that_moved_silently_is_found_again(family: Family) {
    let (mut world, caller, _) = moved_neighbor(family);
    world.run_for(s(61));
    assert_both_served(&mut world, caller);
}

in_both_families!(
    a_link_lost_at_any_frame_loses_nothing,
    a_link_lost_in_silence_is_not_noticed,
    a_link_lost_for_good_frees_every_slot,
    a_neighbour_that_moved_is_followed,
    a_neighbour_that_moved_silently_is_found_again,
);
