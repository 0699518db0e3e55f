//! The firmware of the boards under QEMU: the dialogues of `served`, and frames that a MAC must survive.

use std::{
    env,
    net::{IpAddr, SocketAddr},
    process::Command,
    thread,
    time::Duration as Wall,
};

use smolecho::smoltcp::wire::{TcpControl, TcpSeqNumber};

use crate::{
    emulator::{Board, Emulator, Image, Plug},
    rig::{Dice, Family},
    served::{self, SIZES, assert_echoes, say_goodbye, say_hello},
    sockets::{connect, datagram_client},
    trial::Case,
};

const BOARDS: [Board; 3] = [
    Board { name: "qemu-lm3s6965", mac: [2, 0, 0, 0x69, 0x65, 1] },
    Board { name: "qemu-mps2-an385", mac: [2, 0, 0, 0x91, 0x18, 1] },
    Board { name: "qemu-riscv32-virt", mac: [2, 0, 0, 0xf0, 0x0d, 1] },
];

/// Connections of the usual image and of the large one.
const SLOTS: [usize; 2] = [4, 16];

/// The variable with the path of the host program.
const PROGRAM: &str = "SMOLECHO_PROGRAM";

const MIB: u64 = 1 << 20;

/// A trial of a board that serves at an address with a number of slots, and its name.
type Dealing = (&'static str, fn(&Emulator, SocketAddr, usize));

/// Over both networks.
const SERVED: &[Dealing] = &[
    ("dialogue", |_, server, _| served::dialogue(&connect(server).expect("connect"))),
    ("sizes", sizes),
    ("half_close", |_, server, _| served::half_close(&connect(server).expect("connect"))),
    ("slow_reader", |_, server, _| served::slow_reader(&connect(server).expect("connect"))),
    ("more_peers_than_slots", more_peers_than_slots),
    ("datagrams_of_every_size", datagrams_of_every_size),
    ("smolecho_probe", smolecho_probe),
];

/// Over QEMU's user network, which accepts each connection before it connects to the board.
const RELAYED: &[Dealing] = &[("a_mebibyte_each_at_once", a_mebibyte_each_if_taken)];

/// Over a TAP interface.
const LINKED: &[Dealing] = &[
    ("a_mebibyte_each_at_once", a_mebibyte_each_at_once),
    ("flood_of_syns", flood_of_syns),
    ("garbage", garbage),
    ("short_frames", short_frames),
    ("oversize_frames", oversize_frames),
    ("a_burst_of_31", a_burst_of_31),
];

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for board in BOARDS {
        let name = format!("panic_ends_the_emulation::{}", board.name);
        cases.push(Case::new(module_path!(), &name, move || panic_ends_the_emulation(board)));
        for slots in SLOTS {
            let name = |case, way: &str| format!("{case}::{}::{slots}::{way}", board.name);
            for &(case, run) in SERVED.iter().chain(RELAYED) {
                cases.push(Case::new(module_path!(), &name(case, "user"), move || {
                    let mut board = Emulator::start(board, Image::Slots(slots), Plug::User);
                    run(&board, board.server(), slots);
                    board.assert_it_runs();
                }));
            }
            for &(case, run) in SERVED.iter().chain(LINKED) {
                for family in [Family::V4, Family::V6] {
                    let name = name(case, &format!("tap::{family}"));
                    cases.push(Case::new(module_path!(), &name, move || {
                        let mut board = Emulator::start(board, Image::Slots(slots), Plug::Tap);
                        run(&board, board.address(family), slots);
                        board.assert_it_runs();
                    }));
                }
            }
        }
    }
    cases.into_iter().map(Case::firmware).collect()
}

fn panic_ends_the_emulation(board: Board) {
    let (status, last_words) = Emulator::start(board, Image::Panics, Plug::User).until_it_ends();
    assert_eq!(status, Some(1), "{last_words}");
    assert_eq!(last_words, "as the feature has it");
}

fn sizes(_: &Emulator, server: SocketAddr, _: usize) {
    for len in SIZES {
        served::message(&connect(server).expect("connect"), len);
    }
}

fn a_mebibyte_each_at_once(_: &Emulator, server: SocketAddr, slots: usize) {
    served::peers_at_once(server, slots.min(6), MIB);
}

/// Only an echoed byte proves that QEMU has reached the board; a dropped peer connects again.
fn a_mebibyte_each_if_taken(_: &Emulator, server: SocketAddr, slots: usize) {
    served::crowd(server, slots.min(6), MIB, a_moment);
}

fn more_peers_than_slots(_: &Emulator, server: SocketAddr, slots: usize) {
    served::crowd(server, slots + 8, 200_000, a_moment);
}

/// The pause before a refused peer connects again.
fn a_moment() {
    thread::sleep(Wall::from_millis(20));
}

/// Up to the boards' limit.
fn datagrams_of_every_size(_: &Emulator, server: SocketAddr, _: usize) {
    served::datagrams(&datagram_client(server), 0..513);
}

/// Small frames in flight, before one more: the LM3S6965 holds 31.
const SMALL: u32 = 30;

/// Large frames in flight: the LAN9118 holds 10 KiB.
const LARGE: u32 = 5;

/// `smolecho probe` passes.
fn smolecho_probe(_: &Emulator, server: SocketAddr, _: usize) {
    let program = env::var_os(PROGRAM).expect(PROGRAM);
    let mut probe = Command::new(program);
    let probe = probe.args(["probe", &server.to_string(), "--connections", "4"]);
    let output = probe.output().expect("smolecho");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    // The number of trials that cannot run, and a word of their reason: QEMU's loopback address has no
    // link, no ping and no raw frames; IPv6 has no header checksum, and other fragments.
    let (count, why) = match server {
        _ if server.ip().is_loopback() => (13, "loopback"),
        SocketAddr::V4(_) => (0, ""),
        SocketAddr::V6(_) => (2, "IPv"),
    };
    let not_run: Vec<_> = said.lines().filter(|line| line.starts_with("  not run ")).collect();
    assert!(not_run.iter().all(|line| line.contains(why)), "{said}");
    assert_eq!(not_run.len(), count, "{said}");
    let last = said.lines().last().unwrap_or_default();
    assert!(last.ends_with(&format!(" passed, 0 failed, {count} not run")), "{said}");
}

/// Sends useless frames, and after each lot a datagram: its echo proves that the board has handled the lot
/// and still runs.
fn between_echoes(server: SocketAddr, count: u32, lot: u32, send: impl Fn(u32)) {
    let honest = datagram_client(server);
    assert_echoes(&honest, b"first");
    for first in (0..count).step_by(lot as usize) {
        (first..count.min(first + lot)).for_each(&send);
        assert_echoes(&honest, &first.to_be_bytes());
    }
}

/// SYNs from silent addresses, with honest peers in between.
fn flood_of_syns(board: &Emulator, server: SocketAddr, _: usize) {
    const SYNS: u32 = 100_000;
    const CALLS: u32 = 50;
    let wire = board.wire();
    let inside = connect(server).expect("connect");
    say_hello(&inside);
    between_echoes(server, SYNS, SMALL, |n| {
        if n % (SYNS / CALLS) == 0 {
            let honest = connect(server).expect("connect");
            say_hello(&honest);
            say_goodbye(&honest);
        }
        let from = SocketAddr::new(nobody(server, n), 1024 + (n % 60_000) as u16);
        let seq = TcpSeqNumber(n.wrapping_mul(0x9E37_79B9).cast_signed());
        wire.send(&wire.tcp(from, server, TcpControl::Syn, seq, None, &[]));
    });
    say_hello(&inside);
    say_goodbye(&inside);
}

/// An address of the same network without a station.
fn nobody(server: SocketAddr, n: u32) -> IpAddr {
    let station = 100 + (n % 100) as u8;
    match server {
        SocketAddr::V4(_) => [10, 0, 2, station].into(),
        SocketAddr::V6(_) => [0xfe80, 0, 0, 0, 0, 0, 0x99, station.into()].into(),
    }
}

/// Random bytes; every other frame has a valid Ethernet header.
fn garbage(board: &Emulator, server: SocketAddr, _: usize) {
    const TYPES: [u16; 3] = [0x0800, 0x0806, 0x86dd];
    let wire = board.wire();
    between_echoes(server, 3000, LARGE, |n| {
        let mut dice = Dice(u64::from(n) + 1);
        let mut frame: Vec<u8> = (0..14 + dice.below(1501)).map(|_| dice.roll() as u8).collect();
        if n % 2 == 0 {
            frame[..6].copy_from_slice(&board.board.mac);
            frame[12..14].copy_from_slice(&TYPES[n as usize / 2 % 3].to_be_bytes());
        }
        wire.send(&frame);
    });
}

/// All lengths below 61 that the kernel sends.
fn short_frames(board: &Emulator, server: SocketAddr, _: usize) {
    let wire = board.wire();
    between_echoes(server, 61, SMALL, |len| wire.send(&vec![0xff; len as usize]));
}

/// Longer than the board's receive buffer.
fn oversize_frames(board: &Emulator, server: SocketAddr, _: usize) {
    const MTU: u32 = 3000;
    const LARGEST: u32 = 14 + 1500;
    board.set_mtu(MTU);
    let wire = board.wire();
    between_echoes(server, MTU - 1500, LARGE, |n| {
        wire.send(&vec![0xff; (LARGEST + 1 + n) as usize])
    });
}

/// As many as the smaller MAC holds: each is answered.
fn a_burst_of_31(_: &Emulator, server: SocketAddr, _: usize) {
    let socket = datagram_client(server);
    assert_echoes(&socket, b"first");
    for round in 0..20_u8 {
        for n in 0..31 {
            socket.send(&[round, n]).expect("send");
        }
        for n in 0..31 {
            let mut answer = [0; 3];
            assert_eq!(socket.recv(&mut answer).expect("every one"), 2);
            assert_eq!(answer[..2], [round, n]);
        }
    }
}
