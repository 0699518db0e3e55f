//! JSON lines, captures, escapes, and a stdout that is closed.

use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use libtest_mimic::Failed;
use serde_json::{Value, json};

use crate::Case;
use crate::program::{CLIENT, LECTURE_SERVER, Run, Running, ensure, in_namespace};

pub(crate) const CASES: &[Case] = &[
    ("output::json_lines_of_the_server", server_json),
    ("output::json_lines_of_the_client", client_json),
    ("output::a_capture_that_can_be_read", capture),
    ("output::a_megabyte_is_not_printed", megabyte),
    ("output::bytes_that_are_no_text_are_escaped", escaped),
    ("output::quiet_is_quiet", quiet),
    ("output::stdout_is_closed_and_the_command_goes_on", unread_with_command),
    ("output::stdout_is_closed_and_the_server_ends", unread),
    ("output::stdout_is_full_and_the_server_says_so", full),
    ("output::a_fifo_without_a_reader_can_be_interrupted", fifo),
];

const SERVE: &[&str] = &["--private", "--", "python3", CLIENT, "192.168.69.1"];

/// The lines that are JSON; the command prints the others.
pub(crate) fn objects(run: &Run) -> Result<Vec<Value>, Failed> {
    let lines = run.stdout.lines().filter(|line| line.starts_with('{'));
    Ok(lines.map(serde_json::from_str).collect::<Result<_, _>>()?)
}

pub(crate) fn names(objects: &[Value]) -> Vec<&str> {
    objects.iter().filter_map(|object| object["event"].as_str()).collect()
}

fn server_json() -> Result<(), Failed> {
    let run = Run::of([&["serve", "--json"], SERVE].concat()).expect_status(0)?;
    let objects = objects(&run)?;
    let listening = ["listening"; 6];
    let dialogue = ["accepted", "received", "echoed", "closed", "stats"];
    ensure(names(&objects) == [&listening[..], &dialogue].concat(), || format!("{objects:#?}"))?;
    let ([listening, ..], [accepted, received, _, closed, stats]) = objects.split_at(6) else {
        return Err("eleven lines expected".into());
    };
    ensure(listening["local"] == "192.168.69.1:12345", || format!("{listening}"))?;
    ensure(listening["proto"] == "tcp" && listening["service"] == "echo", || {
        format!("{listening}")
    })?;
    let peer = accepted["peer"].as_str().unwrap_or_default();
    ensure(peer.starts_with("192.168.69.100:"), || format!("{accepted}"))?;
    ensure(received["proto"] == "tcp" && received["bytes"] == 14, || format!("{received}"))?;
    ensure(closed["peer"] == peer && closed["reason"] == "finished", || format!("{closed}"))?;
    ensure(accepted.get("bytes").is_none(), || format!("{accepted}"))?;
    ensure(stats["accepted"] == 1 && stats["bytes_sent"] == 14, || format!("{stats}"))?;
    ensure(stats["slots"]["free"] == 64 && stats["ignored"] == json!({}), || format!("{stats}"))
}

fn full() -> Result<(), Failed> {
    let run = in_namespace("exec $SMOLECHO serve >/dev/full").expect_status(1)?;
    ensure(run.stderr.contains("cannot write to standard output"), || format!("{run:#?}"))
}

/// The exit status is SIGTERM's: the program has nothing to put in order yet.
fn fifo() -> Result<(), Failed> {
    let script = "
        folder=$(mktemp -d); mkfifo $folder/fifo
        $SMOLECHO serve --pcap $folder/fifo & pid=$!
        sleep 0.3
        kill -TERM $pid
        wait $pid; status=$?
        rm -r $folder
        exit $status";
    in_namespace(script).expect_status(128 + 15).map(drop)
}

fn client_json() -> Result<(), Failed> {
    let client = ["client", "192.168.69.100:12345", "--json"];
    let run = Run::of([&client[..], &LECTURE_SERVER].concat()).expect_status(0)?;
    let objects = objects(&run)?;
    let expected = ["connected", "sent", "received", "closed", "stats"];
    ensure(names(&objects) == expected, || format!("{objects:#?}"))
}

fn capture() -> Result<(), Failed> {
    let frames =
        captured(|file| Run::of([&["serve", "--pcap", file], SERVE].concat()).expect_status(0))?;
    let syns = frames.iter().filter(|frame| is_ipv4_tcp(frame) && frame[47] & 0x3f == 0x02);
    let fins = frames.iter().filter(|frame| is_ipv4_tcp(frame) && frame[47] & 0x01 != 0);
    ensure(syns.count() == 1 && fins.count() == 2, || format!("{frames:x?}"))
}

/// The frames that a run has captured, with times within a minute of now.
pub(crate) fn captured(
    run: impl FnOnce(&str) -> Result<Run, Failed>,
) -> Result<Vec<Vec<u8>>, Failed> {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let path = std::env::temp_dir().join(format!("smolecho-{}-{number}.pcap", std::process::id()));
    let run = run(&path.display().to_string());
    let bytes = std::fs::read(&path);
    let _ = std::fs::remove_file(&path);
    run?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let bytes = bytes?;
    let frames = read_pcap(&bytes, now - 60..now + 60)?;
    Ok(frames.into_iter().map(<[u8]>::to_vec).collect())
}

fn is_ipv4_tcp(frame: &[u8]) -> bool {
    frame.len() >= 54 && frame[12..15] == [0x08, 0x00, 0x45] && frame[23] == 6
}

/// The frames of a capture; checks its format, and that all times (in seconds) are in `times`.
pub(crate) fn read_pcap(bytes: &[u8], times: Range<u64>) -> Result<Vec<&[u8]>, Failed> {
    let word = |at: usize| -> Result<u32, Failed> {
        let word = bytes.get(at..at + 4).ok_or("the capture is cut")?;
        Ok(u32::from_ne_bytes(word.try_into()?))
    };
    ensure(word(0)? == 0xa1b2_c3d4 && word(20)? == 1, || format!("{:x?}", &bytes[..24]))?;
    let (mut frames, mut at) = (Vec::new(), 24);
    while at < bytes.len() {
        let seconds = u64::from(word(at)?);
        ensure(times.contains(&seconds), || format!("a frame at {seconds}, not in {times:?}"))?;
        let (captured, length) = (word(at + 8)? as usize, word(at + 12)? as usize);
        ensure(captured == length, || format!("{captured} of {length} bytes"))?;
        frames.push(bytes.get(at + 16..at + 16 + length).ok_or("the capture is cut")?);
        at += 16 + length;
    }
    Ok(frames)
}

/// A client that sends one megabyte of printable text.
pub(crate) const MEGABYTE: &str = "
import socket, threading
with socket.create_connection(('192.168.69.1', 12345), timeout=20) as peer:
    data = bytes(range(32, 127)) * 11000
    sender = threading.Thread(target=peer.sendall, args=(data,))
    sender.start()
    back = b''
    while len(back) < len(data):
        piece = peer.recv(65536)
        assert piece
        back += piece
    sender.join()
    assert back == data
";

fn megabyte() -> Result<(), Failed> {
    let run = Run::of(["serve", "--private", "--", "python3", "-c", MEGABYTE]).expect_status(0)?;
    let longest = run.stdout.lines().map(|line| line.chars().count()).max().unwrap_or_default();
    ensure(longest < 600, || format!("a line of {longest} characters"))?;
    ensure(run.stdout.contains(" more bytes)"), || "nothing was cut".into())
}

fn escaped() -> Result<(), Failed> {
    let talk = "
import socket
with socket.create_connection(('192.168.69.1', 12345), timeout=10) as peer:
    peer.sendall('gr\u{fc}n '.encode() + b'\\xff\\x1b[2J\\n')
    peer.recv(1024)
";
    let run = Run::of(["serve", "--private", "--", "python3", "-c", talk]).expect_status(0)?;
    run.expect_lines(&["Received data: gr\u{fc}n \\xff\\u{1b}[2J\\n"])
}

fn quiet() -> Result<(), Failed> {
    let run = Run::of([&["serve", "-q"], SERVE].concat()).expect_status(0)?;
    let theirs =
        "Connected to server on 192.168.69.1:12345\nReceived from server: Hello, Server!\n";
    ensure(run.stdout == theirs && run.stderr.is_empty(), || format!("{run:#?}"))
}

fn unread_with_command() -> Result<(), Failed> {
    let script =
        format!("python3 {CLIENT} 192.168.69.1 >&2; python3 {CLIENT} 192.168.69.1 >&2; exit 5");
    let mut serve = Running::start(["serve", "--private", "--", "sh", "-c", &script]);
    serve.line();
    serve.close_stdout();
    let run = serve.finish().expect_status(5)?;
    let answers = run.stderr.matches("Received from server: Hello, Server!").count();
    ensure(answers == 2 && !run.stderr.contains("panicked"), || format!("{run:#?}"))
}

fn unread() -> Result<(), Failed> {
    // A line for each address; then the reader closes the pipe, and a client connects.
    let script = format!(
        "
        {{ $SMOLECHO serve; echo status $? >&2; }} | {{
            head -n 3
            exec <&-
            python3 {CLIENT} 192.168.69.1 >/dev/null
        }}"
    );
    let run = in_namespace(&script).expect_status(0)?;
    run.expect_lines(&["Server listening on 192.168.69.1:12345", "Server listening on [fdaa::1]"])?;
    ensure(run.stderr.contains("status 0"), || format!("{run:#?}"))
}
