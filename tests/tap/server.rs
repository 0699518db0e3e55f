//! The TCP server, with kernel sockets as its clients.

use std::{
    io::{ErrorKind, Read},
    net::{Shutdown, TcpStream},
    os::fd::AsRawFd,
    thread,
};

use nix::{
    libc,
    sys::socket::{MsgFlags, send, setsockopt, sockopt},
};
use smolecho::{
    CloseReason, DropReason, Listener, TcpService, Timeouts, WhenFull, smoltcp::time::Duration,
};

use crate::{
    lab::{Lab, Setup},
    rig::{Family, PORT, pattern::Pattern},
    served::{self, HELLO, SIZES, say_goodbye, say_hello},
    sockets::PATIENCE,
    stream::expect_end,
    trial::{Case, cases},
};

pub(crate) fn cases() -> Vec<Case> {
    cases![families:
        stream_echoes_until_the_peer_closes,
        once_echoes_one_message_and_closes,
        once_takes_no_more_than_the_lectures_recv,
        every_size_comes_back_exactly,
        slow_reader_gets_every_byte,
        half_close_does_not_cut_what_is_in_flight,
        fin_on_the_last_data_segment_is_seen,
        sixty_four_connections_do_not_mix,
        five_thousand_in_a_row_find_eight_slots,
        full_house_resets_and_serves_again,
        full_house_keeps_silent_and_serves_again,
        crowd_is_served_one_slot_after_the_other,
        reset_in_the_middle_frees_the_slot,
        silent_peer_is_reset_after_the_idle_time,
        vanished_peer_frees_the_slot_at_its_deadline,
        peer_that_never_reads_frees_the_slot_after_the_persist_time,
        peer_that_never_closes_frees_the_slot_after_the_fin_wait_time,
    ]
}

const MIB: u64 = 1 << 20;

/// A deadline short enough for a trial and long enough for a loaded machine.
const SOON: Duration = Duration::from_millis(400);

fn once() -> Setup {
    Setup { listener: Some(Listener::new(PORT, 8).service(TcpService::Once)), ..Setup::default() }
}

/// The reason for the end of the connection.
#[track_caller]
fn end_of(lab: &Lab, stream: &TcpStream) -> CloseReason {
    lab.until_closed(stream.local_addr().expect("address")).end
}

fn stream_echoes_until_the_peer_closes(family: Family) {
    let lab = Setup::default().run();
    let stream = lab.connect(family);
    served::dialogue(&stream);
    let closed = lab.until_closed(stream.local_addr().expect("address"));
    let bytes = 3 * HELLO.len() as u64;
    assert_eq!((closed.end, closed.received, closed.sent), (CloseReason::Finished, bytes, bytes));
    assert_eq!(closed.tuple.local.port, PORT);
    // The last side to close has no TIME-WAIT.
    lab.until("all slots are free", |view| (view.occupancy.free == 8).then_some(()));
}

fn once_echoes_one_message_and_closes(family: Family) {
    let lab = once().run();
    let mut stream = lab.connect(family);
    say_hello(&stream);
    expect_end(&mut stream).expect("the server closes first");
    drop(stream);
    let end = lab.until("the end", |view| view.closed.first().map(|closed| closed.end));
    assert_eq!(end, CloseReason::Finished);
}

/// Of 1,025 bytes 1,024 are echoed; unread data ends the connection with a reset.
fn once_takes_no_more_than_the_lectures_recv(family: Family) {
    let lab = once().run();
    let pattern = Pattern::new(1);
    for len in [1, 1023, 1024] {
        let mut stream = lab.connect(family);
        pattern.echo(&stream, 0..len).expect("echo");
        expect_end(&mut stream).expect("the server closes first");
        let peer = stream.local_addr().expect("address");
        drop(stream);
        assert_eq!(lab.until_closed(peer).end, CloseReason::Finished);
    }
    let mut stream = lab.connect(family);
    pattern.send(&mut stream, 0..1025).expect("send");
    pattern.expect(&mut stream, 0..1024).expect("echo");
    match expect_end(&mut stream) {
        Ok(()) => {}
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}"),
    }
    assert_eq!(end_of(&lab, &stream), CloseReason::Unread);
}

fn every_size_comes_back_exactly(family: Family) {
    let lab = Setup::default().run();
    for len in SIZES {
        let stream = lab.connect(family);
        served::message(&stream, len);
        let closed = lab.until_closed(stream.local_addr().expect("address"));
        assert_eq!((closed.end, closed.received, closed.sent), (CloseReason::Finished, len, len));
    }
}

fn slow_reader_gets_every_byte(family: Family) {
    let lab = Setup::default().run();
    let stream = lab.connect(family);
    served::slow_reader(&stream);
    assert_eq!(end_of(&lab, &stream), CloseReason::Finished);
}

fn half_close_does_not_cut_what_is_in_flight(family: Family) {
    let lab = Setup::default().run();
    let stream = lab.connect(family);
    served::half_close(&stream);
    assert_eq!(end_of(&lab, &stream), CloseReason::Finished);
}

fn fin_on_the_last_data_segment_is_seen(family: Family) {
    for setup in [Setup::default(), once()] {
        let lab = setup.run();
        let mut stream = lab.connect(family);
        // The kernel holds the bytes back and sends them with the FIN.
        let more = MsgFlags::from_bits_retain(libc::MSG_MORE);
        assert_eq!(send(stream.as_raw_fd(), HELLO, more), Ok(HELLO.len()));
        stream.shutdown(Shutdown::Write).expect("shutdown");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("recv");
        assert_eq!(answer, HELLO);
        assert_eq!(end_of(&lab, &stream), CloseReason::Finished);
    }
}

fn sixty_four_connections_do_not_mix(family: Family) {
    const PEERS: usize = 64;
    let lab = Setup {
        slots: PEERS,
        buffer: 4096,
        listener: Some(Listener::new(PORT, PEERS as u16)),
        ..Setup::default()
    }
    .run();
    served::peers_at_once(lab.server(family), PEERS, 100_000);
    let stats = lab.until_nobody_is_served();
    assert_eq!((stats.accepted, stats.ended(CloseReason::Finished)), (64, 64));
    assert_eq!((stats.bytes_received, stats.bytes_sent), (6_400_000, 6_400_000));
}

/// The server closes first, so each connection leaves a TIME-WAIT, which gives way to the next peer.
fn five_thousand_in_a_row_find_eight_slots(family: Family) {
    const PEERS: u64 = 5000;
    let lab = once().run();
    for peer in 0..PEERS {
        let mut stream = lab
            .try_connect(family)
            .unwrap_or_else(|error| panic!("connection {peer} is refused: {error}"));
        say_hello(&stream);
        expect_end(&mut stream).unwrap_or_else(|error| panic!("connection {peer}: {error}"));
    }
    let stats = lab.until_nobody_is_served();
    assert_eq!((stats.accepted, stats.ended(CloseReason::Finished)), (PEERS, PEERS));
    assert_eq!(stats.dropped(DropReason::Full), 0);
    assert!(stats.recycled >= PEERS - 8, "{stats:?}");
}

fn full_house_resets_and_serves_again(family: Family) {
    let lab = Setup { slots: 4, ..Setup::default() }.run();
    let inside: Vec<_> = (0..4).map(|_| lab.connect(family)).collect();
    inside.iter().for_each(say_hello);
    for _ in 0..4 {
        let error = lab.try_connect(family).expect_err("no slot");
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused, "{error}");
        inside.iter().for_each(say_hello);
    }
    assert_eq!(lab.stats().dropped(DropReason::Full), 4);
    for stream in inside {
        say_goodbye(&stream);
        end_of(&lab, &stream);
        let next = lab.connect(family);
        say_hello(&next);
        say_goodbye(&next);
        end_of(&lab, &next);
    }
    assert_eq!(lab.stats().ended(CloseReason::Finished), 8);
}

/// The kernel retransmits its SYN until a slot is free.
fn full_house_keeps_silent_and_serves_again(family: Family) {
    let listener = Listener { when_full: WhenFull::Silence, ..Listener::new(PORT, 8) };
    let lab = Setup { slots: 1, listener: Some(listener), ..Setup::default() }.run();
    let inside = lab.connect(family);
    say_hello(&inside);
    thread::scope(|scope| {
        let outside = scope.spawn(|| say_hello(&lab.connect(family)));
        lab.until("a SYN is turned away", |view| {
            (view.stats.dropped(DropReason::Full) > 0).then_some(())
        });
        say_hello(&inside);
        say_goodbye(&inside);
        outside.join().expect("served after all");
    });
}

fn crowd_is_served_one_slot_after_the_other(family: Family) {
    const PEERS: usize = 12;
    let lab = Setup { slots: 3, ..Setup::default() }.run();
    served::crowd(lab.server(family), PEERS, 200_000, || {
        lab.until("a slot is free", |view| (view.occupancy.free > 0).then_some(()));
    });
    let stats = lab.until_nobody_is_served();
    assert_eq!(stats.ended(CloseReason::Finished), PEERS as u64, "{stats:?}");
}

fn reset_in_the_middle_frees_the_slot(family: Family) {
    let lab = Setup { slots: 1, ..Setup::default() }.run();
    for unread in [0, 1, 100_000] {
        let stream = lab.connect(family);
        say_hello(&stream);
        let peer = stream.local_addr().expect("address");
        stream.set_nonblocking(true).expect("non-blocking");
        // As many bytes as fit without reading the echo.
        let _ = Pattern::new(12).send(&mut &stream, 0..unread);
        let at_once = libc::linger { l_onoff: 1, l_linger: 0 };
        setsockopt(&stream, sockopt::Linger, &at_once).expect("SO_LINGER");
        drop(stream);
        assert_eq!(lab.until_closed(peer).end, CloseReason::Reset);
    }
    // One slot was enough for all of them.
    let stream = lab.connect(family);
    say_hello(&stream);
    assert_eq!(lab.stats().ended(CloseReason::Reset), 3);
}

fn silent_peer_is_reset_after_the_idle_time(family: Family) {
    let lab = short(|timeouts| timeouts.idle = Some(SOON)).run();
    let mut stream = lab.connect(family);
    say_hello(&stream);
    let error = stream.read(&mut [0]).expect_err("a reset");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert_eq!(end_of(&lab, &stream), CloseReason::IdleTimeout);
    assert_slot_is_back(&lab);
}

/// The host loses its address. The stall or the idle deadline ends the connection: at that moment all
/// echoed bytes may be acknowledged or not.
fn vanished_peer_frees_the_slot_at_its_deadline(family: Family) {
    let lab = short(|timeouts| {
        timeouts.stall = Some(SOON);
        timeouts.idle = Some(SOON * 5);
    })
    .run();
    let stream = lab.connect(family);
    let pattern = Pattern::new(13);
    pattern.echo(&stream, 0..MIB).expect("echo");
    thread::scope(|scope| {
        let writer = scope.spawn(|| pattern.echo(&stream, 0..1 << 40));
        let before = lab.stats().bytes_received;
        lab.until("bytes are under way", |view| {
            (view.stats.bytes_received > before + MIB).then_some(())
        });
        lab.host_vanishes(family);
        let end = end_of(&lab, &stream);
        assert!(matches!(end, CloseReason::StallTimeout | CloseReason::IdleTimeout), "{end:?}");
        stream.shutdown(Shutdown::Both).expect("shutdown");
        writer.join().expect("writer").expect_err("cut off");
    });
    lab.host_returns(family);
    assert_slot_is_back(&lab);
    say_hello(&lab.connect(family));
}

fn peer_that_never_reads_frees_the_slot_after_the_persist_time(family: Family) {
    let lab = short(|timeouts| timeouts.persist = Some(SOON)).run();
    let stream = lab.connect(family);
    let error = Pattern::new(14).send(&mut &stream, 0..1 << 40).expect_err("cut off");
    assert!(
        matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe),
        "within {PATIENCE:?}: {error}"
    );
    assert_eq!(end_of(&lab, &stream), CloseReason::PersistTimeout);
    assert_slot_is_back(&lab);
}

/// The server closes first, and the client never.
fn peer_that_never_closes_frees_the_slot_after_the_fin_wait_time(family: Family) {
    let mut setup = short(|timeouts| timeouts.fin_wait = Some(SOON));
    setup.listener = once().listener;
    let lab = setup.run();
    let mut stream = lab.connect(family);
    say_hello(&stream);
    expect_end(&mut stream).expect("the server closes first");
    assert_eq!(end_of(&lab, &stream), CloseReason::FinWaitTimeout);
    assert_slot_is_back(&lab);
}

/// One slot, and the default deadlines with changes.
fn short(shorten: impl FnOnce(&mut Timeouts)) -> Setup {
    let mut timeouts = Timeouts::DEFAULT;
    shorten(&mut timeouts);
    Setup { slots: 1, timeouts, ..Setup::default() }
}

#[track_caller]
fn assert_slot_is_back(lab: &Lab) {
    lab.until("the slot is free", |view| (view.occupancy.free == 1).then_some(()));
    let stats = lab.stats();
    assert_eq!((stats.accepted, stats.closed()), (1, 1), "{stats:?}");
}
