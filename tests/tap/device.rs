//! The TAP device without a node: changes of the interface by the kernel, and the cost of a wait.

use std::{
    fs::File,
    io::{ErrorKind, Read, Write},
    net::{Ipv4Addr, UdpSocket},
    os::unix::net::UnixStream,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration as Wall, Instant as Clock},
};

use nix::{
    net::if_::if_nametoindex,
    sys::{
        pthread::{pthread_kill, pthread_self},
        signal::Signal,
    },
};
use smolecho::{
    phy::tap::Tap,
    smoltcp::{
        phy::{Device, RxToken, TxToken},
        time::{Duration, Instant},
        wire::{Ipv4Packet, UdpPacket},
    },
};

use crate::{
    host,
    network::{Network, Opening},
    rig::Family,
    trial::{Case, cases},
};

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = cases![openings:
        mtu_is_the_interfaces,
        oversize_frame_is_counted_and_holds_up_nothing,
        link_down_is_counted_and_mends,
        removed_interface_ends_the_wait,
        signal_ends_the_wait_and_is_no_error,
        short_wait_sleeps,
        other_descriptors_end_the_wait,
        a_wait_lasts_as_long_as_this_one_asks,
        burst_is_drained_in_few_wake_ups,
        answers_to_a_burst_leave_before_the_wait,
        large_frames_come_whole_and_in_order,
        impossible_names_are_refused,
        interface_vanishes_with_the_tap,
    ];
    let persistent = cases![offloads_do_not_outlive_their_program];
    cases.extend(persistent.into_iter().map(|case| case.needs("ip")));
    cases
}

/// The last bytes of each datagram of the trial.
const MARK: [u8; 10] = [0x5a; 10];

const ETHERNET: usize = 14;

/// Bytes of the IPv4 and the UDP header.
const HEADERS: usize = 20 + 8;

/// An open interface that is up and has the kernel on its other side.
fn tap(opening: Opening) -> (Tap, Network) {
    let network = Network::new();
    let tap = opening.open(&network.interface).expect("a TAP");
    host::set_up(tap.name(), true);
    host::add_address(tap.name(), network.host(Family::V4));
    (tap, network)
}

/// An interface that is down, so that it has no frames.
fn silent_tap(opening: Opening) -> Tap {
    let (mut tap, _) = tap(opening);
    host::set_up(tap.name(), false);
    drain(&mut tap);
    tap
}

/// Broadcasts datagrams through the interface, which takes no ARP request.
fn broadcaster(network: &Network) -> impl Fn(usize) {
    let socket = UdpSocket::bind((network.host(Family::V4), 0)).expect("bind");
    socket.set_broadcast(true).expect("broadcast");
    socket.connect((Ipv4Addr::BROADCAST, 9)).expect("connect");
    move |length| {
        socket.send(&vec![MARK[0]; length]).expect("send");
    }
}

/// Takes a frame, if there is one; true for a frame of the trial.
fn receive(tap: &mut Tap) -> Option<bool> {
    let (rx, _) = tap.receive(Instant::ZERO)?;
    Some(rx.consume(|frame| frame.ends_with(&MARK)))
}

/// Takes all queued frames and counts those of the trial.
fn drain(tap: &mut Tap) -> usize {
    let mut ours = 0;
    // An empty queue may be a spent read budget, which is reported once: ask twice.
    for _ in 0..2 {
        while let Some(is_ours) = receive(tap) {
            ours += usize::from(is_ours);
        }
    }
    ours
}

/// Sends a frame to an unknown address, which the kernel drops.
fn transmit(tap: &mut Tap) {
    fill(tap.transmit(Instant::ZERO).expect("a token"));
}

fn fill(token: impl TxToken) {
    token.consume(60, |frame| {
        frame.fill(0);
        frame[0] = 0x02;
    });
}

/// smoltcp's MTU is the kernel's plus 14 bytes, and follows it after `refresh_mtu`.
fn mtu_is_the_interfaces(opening: Opening) {
    let (mut tap, _) = tap(opening);
    assert_eq!(tap.mtu(), 1500);
    assert_eq!(tap.capabilities().max_transmission_unit, 1514);
    host::set_mtu(tap.name(), 9000);
    assert_eq!(tap.capabilities().max_transmission_unit, 1514, "only when asked to");
    assert_eq!(tap.refresh_mtu().expect("MTU"), 9000);
    assert_eq!(tap.capabilities().max_transmission_unit, 9014);
}

/// The kernel's MTU is raised while the device is open.
fn oversize_frame_is_counted_and_holds_up_nothing(opening: Opening) {
    let (mut tap, network) = tap(opening);
    host::set_mtu(tap.name(), 9000);
    drain(&mut tap);
    let send = broadcaster(&network);
    let fits = tap.mtu() - HEADERS;
    // The buffer has room for a VLAN tag, so a few bytes too many still pass.
    for length in [2000, 100, fits + 1, fits, fits + 5, 100] {
        send(length);
    }
    // An oversize frame looks like an empty queue: ask more often.
    let ours: usize = (0..10).map(|_| drain(&mut tap)).sum();
    assert_eq!((ours, tap.counters().rx_too_large), (4, 2));
}

/// `ip link set down`: frames are counted as dropped, and the wait neither fails nor returns early.
fn link_down_is_counted_and_mends(opening: Opening) {
    let (mut tap, network) = tap(opening);
    assert!(tap.is_up().expect("flags"));
    transmit(&mut tap);
    let before = tap.counters();
    assert_eq!((before.sent, before.tx_dropped), (1, 0));

    host::set_up(tap.name(), false);
    assert!(!tap.is_up().expect("flags"));
    for _ in 0..3 {
        transmit(&mut tap);
    }
    drain(&mut tap);
    tap.wait(Some(Duration::ZERO)).expect("wait");
    let start = Clock::now();
    tap.wait(Some(Duration::from_millis(20))).expect("wait");
    assert!(start.elapsed() >= Wall::from_millis(19), "a link that is down ends no wait");
    let down = tap.counters();
    assert_eq!((down.sent, down.tx_dropped, down.rx_errors), (1, 3, 0));

    host::set_up(tap.name(), true);
    transmit(&mut tap);
    broadcaster(&network)(100);
    assert_eq!(drain(&mut tap), 1);
    assert_eq!(tap.counters().sent, 2);
}

/// `ip link delete`: the wait fails instead of returning at once for ever.
fn removed_interface_ends_the_wait(opening: Opening) {
    let (mut tap, network) = tap(opening);
    host::remove(tap.name());
    let error = tap.wait(None).expect_err("removed");
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains(&network.interface), "{error}");
    transmit(&mut tap);
    assert!(tap.receive(Instant::ZERO).is_none());
    assert_eq!((tap.counters().tx_dropped, tap.counters().rx_errors), (1, 1));
}

fn signal_ends_the_wait_and_is_no_error(opening: Opening) {
    let mut tap = silent_tap(opening);
    let seen = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(signal_hook::consts::SIGUSR2, Arc::clone(&seen)).expect("handler");
    let (this, over) = (pthread_self(), Arc::new(AtomicBool::new(false)));
    // Repeated, because the first signal may come before the wait.
    let sender = thread::spawn({
        let over = Arc::clone(&over);
        move || {
            while !over.load(Ordering::SeqCst) {
                thread::sleep(Wall::from_millis(10));
                pthread_kill(this, Signal::SIGUSR2).expect("kill");
            }
        }
    });
    tap.wait(None).expect("EINTR is no error");
    over.store(true, Ordering::SeqCst);
    sender.join().expect("sender");
    assert!(seen.load(Ordering::SeqCst));
}

/// A wait of 500 µs is neither skipped nor a busy loop.
fn short_wait_sleeps(opening: Opening) {
    let mut tap = silent_tap(opening);
    let asked = Wall::from_micros(500);
    let shortest = (0..20)
        .map(|_| {
            let start = Clock::now();
            tap.wait(Some(Duration::from_micros(500))).expect("wait");
            start.elapsed()
        })
        .min()
        .expect("twenty waits");
    assert!((asked..asked * 20).contains(&shortest), "{shortest:?}");
}

fn other_descriptors_end_the_wait(opening: Opening) {
    let mut tap = silent_tap(opening);
    let (mut near, far) = UnixStream::pair().expect("pair");
    near.write_all(b"!").expect("write");
    for end in [&near, &far] {
        tap.watch(end).expect("watch");
    }
    tap.wait(None).expect("wait");
    assert_eq!(tap.watch(&far).expect_err("twice").kind(), ErrorKind::AlreadyExists);
    drop(far);
    // `near` reports that its peer is closed, and is then closed itself.
    drop(near);
    let start = Clock::now();
    tap.wait(Some(Duration::from_millis(20))).expect("wait");
    assert!(start.elapsed() >= Wall::from_millis(19), "a closed descriptor ends no wait");
}

/// The timer of a wait that ended early does not shorten or lengthen the next one.
fn a_wait_lasts_as_long_as_this_one_asks(opening: Opening) {
    let mut tap = silent_tap(opening);
    let (mut near, mut far) = UnixStream::pair().expect("pair");
    tap.watch(&near).expect("watch");
    for (last, this) in [(10_000, 20), (20, 60)] {
        far.write_all(b"!").expect("write");
        tap.wait(Some(Duration::from_millis(last))).expect("wait");
        near.read_exact(&mut [0]).expect("read");
        let start = Clock::now();
        tap.wait(Some(Duration::from_millis(this))).expect("wait");
        let waited = start.elapsed();
        assert!((Wall::from_millis(this)..Wall::from_secs(5)).contains(&waited), "{waited:?}");
    }
}

/// And no frame stays behind when the read budget is spent.
fn burst_is_drained_in_few_wake_ups(opening: Opening) {
    const BURST: usize = 300;
    let (mut tap, network) = tap(opening);
    drain(&mut tap);
    let send = broadcaster(&network);
    for _ in 0..BURST {
        send(100);
    }
    let (mut ours, mut wakes) = (0, 0);
    while ours < BURST && wakes < BURST {
        tap.wait(Some(Duration::from_secs(1))).expect("wait");
        wakes += 1;
        while let Some(is_ours) = receive(&mut tap) {
            ours += usize::from(is_ours);
        }
    }
    assert_eq!(ours, BURST);
    assert!(wakes < BURST / 10, "{wakes} wake-ups");
}

/// Batched frames all leave before the wait.
fn answers_to_a_burst_leave_before_the_wait(opening: Opening) {
    let (mut tap, network) = tap(opening);
    drain(&mut tap);
    let send = broadcaster(&network);
    let mut all = 0;
    for burst in [1, 1, 2, 64, 65, 300, 1] {
        for _ in 0..burst {
            send(100);
        }
        let mut ours = 0;
        for _ in 0..burst {
            tap.wait(Some(Duration::from_secs(1))).expect("wait");
            while let Some((rx, token)) = tap.receive(Instant::ZERO) {
                if rx.consume(|frame| frame.ends_with(&MARK)) {
                    fill(token);
                    ours += 1;
                }
            }
            if ours == burst {
                break;
            }
        }
        all += burst;
        let counters = tap.counters();
        assert_eq!((ours, counters.sent, counters.tx_dropped), (burst, all, 0));
    }
}

/// With io_uring one system call reads several frames, each into its own part of the buffer.
fn large_frames_come_whole_and_in_order(opening: Opening) {
    let (mut tap, network) = tap(opening);
    host::set_mtu(tap.name(), 9000);
    tap.refresh_mtu().expect("MTU");
    drain(&mut tap);
    let send = broadcaster(&network);
    for round in 0..50 {
        let sent = [100, 8000, 6000, 5000].map(|length| length + round);
        sent.into_iter().for_each(&send);
        let (mut came, mut waits) = (Vec::new(), 0);
        while came.len() < sent.len() && waits < 50 {
            tap.wait(Some(Duration::from_millis(100))).expect("wait");
            waits += 1;
            while let Some((rx, _)) = tap.receive(Instant::ZERO) {
                came.extend(rx.consume(|frame| {
                    let data = frame.get(ETHERNET + HEADERS..)?;
                    data.iter().all(|&byte| byte == MARK[0]).then_some(data.len())
                }));
            }
        }
        assert_eq!(came, sent, "round {round}");
    }
    assert_eq!(tap.counters().rx_errors, 0);
}

fn impossible_names_are_refused(opening: Opening) {
    for bad in ["", "a/b", "sixteen-bytes-xx", "a\0b"] {
        let error = opening.open(bad).expect_err(bad);
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{bad:?}: {error}");
    }
    let (first, _) = tap(opening);
    assert_eq!(opening.open(first.name()).expect_err("held").kind(), ErrorKind::ResourceBusy);
    assert_eq!(opening.open("lo").expect_err("no TAP").kind(), ErrorKind::InvalidInput);
}

/// The interface lives as long as its descriptor.
fn interface_vanishes_with_the_tap(opening: Opening) {
    let (first, network) = tap(opening);
    let exists = |network: &Network| if_nametoindex(network.interface.as_str()).is_ok();
    drop(first);
    assert!(!exists(&network));

    let (second, network) = tap(opening);
    let mut file = File::from(second.into_fd().expect("a descriptor"));
    assert!(exists(&network));
    // The header of offloads, if there is one, is zero.
    assert_eq!(file.write(&[0; 10 + 60]).expect("a frame"), 70);
    drop(file);
    assert!(!exists(&network));
}

/// A persistent interface: the next program gets whole checksums again.
fn offloads_do_not_outlive_their_program() {
    let network = Network::new();
    let name = &network.interface;
    let tuntap = |verb| {
        let ip = Command::new("ip").args(["tuntap", verb, "mode", "tap", "dev", name]).status();
        assert!(ip.is_ok_and(|status| status.success()), "ip tuntap {verb}");
    };
    tuntap("add");
    host::set_up(name, true);
    host::add_address(name, network.host(Family::V4));
    for opening in [Opening::Offload, Opening::Plain] {
        let mut tap = opening.open(name).expect("a TAP");
        let send = broadcaster(&network);
        let is_whole = |frame: &[u8]| {
            let ip = Ipv4Packet::new_checked(&frame[ETHERNET..]).expect("a packet");
            let udp = UdpPacket::new_checked(ip.payload()).expect("a datagram");
            udp.verify_checksum(&ip.src_addr().into(), &ip.dst_addr().into())
        };
        // The kernel takes a while to send on a reopened interface.
        let whole = (0..1000).find_map(|_| {
            send(100);
            tap.wait(Some(Duration::from_millis(10))).expect("wait");
            let (rx, _) = tap.receive(Instant::ZERO)?;
            rx.consume(|frame| frame.ends_with(&MARK).then(|| is_whole(frame)))
        });
        assert_eq!(whole, Some(true), "{opening}");
    }
    tuntap("del");
}
