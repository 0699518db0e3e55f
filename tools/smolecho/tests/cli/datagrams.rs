//! The lecture's programs with datagrams, in Python, against ours.

use libtest_mimic::Failed;

use crate::Case;
use crate::output::{names, objects};
use crate::program::{DATAGRAM_CLIENT, DATAGRAM_SERVER, Run, ensure, in_namespace};

pub(crate) const CASES: &[Case] = &[
    ("datagrams::pythons_client_gets_its_answer", their_client),
    ("datagrams::pythons_server_answers_our_client", their_server),
    ("datagrams::every_size_comes_back_over_both_families", sizes),
    ("datagrams::a_message_for_each_family_and_no_more", too_large),
    ("datagrams::unanswered_sources_are_counted", manners),
    ("datagrams::each_protocol_alone", one_protocol),
    ("datagrams::a_rate_that_is_kept", rate),
    ("datagrams::trouble_on_the_way_is_reported", trouble),
    ("datagrams::no_answer", no_answer),
    ("datagrams::nobody_listens_is_known_at_once", nobody_listens),
    ("datagrams::the_peer_ends_before_it_answers", early_end),
    ("datagrams::json_lines_of_both_sides", json),
];

fn serve(options: &[&str], script: &str) -> Run {
    let command = ["--private", "--", "python3", "-c", script];
    Run::of([&["serve"], options, &command].concat())
}

fn client(args: &[&str], script: &str) -> Run {
    let command = ["--private", "--", "python3", "-c", script];
    Run::of([&["client", "--proto", "udp"], args, &command].concat())
}

fn their_client() -> Result<(), Failed> {
    let args = ["serve", "--private", "--", "python3", DATAGRAM_CLIENT, "192.168.69.1"];
    let run = Run::of(args).expect_status(0)?;
    run.expect_lines(&[
        "Server listening on 192.168.69.1:12345",
        "Received data: Hello, Server!",
        "Received from server: Hello, Server!",
    ])?;
    ensure(!run.stdout.contains("Accepted"), || format!("{run:#?}"))
}

fn their_server() -> Result<(), Failed> {
    let client = ["client", "192.168.69.100:12345", "--proto", "udp"];
    let run = Run::of([&client[..], &DATAGRAM_SERVER].concat()).expect_status(0)?;
    ensure(run.stdout == "Received from server: Hello, Server!\n", || format!("{run:#?}"))?;
    run.expect_said(&["Server listening on 192.168.69.100:12345", "Received data: Hello, Server!"])
}

/// Above 1,472 bytes IPv4 needs fragments; IPv6 is limited by the MTU.
fn sizes() -> Result<(), Failed> {
    let script = "
import socket
for family, host, sizes in (
    (socket.AF_INET, '192.168.69.1', (0, 1, 1471, 1472, 1473, 4000, 8000, 8164)),
    (socket.AF_INET6, 'fdaa::1', (0, 1, 1451, 1452)),
):
    with socket.socket(family, socket.SOCK_DGRAM) as peer:
        peer.settimeout(10)
        for size in sizes:
            data = bytes(i * 31 >> 3 & 255 for i in range(size))
            peer.sendto(data, (host, 12345))
            back, sender = peer.recvfrom(65536)
            assert back == data and sender[:2] == (host, 12345), (size, len(back), sender)
";
    serve(&["-q"], script).expect_status(0).map(drop)
}

fn too_large() -> Result<(), Failed> {
    const ECHO: &str = "
import socket, sys
socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
socket.bind(('192.168.69.100', 12345))
while True:
    socket.sendto(*socket.recvfrom(65536))
";
    let message = "x".repeat(8164);
    let run = client(&["192.168.69.100:12345", &message], ECHO).expect_status(0)?;
    ensure(run.stdout.contains("(7652 more bytes)"), || format!("{run:#?}"))?;
    for (server, most) in [("192.168.69.100:12345", 8164), ("[fdaa::100]:12345", 1452)] {
        let run = client(&[server, &"x".repeat(most + 1)], ECHO).expect_status(2)?;
        let expected = format!("MESSAGE: {} bytes do not fit", most + 1);
        ensure(run.stderr.contains(&expected), || run.stderr.clone())?;
        ensure(run.stderr.contains(&format!("up to {most} bytes")), || run.stderr)?;
    }
    Ok(())
}

fn manners() -> Result<(), Failed> {
    let script = "
import socket
def ask(port):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.bind(('192.168.69.100', port))
        peer.settimeout(0.1)
        peer.sendto(b'echo?', ('192.168.69.1', 12345))
        try:
            return peer.recv(100)
        except TimeoutError:
            return None
assert ask(7) is None
assert ask(1023) is None
assert ask(12345) is None
assert ask(1024) == b'echo?'
";
    let run = serve(&["--json"], script).expect_status(0)?;
    let objects = objects(&run)?;
    let refused = objects.iter().filter(|o| o["event"] == "refused" && o["proto"] == "udp");
    ensure(refused.count() == 3, || format!("{objects:#?}"))?;
    let stats = objects.last().ok_or("no line")?;
    ensure(stats["ignored"]["source port"] == 3, || format!("{stats}"))
}

fn one_protocol() -> Result<(), Failed> {
    let script = "
import socket
def over(kind):
    with socket.socket(socket.AF_INET, kind) as peer:
        peer.settimeout(5)
        try:
            peer.connect(('192.168.69.1', 12345))
            peer.send(b'x')
            return peer.recv(10) == b'x'
        except ConnectionRefusedError:
            return False
print(over(socket.SOCK_STREAM), over(socket.SOCK_DGRAM))
";
    for (proto, printed) in [("tcp", "True False"), ("udp", "False True"), ("tcp,udp", "True True")]
    {
        let run = serve(&["--proto", proto], script).expect_status(0)?;
        run.expect_lines(&["Server listening on 192.168.69.1:12345", printed])?;
    }
    Ok(())
}

fn rate() -> Result<(), Failed> {
    let script = "
import socket
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
    peer.settimeout(0.2)
    answers = 0
    for _ in range(100):
        peer.sendto(b'x', ('192.168.69.1', 12345))
    try:
        while True:
            peer.recv(10)
            answers += 1
    except TimeoutError:
        print('some' if 0 < answers < 100 else answers)
";
    for (rate, printed) in [("20", "some"), ("off", "100"), ("100000", "100")] {
        serve(&["--udp-rate", rate], script).expect_status(0)?.expect_lines(&[printed])?;
    }
    Ok(())
}

/// A server that answers first not at all, then with other bytes, then correctly.
fn trouble() -> Result<(), Failed> {
    let script = "
import socket
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
    server.bind(('192.168.69.100', 12345))
    server.recvfrom(100)
    data, peer = server.recvfrom(100)
    server.sendto(b'something else', peer)
    server.sendto(data, peer)
";
    // The first wait is 1/31 of this; Python starts in less.
    let patient = ["192.168.69.100:12345", "--handshake-timeout", "20s"];
    let run = client(&patient, script).expect_status(0)?;
    run.expect_lines(&["Received from server: something else", "Received from server: Hello"])?;
    let said = run.stderr.lines().last().unwrap_or_default();
    let (sent, rest) = said.split_once(" sent, ").unwrap_or_default();
    ensure(rest == "1 answered, 1 different", || format!("{run:#?}"))?;
    ensure(["datagrams: 2", "datagrams: 3"].contains(&sent), || format!("{run:#?}"))
}

/// The error line of a client whose server does not answer.
fn unanswered(script: &str) -> Result<String, Failed> {
    let limit = ["192.168.69.100:12345", "--handshake-timeout", "300ms", "-q"];
    let run = client(&limit, script).expect_status(1)?;
    ensure(run.stderr.lines().count() == 1, || format!("one line expected: {run:#?}"))?;
    Ok(run.stderr)
}

fn no_answer() -> Result<(), Failed> {
    let script = "
import socket, time
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
    server.bind(('192.168.69.100', 12345))
    time.sleep(60)
";
    let said = unanswered(script)?;
    ensure(said.contains("192.168.69.100:12345 did not answer within 300ms, asked 5"), || said)
}

/// The kernel answers with ICMP: there is no need to wait.
fn nobody_listens() -> Result<(), Failed> {
    let script = "
        start=$(date +%s)
        $SMOLECHO client 192.168.69.100:9 --proto udp --handshake-timeout 60s; status=$?
        end=$(date +%s)
        [ $((end - start)) -lt 20 ] || exit 10
        exit $status";
    let run = in_namespace(script).expect_status(1)?;
    ensure(run.stderr.contains("nobody listens on this port"), || format!("{run:#?}"))
}

fn early_end() -> Result<(), Failed> {
    let run = Run::of("client 192.168.69.100:12345 --proto udp -q --private -- false".split(' '))
        .expect_status(1)?;
    ensure(run.stderr.contains("false ended with exit status: 1 before it answered"), || run.stderr)
}

fn json() -> Result<(), Failed> {
    let args = ["serve", "--json", "--private", "--", "python3", DATAGRAM_CLIENT, "192.168.69.1"];
    let server = objects(&Run::of(args).expect_status(0)?)?;
    let dialogue: Vec<_> = server.iter().filter(|o| o["event"] != "listening").collect();
    let [received, echoed, stats] = &dialogue[..] else {
        return Err(format!("{server:#?}").into());
    };
    ensure(received["event"] == "received" && received["proto"] == "udp", || {
        format!("{received}")
    })?;
    ensure(received["bytes"] == 14 && received["peer"] == echoed["peer"], || format!("{echoed}"))?;
    ensure(echoed["event"] == "echoed" && echoed["bytes"] == 14, || format!("{echoed}"))?;
    ensure(stats["datagrams_received"] == 1 && stats["datagrams_sent"] == 1, || {
        format!("{stats}")
    })?;

    let client = ["client", "192.168.69.100:12345", "--proto", "udp", "--json"];
    let client = objects(&Run::of([&client[..], &DATAGRAM_SERVER].concat()).expect_status(0)?)?;
    let last = ["received", "closed", "stats"];
    ensure(names(&client).ends_with(&last), || format!("{client:#?}"))?;
    let closed = &client[client.len() - 2];
    ensure(closed["reason"] == "answered", || format!("{closed}"))?;
    ensure(closed["datagrams"]["answered"] == 1, || format!("{closed}"))
}
