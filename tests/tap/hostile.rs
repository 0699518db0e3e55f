//! Attackers, and peers that behave like them.

use std::{
    io::{self, ErrorKind, Write},
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
    lab::{Lab, Setup},
    rig::{Family, PORT, pattern::Pattern},
    served::{HELLO, say_hello, try_hello},
    trial::{Case, cases, soak},
    wire::Wire,
};

pub(crate) fn cases() -> Vec<Case> {
    cases![families:
        peers_that_say_nothing,
        peers_that_never_read,
        peers_that_half_close_and_vanish,
        replays_do_nothing,
        a_link_that_flaps_under_load,
        spoofed_datagrams_delay_no_answer,
        a_bare_syn_to_a_client_that_waits_for_arp,
    ]
}

const SOON: Duration = Duration::from_millis(400);
const SLOTS: usize = 64;

/// The delay that a loaded machine may add to a deadline.
const SLACK: Wall = Wall::from_secs(2);

fn short() -> Setup {
    let [handshake, idle, stall, persist, fin_wait] = [Some(SOON); 5];
    let timeouts = Timeouts { handshake, idle, stall, persist, fin_wait, ..Timeouts::DEFAULT };
    Setup { slots: SLOTS, buffer: 4096, timeouts, ..Setup::default() }
}

/// Connects again at once after a refusal.
fn insist(lab: &Lab, family: Family) -> TcpStream {
    loop {
        match lab.try_connect(family) {
            Ok(stream) => return stream,
            // Beyond the backlog a peer is reset only after its ACK.
            Err(error) => assert!(
                matches!(error.kind(), ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset),
                "{error}"
            ),
        }
        thread::sleep(Wall::from_millis(1));
    }
}

/// Many bad peers take each free slot while an honest one connects again and again: it waits at most
/// until the deadlines have ended all bad connections.
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
            // An accepted peer may still be evicted by its deadline.
            while try_hello(&insist(lab, family)).is_err() {}
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
    // Some of the peers never had a slot.
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
        [CloseReason::StallTimeout, CloseReason::PersistTimeout, CloseReason::IdleTimeout]
            .iter()
            .map(|reason| stats.ended(*reason))
            .sum::<u64>()
            >= 100,
        "{stats:?}"
    );
}

/// The bad peers are of one family, the honest one of the other.
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
        say_hello(&insist(&lab, other));
    }
    lab.until("every slot is free", |view| (view.occupancy.free == 200).then_some(()));
    assert!(begin.elapsed() < Wall::from(SOON) * 3 + SLACK, "{:?}", begin.elapsed());
    lab.host_returns(family);
    say_hello(&insist(&lab, family));
}

fn replays_do_nothing(family: Family) {
    let lab = Setup::default().run();
    let wire = Wire::tap(&lab.network);
    let (stream, pattern) = (lab.connect(family), Pattern::new(41));
    pattern.echo(&stream, 0..5000).expect("echo");
    let peer = stream.local_addr().expect("address");
    let server = stream.peer_addr().expect("address");

    let said: Vec<_> = std::iter::from_fn(|| wire.next_to_node())
        .filter(|(_, tcp)| tcp.from.port == peer.port() && tcp.to.port == PORT)
        .collect();
    assert!(said.len() >= 4, "a handshake and data");
    for _ in 0..3 {
        for (frame, _) in &said {
            wire.send(frame);
        }
    }
    let (_, last) = said.last().expect("the last");
    let (next, ack, old) = (last.seq + last.len, last.ack, said[0].1.seq + 1);
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
                    // A connection may break, but its bytes must be right.
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

fn spoofed_datagrams_delay_no_answer(family: Family) {
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
    say_hello(&lab.connect(family));
}
