//! The echo: each byte comes back, in order, and then the FIN.

use crate::rig::frames::Tcp;
use crate::rig::host::Host;
use crate::rig::talk::{Close, Talk};
use crate::rig::{Family, Fate, PORT, Setup, World, in_both_families, ms, s};
use smolecho::smoltcp::socket::tcp::State;
use smolecho::{CloseReason, Timeouts};

/// A world with buffers of this size in the node.
fn world(family: Family, slots: usize, buffer: usize) -> World<Host> {
    Setup { slots, rx: buffer, tx: buffer, ..Setup::new(family) }.world()
}

fn talk(world: &mut World<Host>, buffer: usize, seed: u64, len: u64, close: Close) -> Talk {
    let socket = world.far.socket(buffer, buffer);
    world.far.connect(socket);
    Talk::new(socket, seed, len, close)
}

#[track_caller]
fn run(world: &mut World<Host>, talk: &mut Talk) {
    world.run_until(s(600), |world| talk.pump(&mut world.far));
    world.run_until(s(30), |world| world.ours.node.occupancy().free > 0);
    assert_eq!(world.ours.ends(), [CloseReason::Finished]);
    let stats = world.stats();
    assert_eq!((stats.bytes_received, stats.bytes_sent), (talk.sent, talk.sent));
}

fn every_size_comes_back(family: Family) {
    for len in [0, 1, 1023, 1024, 1025, 65_535, 65_536] {
        for close in [Close::Early, Close::Late] {
            let mut world = world(family, 1, 4096);
            let mut talk = talk(&mut world, 4096, len, len, close);
            run(&mut world, &mut talk);
            world.assert_all_free();
        }
    }
}

fn four_mebibytes_both_ways_at_once(family: Family) {
    let mut world = world(family, 1, 65_535);
    let mut talk = talk(&mut world, 65_535, 4, 4 << 20, Close::Early);
    run(&mut world, &mut talk);
}

fn tiny_buffers_are_slow_but_right(family: Family) {
    for (buffer, len) in [(1, 300), (7, 2000)] {
        for scratch in [1, 256] {
            let setup = Setup { slots: 1, rx: buffer, tx: buffer, scratch, ..Setup::new(family) };
            let mut world = setup.world();
            let mut talk = talk(&mut world, 4096, 7, len, Close::Early);
            run(&mut world, &mut talk);
        }
    }
}

fn a_fin_on_the_last_data_segment_loses_nothing(family: Family) {
    let mut world = world(family, 1, 2048);
    let mut talk = talk(&mut world, 2048, 5, 500, Close::Early);
    run(&mut world, &mut talk);
    let fin_with_data = |tcp: Tcp| tcp.fin && tcp.len > 0 && tcp.from.port != PORT;
    assert!(world.trace.iter().filter_map(|frame| frame.tcp()).any(fin_with_data));
}

fn half_close_drains_what_is_in_flight(family: Family) {
    let mut world = world(family, 1, 2048);
    // The peer queues everything and its FIN at once; the echo needs many windows.
    let socket = world.far.socket(2048, 1 << 18);
    world.far.connect(socket);
    let mut talk = Talk::new(socket, 6, 1 << 18, Close::Early);
    world.run_until(s(10), |world| {
        talk.send(&mut world.far);
        world.far.state(socket) == State::FinWait1
    });
    assert!(talk.back < talk.sent / 2, "data must be in flight when the FIN is queued");
    run(&mut world, &mut talk);
}

fn the_fin_follows_the_last_echoed_byte(family: Family) {
    let mut world = world(family, 1, 2048);
    let mut talk = talk(&mut world, 2048, 6, 10_000, Close::Early);
    run(&mut world, &mut talk);
    let segments: Vec<_> = world.sent_since(0).filter_map(|frame| frame.tcp()).collect();
    let fin = segments.iter().find(|tcp| tcp.fin).unwrap();
    assert!(segments.iter().all(|tcp| tcp.seq + tcp.len <= fin.seq + fin.len));
}

fn sixty_four_connections_keep_apart(family: Family) {
    let mut world = Setup { slots: 64, backlog: 64, ..Setup::new(family) }.world();
    let mut talks: Vec<_> =
        (0..64).map(|i| talk(&mut world, 2048, 100 + i, 3000 + 501 * i, Close::Early)).collect();
    let mut most = 0;
    world.run_until(s(60), |world| {
        most = most.max(world.ours.node.occupancy().open);
        talks.iter_mut().map(|talk| talk.pump(&mut world.far)).filter(|done| !done).count() == 0
    });
    assert_eq!(most, 64, "all at once");
    world.run_until(s(30), |world| world.stats().ended(CloseReason::Finished) == 64);
}

/// 1 MiB is queued and the peer reads a byte every 10 ms for two minutes. That is four times the stall
/// deadline, but each byte is progress.
fn a_reader_of_one_byte_every_10_ms(family: Family) {
    let mut world = world(family, 1, 2048);
    let socket = world.far.socket(512, 1 << 20);
    world.far.connect(socket);
    let mut talk = Talk::new(socket, 8, 1 << 20, Close::Early);
    world.run_until(s(10), |world| {
        talk.send(&mut world.far);
        talk.sent == 1 << 20
    });
    for _ in 0..12_000 {
        world.run_for(ms(10));
        talk.recv(&mut world.far, 1);
    }
    assert!(talk.back > 11_000, "{} bytes came back", talk.back);
    run(&mut world, &mut talk);
}

fn lost_late_and_doubled_frames_are_made_good(family: Family) {
    for every in [5, 11, 23] {
        let mut world = world(family, 1, 8192);
        let mut n = 0;
        world.fate = Box::new(move |_| {
            n += 1;
            match n % every {
                0 => Fate::Drop,
                1 => Fate::Late(ms(7)),
                2 => Fate::Twice,
                _ => Fate::Deliver,
            }
        });
        let mut talk = talk(&mut world, 8192, every, 60_000, Close::Early);
        run(&mut world, &mut talk);
    }
}

fn a_link_that_comes_back_loses_no_byte(family: Family) {
    let mut world = world(family, 1, 4096);
    let mut talk = talk(&mut world, 4096, 9, 200_000, Close::Early);
    for outage in [ms(300), s(3), s(20)] {
        let until = talk.back + 40_000;
        world.run_until(s(60), |world| {
            talk.pump(&mut world.far);
            talk.back >= until
        });
        world.cut();
        world.run_for(outage);
        world.mend();
    }
    run(&mut world, &mut talk);
}

fn a_server_that_is_not_polled_for_a_while_catches_up(family: Family) {
    let mut world = world(family, 1, 4096);
    let mut talk = talk(&mut world, 4096, 9, 100_000, Close::Early);
    // 5 s on the wire: as if the program had not polled.
    let mut held = 0;
    world.fate = Box::new(move |frame| {
        held += 1;
        if held % 400 == 0 && frame.tcp().is_some() { Fate::Late(s(5)) } else { Fate::Deliver }
    });
    run(&mut world, &mut talk);
}

fn a_quiet_connection_lives_until_the_idle_deadline(family: Family) {
    let timeouts = Timeouts { idle: Some(s(90)), ..Timeouts::DEFAULT };
    let mut world = Setup { timeouts, ..Setup::new(family) }.world();
    let caller = world.far.caller();
    for _ in 0..3 {
        world.run_for(s(80));
        world.far.send(caller, b"still here");
        world.run_for(s(2));
        assert_eq!(world.far.recv(caller), b"still here");
    }
    assert_eq!(world.ours.ends(), []);
}

in_both_families!(
    every_size_comes_back,
    four_mebibytes_both_ways_at_once,
    tiny_buffers_are_slow_but_right,
    a_fin_on_the_last_data_segment_loses_nothing,
    half_close_drains_what_is_in_flight,
    the_fin_follows_the_last_echoed_byte,
    sixty_four_connections_keep_apart,
    a_reader_of_one_byte_every_10_ms,
    lost_late_and_doubled_frames_are_made_good,
    a_link_that_comes_back_loses_no_byte,
    a_server_that_is_not_polled_for_a_while_catches_up,
    a_quiet_connection_lives_until_the_idle_deadline,
);
