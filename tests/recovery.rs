//! A link that goes and comes, a neighbour that moves: what was there goes on, or is served anew.

mod rig;

use rig::frames::moved;
use rig::host::Host;
use rig::talk::{Close, Talk};
use rig::{Family, Fate, Setup, World, in_both_families, ms, s};
use smolecho::CloseReason;
use smolecho::smoltcp::iface::SocketHandle;
use smolecho::smoltcp::wire::{EthernetAddress, HardwareAddress};

#[track_caller]
fn is_served(world: &mut World<Host>, socket: SocketHandle, said: &[u8]) {
    world.far.send(socket, said);
    world.run_until(s(20), |world| world.far.get(socket).recv_queue() == said.len());
    assert_eq!(world.far.recv(socket), said);
}

/// Five seconds are longer than several retransmissions, and end before the next one is too late for
/// any deadline.
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

/// Both sides were quiet meanwhile and notice nothing.
fn a_link_lost_in_silence_is_not_noticed(family: Family) {
    let mut world = Setup::new(family).world();
    let caller = world.far.caller();
    world.run_until(s(1), |world| world.stats().accepted == 1);
    world.cut();
    world.run_for(s(200));
    world.mend();
    is_served(&mut world, caller, b"nothing happened");
    assert_eq!(world.ours.ends(), []);
    world.rest();
}

/// Lost for longer than the deadline: the slot is free, and serves whoever comes when it is back.
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
    let caller = world.far.caller();
    world.run_until(s(10), |world| world.far.is_established(caller));
    is_served(&mut world, caller, b"hello again");
    world.rest();
}

/// The neighbour has another hardware address now and says so.
fn a_neighbour_that_moved_is_followed(family: Family) {
    let mut world = Setup::new(family).world();
    let caller = world.far.caller();
    world.run_until(s(1), |world| world.stats().accepted == 1);
    is_served(&mut world, caller, b"here");
    let mac = EthernetAddress([2, 0, 0, 0, 0, 0x22]);
    world.far.iface.set_hardware_addr(HardwareAddress::Ethernet(mac));
    world.run_for(ms(100));
    world.inject_and_settle(moved(world.far.address(), mac));
    is_served(&mut world, caller, b"and there");
    let newcomer = world.far.caller();
    is_established_and_served(&mut world, newcomer);
    assert_eq!(world.ours.ends(), []);
    world.rest();
}

/// The same without a word: what is known of it grows old within a minute.
fn a_neighbour_that_moved_silently_is_found_again(family: Family) {
    let mut world = Setup::new(family).world();
    let caller = world.far.caller();
    world.run_until(s(1), |world| world.stats().accepted == 1);
    is_served(&mut world, caller, b"here");
    let mac = EthernetAddress([2, 0, 0, 0, 0, 0x22]);
    world.far.iface.set_hardware_addr(HardwareAddress::Ethernet(mac));
    world.run_for(s(61));
    is_served(&mut world, caller, b"and there");
    let newcomer = world.far.caller();
    is_established_and_served(&mut world, newcomer);
    world.rest();
}

#[track_caller]
fn is_established_and_served(world: &mut World<Host>, socket: SocketHandle) {
    world.run_until(s(10), |world| world.far.is_established(socket));
    is_served(world, socket, b"a newcomer");
}

in_both_families!(
    a_link_lost_at_any_frame_loses_nothing,
    a_link_lost_in_silence_is_not_noticed,
    a_link_lost_for_good_frees_every_slot,
    a_neighbour_that_moved_is_followed,
    a_neighbour_that_moved_silently_is_found_again,
);
