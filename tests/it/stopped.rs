//! A process that is stopped for longer than a deadline (a debugger, a flash erase, a virtual machine's
//! pause): frames that came before the deadline count before it.

use crate::rig::raw::Raw;
use crate::rig::{Family, Setup, in_both_families, s};
use smolecho::CloseReason;
use smolecho::smoltcp::wire::TcpControl;

const PEERS: u16 = 40;

/// `stopped` is longer than the idle time. All peers but one have sent by then.
fn stopped(family: Family, one_by_one: bool) {
    let mut world = Setup { slots: PEERS.into(), ..Setup::new(family) }.world();
    let mut peers: Vec<_> = (0..PEERS).map(|n| Raw::connected(&mut world, family, n)).collect();
    for peer in &peers[1..] {
        world.inject(peer.segment(TcpControl::Psh, b"still here").frame());
    }
    world.stop_for(s(400));
    if one_by_one {
        world.poll_one_by_one();
    }
    world.run_for(s(1));
    assert_eq!(world.ours.ends(), [CloseReason::IdleTimeout], "only the silent peer is reset");
    for peer in &mut peers[1..] {
        peer.seq += 10;
        assert_eq!(peer.take(&mut world), 10);
    }
}

fn peers_are_kept(family: Family) {
    stopped(family, false);
}

fn peers_are_kept_by_a_device_of_one_frame_a_poll(family: Family) {
    stopped(family, true);
}

/// Deadlines wait for frames of before, and not for a load without end.
fn a_load_without_end_postpones_no_deadline(family: Family) {
    let mut world = Setup { slots: 2, ..Setup::new(family) }.world();
    Raw::connected(&mut world, family, 0);
    let busy = Raw::connected(&mut world, family, 1);
    let noise = busy.segment(TcpControl::None, &[]).frame();
    world.stop_for(s(290));
    for _ in 0..400 {
        for _ in 0..32 {
            world.inject(noise.clone());
        }
        world.stop_for(s(1) / 10);
        world.poll_one_by_one();
    }
    assert_eq!(world.ours.ends(), [CloseReason::IdleTimeout; 2], "neither has sent a byte");
}

in_both_families!(
    peers_are_kept,
    peers_are_kept_by_a_device_of_one_frame_a_poll,
    a_load_without_end_postpones_no_deadline,
);
