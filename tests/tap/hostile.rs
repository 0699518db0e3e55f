//! Peers that mean no good, and peers that only behave so.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::{Shutdown, SocketAddr, TcpStream, UdpSocket},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration as Wall, Instant as Clock},
};

use nix::sys::{
    resource::{Resource, getrlimit, setrlimit},
    socket::{setsockopt, sockopt},
};
use smolecho::{
    CloseReason, DropReason, Message, Timeouts, UdpService,
    smoltcp::{
        time::Duration,
        wire::{TcpControl, TcpSeqNumber},
    },
};

use crate::{
    lab::{Family, Lab, PORT, Setup},
    pattern::Pattern,
    trial::{Case, cases, soak},
    wire::{Passed, Wire},
};

pub(crate) fn cases() -> Vec<Case> {
    cases![families:
        peers_that_say_nothing,
        peers_that_never_read,
        peers_that_half_close_and_vanish,
        replays_do_nothing,
        a_link_that_flaps_under_load,
        spoofed_datagrams_hold_up_nobody,
        a_bare_syn_to_a_client_that_waits_for_arp,
    ]
}

const HELLO: &[u8] = b"Hello, Server!";
const SOON: Duration = Duration::from_millis(400);
const SLOTS: usize = 64;

/// What a loaded machine may add to a deadline.
const SLACK: Wall = Wall::from_secs(2);

fn short() -> Setup {
    let [handshake, idle, stall, fin_wait] = [Some(SOON); 4];
    let timeouts = Timeouts { handshake, idle, stall, fin_wait, ..Timeouts::DEFAULT };
    Setup { slots: SLOTS, buffer: 4096, timeouts, ..Setup::default() }
}

fn hello(mut stream: &TcpStream) -> io::Result<()> {
    stream.write_all(HELLO)?;
    let mut answer = [0; HELLO.len()];
    stream.read_exact(&mut answer)?;
    assert_eq!(answer, HELLO);
    Ok(())
}

/// Whoever is turned away calls again at once.
fn insist(lab: &Lab, family: Family) -> TcpStream {
    loop {
        match lab.try_connect(family) {
            Ok(stream) => return stream,
            // Past the backlog it learns only with its ACK that there is no slot.
            Err(error) => assert!(
                matches!(error.kind(), ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset),
                "{error}"
            ),
        }
        thread::sleep(Wall::from_millis(1));
    }
}

/// Many bad peers, one after the other as slots come free, and an honest one that calls all the time:
/// nobody waits longer than it takes the deadline to turn all of them out.
fn besiege(lab: &Lab, family: Family, peers: usize, behave: impl Fn(&TcpStream) + Sync) {
    let turns = u32::try_from(peers.div_ceil(SLOTS)).expect("few") + 1;
    let bound = Wall::from(SOON) * turns + SLACK;
    thread::scope(|scope| {
        let held = scope.spawn(|| {
            let call = |_| {
                let stream = insist(lab, family);
                behave(&stream);
                stream
            };
            (0..peers).map(call).collect::<Vec<_>>()
        });
        let mut slowest = Wall::ZERO;
        loop {
            let last = held.is_finished();
            let begin = Clock::now();
            // It may be accepted and still be late with what it says.
            while hello(&insist(lab, family)).is_err() {}
            slowest = slowest.max(begin.elapsed());
            if last {
                break;
            }
        }
        println!("{family}: {peers} peers, the slowest honest one took {slowest:?} of {bound:?}");
        assert!(slowest < bound);
        drop(held.join().expect("the bad peers"));
    });
    lab.until("every slot is free", |view| (view.occupancy.free == SLOTS).then_some(()));
}

fn peers_that_say_nothing(family: Family) {
    let peers = soak(2000, 200);
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("getrlimit");
    setrlimit(Resource::RLIMIT_NOFILE, hard.min(8192), hard).expect("setrlimit");
    let lab = short().run();
    besiege(&lab, family, peers, |_| {});
    // Some never had a slot, and learned it too late.
    assert!(lab.stats().ended(CloseReason::IdleTimeout) >= peers as u64 / 2);
}

fn peers_that_never_read(family: Family) {
    let lab = short().run();
    besiege(&lab, family, 200, |stream| {
        for small in [4096, 4096] {
            setsockopt(stream, sockopt::RcvBuf, &small).expect("SO_RCVBUF");
            setsockopt(stream, sockopt::SndBuf, &small).expect("SO_SNDBUF");
        }
        stream.set_nonblocking(true).expect("non-blocking");
        for _ in 0..20 {
            let _ = (&*stream).write(&[7; 10_000]);
        }
    });
    let stats = lab.stats();
    assert!(
        stats.ended(CloseReason::StallTimeout) + stats.ended(CloseReason::IdleTimeout) >= 100,
        "{stats:?}"
    );
}

/// They are of one family and gone; the honest one is of the other.
fn peers_that_half_close_and_vanish(family: Family) {
    let other = if family == Family::V4 { Family::V6 } else { Family::V4 };
    let lab = Setup { slots: 200, ..short() }.run();
    let streams: Vec<_> = (0..199).map(|_| lab.connect(family)).collect();
    lab.host_vanishes(family);
    for mut stream in &streams {
        stream.write_all(b"last words").expect("send");
        stream.shutdown(Shutdown::Write).expect("shutdown");
    }
    let begin = Clock::now();
    while begin.elapsed() < Wall::from(SOON) * 3 {
        hello(&insist(&lab, other)).expect("echo");
    }
    lab.until("every slot is free", |view| (view.occupancy.free == 200).then_some(()));
    assert!(begin.elapsed() < Wall::from(SOON) * 3 + SLACK, "{:?}", begin.elapsed());
    lab.host_returns(family);
    hello(&insist(&lab, family)).expect("echo");
}

fn replays_do_nothing(family: Family) {
    let lab = Setup::default().run();
    let wire = Wire::tap(&lab.network);
    let (stream, pattern) = (lab.connect(family), Pattern::new(41));
    pattern.echo(&stream, 0..5000).expect("echo");
    let peer = stream.local_addr().expect("address");
    let server = stream.peer_addr().expect("address");

    let said: Vec<Passed> = std::iter::from_fn(|| wire.next_to_node())
        .filter(|passed| passed.from == peer.port() && passed.to == PORT)
        .collect();
    assert!(said.len() >= 4, "a handshake and data");
    for _ in 0..3 {
        for passed in &said {
            wire.send(&passed.frame);
        }
    }
    let last = said.last().expect("the last");
    let (next, ack) = (last.seq + last.len, Some(last.ack));
    let old = said[0].seq + 1;
    for frame in [
        wire.tcp(peer, server, TcpControl::Fin, old, ack, &[]),
        wire.tcp(peer, server, TcpControl::None, old, ack, b"an old duplicate"),
        wire.tcp(peer, server, TcpControl::Rst, next + 100, None, &[]),
        wire.tcp(peer, server, TcpControl::Rst, next + 1, ack, &[]),
        wire.tcp(peer, server, TcpControl::Syn, next + 100, None, &[]),
        wire.tcp(peer, server, TcpControl::Syn, old, ack, &[]),
        wire.tcp(peer, server, TcpControl::None, next, ack.map(|ack| ack + 1), &[]),
    ] {
        wire.send(&frame);
    }
    pattern.echo(&stream, 5000..500_000).expect("it lives, and its bytes are right");
    let stats = lab.stats();
    assert!(stats.dropped(DropReason::InUse) >= 5, "{stats:?}");
    assert_eq!(stats.dropped(DropReason::InexactReset), 2, "{stats:?}");
    assert!(stats.challenges >= 7, "{stats:?}");
    assert_eq!((stats.accepted, stats.closed()), (1, 0), "{stats:?}");
}

fn a_link_that_flaps_under_load(family: Family) {
    let lab = short().run();
    let enough = AtomicBool::new(false);
    thread::scope(|scope| {
        for seed in 0..2 {
            let (lab, enough) = (&lab, &enough);
            scope.spawn(move || {
                while !enough.load(Ordering::SeqCst) {
                    // A connection may break; what it brings back is right all the same.
                    if let Ok(stream) = lab.try_connect(family) {
                        stream.set_read_timeout(Some(Wall::from_secs(1))).expect("timeout");
                        stream.set_write_timeout(Some(Wall::from_secs(1))).expect("timeout");
                        let echoed = Pattern::new(seed).echo(&stream, 0..1_000_000);
                        let is_wrong = |error: &io::Error| error.kind() == ErrorKind::InvalidData;
                        assert!(!echoed.is_err_and(|error| is_wrong(&error)), "wrong bytes");
                    }
                }
            });
        }
        for _ in 0..soak(1000, 20) {
            lab.link_down();
            lab.link_up();
            thread::sleep(Wall::from_millis(5));
        }
        enough.store(true, Ordering::SeqCst);
    });
    Pattern::new(9).echo(&insist(&lab, family), 0..1_000_000).expect("it works");
    lab.until("every slot is free", |view| (view.occupancy.free == SLOTS).then_some(()));
}

fn spoofed_datagrams_hold_up_nobody(family: Family) {
    let lab = Setup { services: vec![(PORT, UdpService::Echo)], ..Setup::default() }.run();
    let wire = Wire::tap(&lab.network);
    let node = SocketAddr::new(lab.network.node(family), PORT);
    let socket = UdpSocket::bind((lab.network.host(family), 0)).expect("bind");
    socket.set_read_timeout(Some(Wall::from_secs(1))).expect("timeout");
    for round in 0..3 {
        for station in [97, 98, 99] {
            let nobody = SocketAddr::new(lab.network.address(family, station), 5000);
            wire.send(&wire.udp(nobody, node, b"who am I?"));
        }
        socket.send_to(&[round; 100], node).expect("send");
        let mut answer = [0; 200];
        let (n, from) = socket.recv_from(&mut answer).expect("an answer within a second");
        assert_eq!((&answer[..n], from), (&[round; 100][..], node));
    }
}

fn a_bare_syn_to_a_client_that_waits_for_arp(family: Family) {
    let lab = short().run();
    let wire = Wire::tap(&lab.network);
    let nobody = SocketAddr::new(lab.network.nobody(family), 9);
    let tuple = lab.node_connects(nobody, Message::new(HELLO)).expect("connect");
    let client = SocketAddr::new(lab.network.node(family), tuple.local.port);
    for seq in 0..100 {
        wire.send(&wire.tcp(nobody, client, TcpControl::Syn, TcpSeqNumber(seq), None, &[]));
    }
    assert_eq!(lab.until_closed(nobody).end, CloseReason::HandshakeTimeout);
    assert_eq!(lab.stats().dropped(DropReason::InUse), 100);
    hello(&lab.connect(family)).expect("echo");
}
