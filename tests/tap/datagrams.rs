//! The UDP services, with kernel sockets, `ping` and forged frames.

use std::{
    collections::VecDeque,
    io::ErrorKind,
    net::{SocketAddr, UdpSocket},
    process::{Command, Stdio},
    thread,
    time::{Duration as Wall, Instant as Clock},
};

use smolecho::{
    DatagramDropReason, DropReason, Query, Report, UdpService, smoltcp::time::Duration,
};

use crate::{
    lab::{Lab, Setup},
    rig::{Family, PORT, pattern::pattern},
    served::{self, assert_echoes},
    sockets::{PATIENCE, datagram_client},
    trial::{Case, cases},
    wire::Wire,
};

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = cases![families:
        every_size_that_fits_a_frame_comes_back,
        window_of_32_loses_nothing,
        forged_datagrams_are_not_answered,
        honest_peer_is_answered_beside_a_forged_one,
        node_asks_a_kernel_socket,
    ];
    cases.extend(cases![
        sizes_up_to_8000_come_back_in_fragments,
        ipv6_fragments_are_refused_and_counted,
    ]);
    cases.extend(cases![families: ping_is_answered].into_iter().map(|case| case.needs("ping")));
    cases.extend(cases![families: million_datagrams_lose_nothing].into_iter().map(Case::soak));
    cases
}

const DISCARD: u16 = 9;
const CHARGEN: u16 = 19;

fn lab() -> Lab {
    let services = vec![
        (PORT, UdpService::Echo),
        (DISCARD, UdpService::Discard),
        (CHARGEN, UdpService::Chargen),
    ];
    Setup { services, ..Setup::default() }.run()
}

fn client(lab: &Lab, family: Family) -> UdpSocket {
    datagram_client(lab.server(family))
}

fn every_size_that_fits_a_frame_comes_back(family: Family) {
    let lab = lab();
    let socket = client(&lab, family);
    let largest = if family == Family::V4 { 1472 } else { 1452 };
    served::datagrams(&socket, 0..largest + 1);
    assert_eq!(lab.stats().datagrams_sent, largest as u64 + 1);
}

/// In fragments both ways.
fn sizes_up_to_8000_come_back_in_fragments() {
    let lab = lab();
    let socket = client(&lab, Family::V4);
    for len in (1473..=8000).step_by(61).chain([1480, 1481, 8000]) {
        assert_echoes(&socket, &pattern(len..2 * len));
    }
}

fn ipv6_fragments_are_refused_and_counted() {
    let lab = lab();
    let socket = client(&lab, Family::V6);
    socket.send(&pattern(0..3000)).expect("send");
    lab.until("three fragments are refused", |view| {
        (view.stats.dropped(DropReason::Fragment) == 3).then_some(())
    });
    assert_echoes(&socket, b"and now in one piece");
}

fn window_of_32_loses_nothing(family: Family) {
    paced(family, 20_000);
}

fn million_datagrams_lose_nothing(family: Family) {
    paced(family, 1_000_000);
}

/// `count` datagrams, 32 in flight, at the default policy's rate: all come back in order. The first goes
/// alone: Linux may reorder the datagrams that wait for a hardware address.
fn paced(family: Family, count: u32) {
    const WINDOW: usize = 32;
    const PER_SECOND: u32 = 50_000;
    let lab = lab();
    let socket = client(&lab, family);
    assert_echoes(&socket, b"first");
    let (start, mut in_flight, mut sent) = (Clock::now(), VecDeque::new(), 0);
    while sent < count || !in_flight.is_empty() {
        while sent < count && in_flight.len() < WINDOW {
            socket.send(&sent.to_be_bytes()).expect("send");
            in_flight.push_back(sent);
            sent += 1;
        }
        let mut answer = [0; 8];
        let n = socket.recv(&mut answer).unwrap_or_else(|error| {
            panic!("{error} with {} in flight after {sent}: {:?}", in_flight.len(), lab.stats())
        });
        let expected = in_flight.pop_front().expect("in flight");
        assert_eq!(answer[..n], expected.to_be_bytes());
        let due = Wall::from_secs(1) * sent / PER_SECOND;
        thread::sleep(due.saturating_sub(start.elapsed()));
    }
    let stats = lab.stats();
    let all = u64::from(count) + 1;
    assert_eq!((stats.datagrams_received, stats.datagrams_sent), (all, all));
}

/// Datagrams that could begin a loop: from port 7, from the node's ports, from its own address.
fn forged_datagrams_are_not_answered(family: Family) {
    let lab = lab();
    let wire = Wire::tap(&lab.network);
    let socket = client(&lab, family);
    assert_echoes(&socket, b"before");
    let (node, host, nobody) =
        (lab.network.node(family), lab.network.host(family), lab.network.nobody(family));
    let victim = UdpSocket::bind((host, PORT)).expect("bind");
    victim.set_read_timeout(Some(Wall::from_millis(50))).expect("timeout");
    let mut expected = 0;
    for (from, port, why) in [
        (host, 7, DatagramDropReason::SourcePort),
        (host, PORT, DatagramDropReason::SourcePort),
        (host, CHARGEN, DatagramDropReason::SourcePort),
        (nobody, 7, DatagramDropReason::SourcePort),
        (node, 40_000, DatagramDropReason::Source),
        (node, PORT, DatagramDropReason::Source),
    ] {
        for service in [PORT, CHARGEN] {
            let before = lab.stats().datagrams_dropped(why);
            let (from, to) = ((from, port).into(), (node, service).into());
            wire.send(&wire.udp(from, to, b"echo"));
            expected += 1;
            lab.until("it is counted", |view| {
                (view.stats.datagrams_dropped(why) == before + 1).then_some(())
            });
        }
    }
    let error = victim.recv(&mut [0; 64]).expect_err("no answer to the forged source");
    assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{error}");
    assert_eq!(lab.stats().datagrams_sent, 1, "{expected} forged ones, none answered");
    assert_echoes(&socket, b"after");
}

/// Forged datagrams from a silent address, then 100 from the kernel: all answered within a second.
fn honest_peer_is_answered_beside_a_forged_one(family: Family) {
    let lab = lab();
    let wire = Wire::tap(&lab.network);
    let socket = client(&lab, family);
    assert_echoes(&socket, b"known");
    let (node, nobody) = (lab.network.node(family), lab.network.nobody(family));
    for forgeries in [1, 20] {
        for n in 0..forgeries {
            let (from, to) = ((nobody, 40_000 + n).into(), (node, PORT).into());
            wire.send(&wire.udp(from, to, b"forged"));
        }
        let start = Clock::now();
        for n in 0..100u8 {
            assert_echoes(&socket, &[n]);
        }
        assert!(start.elapsed() < Wall::from_secs(1), "{:?}", start.elapsed());
    }
    lab.until("all forged ones are dropped", |view| {
        (view.stats.datagrams_dropped(DatagramDropReason::Unreachable) == 21).then_some(())
    });
}

fn node_asks_a_kernel_socket(family: Family) {
    let lab = lab();
    let server = UdpSocket::bind((lab.network.host(family), 0)).expect("bind");
    server.set_read_timeout(Some(PATIENCE)).expect("timeout");
    let address = server.local_addr().expect("address");
    let echo = thread::spawn(move || {
        for n in 0..50 {
            let mut data = [0; 2000];
            let (len, from) = server.recv_from(&mut data).expect("a question");
            // Answer 10 is sent twice.
            for _ in 0..if n == 10 { 2 } else { 1 } {
                server.send_to(&data[..len], from).expect("answer");
            }
        }
    });
    let query = Query::new(b"Hello, Server!").count(50);
    assert_eq!(lab.node_queries(address, query).map(|tuple| tuple.remote.port), Ok(address.port()));
    let report = lab.until("the report", |view| view.reports.first().copied());
    assert_eq!(report, Report { sent: 50, answered: 50, duplicates: 1, ..Report::default() });
    echo.join().expect("the server");

    let nobody = SocketAddr::new(lab.network.host(family), 9);
    let query = Query::new(b"").patience(Duration::from_millis(20), 2);
    lab.node_queries(nobody, query).expect("asked");
    let report = lab.until("the second report", |view| view.reports.get(1).copied());
    // The kernel answers with ICMP, so that nothing is asked again.
    assert_eq!(report, Report { sent: 1, lost: 1, refused: true, ..Report::default() });
}

fn ping_is_answered(family: Family) {
    let lab = lab();
    let version = if family == Family::V4 { "-4" } else { "-6" };
    let sizes = if family == Family::V4 { &[0, 56, 1472, 4000][..] } else { &[0, 56, 1452] };
    for size in sizes {
        let output = Command::new("ping")
            .args([version, "-c", "3", "-i", "0.01", "-W", "5", "-s", &size.to_string()])
            .arg(lab.network.node(family).to_string())
            .stdin(Stdio::null())
            .output()
            .expect("ping");
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.contains(" 0% packet loss"), "{size}: {said}");
    }
}
