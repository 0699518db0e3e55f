//! A flood of spoofed SYNs, as fast as the node handles them, with honest peers.

use std::{
    fs, io,
    net::{Shutdown, SocketAddr},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration as Wall, Instant as Clock},
};

use smolecho::smoltcp::wire::{TcpControl, TcpSeqNumber};

use crate::{
    cores::on_core,
    lab::{Lab, Setup},
    rig::{Dice, Family, PORT, pattern::Pattern},
    served::try_hello,
    trial::{Case, cases, soak},
    wire::Wire,
};

pub(crate) fn cases() -> Vec<Case> {
    cases![families:
        spoofed_syns_keep_no_honest_peer_out,
        a_transfer_goes_on_under_a_flood,
    ]
}

/// Frames in flight to the node: a full queue would also lose honest frames, which tells nothing about
/// the node.
const IN_FLIGHT: u64 = 200;

/// After this time without an answer none will come.
const QUIET: Wall = Wall::from_millis(10);

struct Flood<'l> {
    lab: &'l Lab,
    wire: Wire,
    family: Family,
    dice: Dice,
}

impl<'l> Flood<'l> {
    fn new(lab: &'l Lab, family: Family) -> Flood<'l> {
        Flood { lab, wire: Wire::tap(&lab.network), family, dice: Dice(88) }
    }

    /// Sends SYNs until `enough` of their number.
    fn run(&mut self, random: bool, enough: impl Fn(u64) -> bool) {
        let server = SocketAddr::new(self.lab.network.node(self.family), PORT);
        let lab = self.lab;
        let answered = || {
            let stats = lab.last_stats();
            // Without the cookies of honest peers.
            stats.cookies_given - stats.cookies_returned
        };
        let (mut sent, mut seen, mut at) = (0, answered(), Clock::now());
        let mut in_flight = 0;
        while !enough(sent) {
            let now = answered();
            if now > seen {
                in_flight = u64::saturating_sub(in_flight, now - seen);
                (seen, at) = (now, Clock::now());
            } else if at.elapsed() > QUIET {
                // A few SYNs have no cookie for an answer.
                (in_flight, at) = (0, Clock::now());
            }
            if in_flight > IN_FLIGHT {
                thread::yield_now();
                continue;
            }
            for _ in 0..32 {
                let roll = self.dice.roll();
                let station = if random { 10 + (roll % 240) as u8 } else { 99 };
                let from = self.lab.network.address(self.family, station);
                let from = SocketAddr::new(from, 1024 + (roll >> 16) as u16 % 64_000);
                let seq = TcpSeqNumber((roll >> 32) as i32);
                self.wire.send(&self.wire.tcp(from, server, TcpControl::Syn, seq, None, &[]));
            }
            sent += 32;
            in_flight += 32;
        }
    }
}

/// Connects, echoes and closes; returns the time until the echo.
fn call(lab: &Lab, family: Family) -> io::Result<Wall> {
    let begin = Clock::now();
    let stream = lab.try_connect(family)?;
    try_hello(&stream)?;
    let taken = begin.elapsed();
    stream.shutdown(Shutdown::Write)?;
    Ok(taken)
}

/// Resident memory of this process, in KiB.
fn resident() -> i64 {
    let status = fs::read_to_string("/proc/self/status").expect("status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

fn spoofed_syns_keep_no_honest_peer_out(family: Family) {
    let lab = Setup { slots: 16, ..Setup::default() }.run();
    let inside = lab.connect(family);
    call(&lab, family).expect("echo");
    let syns = soak(500_000, 12_500);
    let memory = resident();
    for random in [false, true] {
        let flooding = AtomicBool::new(true);
        let mut calls = Vec::new();
        let begin = Clock::now();
        thread::scope(|scope| {
            scope.spawn(|| {
                Flood::new(&lab, family).run(random, |sent| sent >= syns);
                flooding.store(false, Ordering::SeqCst);
            });
            while flooding.load(Ordering::SeqCst) {
                calls.push(call(&lab, family).expect("echo"));
            }
        });
        let rate = syns as f64 / begin.elapsed().as_secs_f64() / 1000.0;
        calls.extend((0..20).map(|_| call(&lab, family).expect("echo")));
        calls.sort();
        let (median, slowest) = (calls[calls.len() / 2], calls[calls.len() - 1]);
        println!(
            "{family}, random {random}: {rate:.1} thousand SYNs a second, {} calls, median {median:?}, slowest {slowest:?}",
            calls.len()
        );
        assert!(slowest < Wall::from_secs(1), "{slowest:?}");
    }
    let grown = resident() - memory;
    println!("{family}: {grown} KiB more");
    // Trials run in parallel. The flood's handshakes in memory would take more.
    assert!(grown < 32_768, "{grown} KiB more");
    Pattern::new(31).echo(&inside, 0..10_000).expect("the earlier connection is still served");
    let stats = lab.stats();
    assert!(stats.cookies_given > syns && stats.cookies_returned > 0, "{stats:?}");
}

/// The node and the kernel's client share one core and the flood's sender has another, so that only the
/// frames cost them time. The trial prints the remaining speed; the transfer must not stop.
fn a_transfer_goes_on_under_a_flood(family: Family) {
    on_core(0, || transfer_under_a_flood(family));
}

fn transfer_under_a_flood(family: Family) {
    let lab = Setup { slots: 16, buffer: 65_535, ..Setup::default() }.run();
    let stream = lab.connect(family);
    let (enough, pattern) = (AtomicBool::new(false), Pattern::new(32));
    let mut spells = Vec::new();
    thread::scope(|scope| {
        let transfer = scope.spawn(|| {
            let mut range = 0..100_000;
            while !enough.load(Ordering::SeqCst) {
                pattern.echo(&stream, range.clone())?;
                range = range.end..range.end + 100_000;
            }
            io::Result::Ok(())
        });
        for _ in 0..5 {
            let alone = progress(&lab, || thread::sleep(SPELL));
            let before = lab.last_stats().cookies_given;
            let flooded = progress(&lab, || {
                on_core(1, || {
                    let begin = Clock::now();
                    Flood::new(&lab, family).run(true, |_| begin.elapsed() > SPELL);
                });
            });
            let syns = lab.last_stats().cookies_given - before;
            spells.push((flooded / alone, syns as f64 / SPELL.as_secs_f64() / 1000.0));
        }
        enough.store(true, Ordering::SeqCst);
        transfer.join().expect("the transfer").expect("every byte");
    });
    spells.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (kept, rate) = spells[spells.len() / 2];
    println!(
        "{family}: under {rate:.1} thousand SYNs a second a transfer keeps {kept:.2} of its speed"
    );
}

const SPELL: Wall = Wall::from_millis(300);

/// Bytes per second during a function; fails after a second without a byte.
fn progress(lab: &Lab, during: impl FnOnce() + Send) -> f64 {
    let (begin, before) = (Clock::now(), lab.last_stats().bytes_sent);
    thread::scope(|scope| {
        let running = scope.spawn(during);
        let (mut seen, mut at) = (before, Clock::now());
        while !running.is_finished() {
            thread::sleep(Wall::from_millis(20));
            let now = lab.last_stats().bytes_sent;
            if now > seen {
                (seen, at) = (now, Clock::now());
            }
            assert!(at.elapsed() < Wall::from_secs(1), "no byte for a second");
        }
    });
    (lab.last_stats().bytes_sent - before) as f64 / begin.elapsed().as_secs_f64()
}
