//! `--loss` and similar options: the dialogue still succeeds.

use libtest_mimic::Failed;

use crate::Case;
use crate::program::{LECTURE_SERVER, PROGRAM, Run, ensure};

pub(crate) const CASES: &[Case] = &[
    ("impair::bytes_come_through_a_bad_cable", bad_cable),
    ("impair::a_delay_is_seen_by_the_peer", delayed),
    ("impair::with_all_frames_lost_there_is_no_answer", all_lost),
    ("impair::the_client_has_them_too", client),
];

/// 100 KB both ways, with a seed that repeats the same losses.
fn bad_cable() -> Result<(), Failed> {
    let script = "
import socket
with socket.create_connection(('192.168.69.1', 12345), timeout=30) as peer:
    data = bytes(i * 7 & 255 for i in range(100_000))
    peer.sendall(data)
    peer.shutdown(socket.SHUT_WR)
    back = b''
    while piece := peer.recv(65536):
        back += piece
    assert back == data
";
    let serve = ["serve", "-q", "--seed", "3", "--buffer", "65535", "--stall-timeout", "60s"];
    let bad = ["--loss", "2", "--corrupt", "1%", "--duplicate", "3", "--reorder", "5"];
    let run = [&serve[..], &bad, &["--private", "--", "python3", "-c", script]].concat();
    Run::of(run).expect_status(0).map(drop)
}

/// A ping is delayed by 30 ms in each direction.
fn delayed() -> Result<(), Failed> {
    let probe = [PROGRAM, "probe", "192.168.69.1:12345", "--only", "ping"];
    let run =
        Run::of([&["serve", "-q", "--delay", "30ms", "--private", "--"][..], &probe].concat());
    let run = run.expect_status(0)?;
    let took = run.stdout.split_whitespace().find_map(|word| word.strip_suffix("ms"));
    let took: f64 = took.and_then(|took| took.parse().ok()).ok_or_else(|| format!("{run:#?}"))?;
    ensure(took >= 60.0, || format!("{took} ms"))
}

fn all_lost() -> Result<(), Failed> {
    let probe = [PROGRAM, "probe", "192.168.69.1:12345", "--only", "udp", "--deadline", "1s"];
    let serve = ["serve", "-q", "--loss", "100", "--private", "--"];
    let run = Run::of([&serve[..], &probe].concat()).expect_status(1)?;
    run.expect_lines(&["  FAILED   udp"])
}

fn client() -> Result<(), Failed> {
    let client = |impair: [&'static str; 2]| {
        let client = ["client", "192.168.69.100:12345", "--handshake-timeout", "1s"];
        Run::of([&client[..], &impair, &LECTURE_SERVER].concat())
    };
    let run = client(["--duplicate", "100"]).expect_status(0)?;
    run.expect_lines(&["Received from server: Hello, Server!"])?;
    client(["--loss", "100"]).expect_status(1).map(drop)
}
