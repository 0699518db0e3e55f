//! The lecture's programs in Python, with only the address changed, against ours.

use libtest_mimic::Failed;

use crate::Case;
use crate::program::{CLIENT, LECTURE_SERVER, Run, ensure, in_namespace};

pub(crate) const CASES: &[Case] = &[
    ("dialogue::the_lectures_client_gets_its_answer_in_both_flows", their_client),
    ("dialogue::the_lectures_server_answers_our_client", their_server),
    ("dialogue::ipv6", ipv6),
    ("dialogue::one_byte_buffers", one_byte_buffers),
    ("dialogue::an_empty_message", empty_message),
    ("dialogue::a_message_that_is_too_long_for_the_lectures_server", too_long),
    ("dialogue::nothing_listens", nothing_listens),
    ("dialogue::no_host", no_host),
    ("dialogue::the_peer_ends_before_it_listens", early_end),
    ("dialogue::the_commands_status_is_ours", status),
    ("dialogue::a_command_that_cannot_be_started", no_command),
    ("dialogue::an_interface_that_is_held", held),
    ("dialogue::an_interface_that_is_no_tap", no_tap),
];

fn their_client() -> Result<(), Failed> {
    for flow in ["stream", "once"] {
        let args = ["serve", "--flow", flow, "--private", "--", "python3", CLIENT, "192.168.69.1"];
        let run = Run::of(args).expect_status(0)?;
        run.expect_lines(&[
            "Server listening on 192.168.69.1:12345",
            "Accepted connection from 192.168.69.100:",
            "Received data: Hello, Server!",
        ])?;
        run.expect_lines(&[
            "Connected to server on 192.168.69.1:12345",
            "Received from server: Hello, Server!",
        ])?;
    }
    Ok(())
}

fn their_server() -> Result<(), Failed> {
    let run = client(&[]).expect_status(0)?;
    run.expect_lines(&[
        "Connected to server on 192.168.69.100:12345",
        "Received from server: Hello, Server!",
    ])?;
    run.expect_said(&[
        "Server listening on 192.168.69.100:12345",
        "Accepted connection from ('192.168.69.1', ",
        "Received data: Hello, Server!",
    ])
}

/// Our client with the lecture's server as the command.
fn client(message: &[&str]) -> Run {
    Run::of([&["client", "192.168.69.100:12345"], message, &LECTURE_SERVER].concat())
}

/// Connects, sends its arguments, half-closes, and prints the answer.
const CAT: &str = "
import socket, sys
with socket.create_connection((sys.argv[1], 12345), timeout=10) as peer:
    peer.sendall(sys.argv[2].encode())
    peer.shutdown(socket.SHUT_WR)
    print('came back:', b''.join(iter(lambda: peer.recv(4096), b'')).decode())
";

fn cat(options: &[&str], address: &str, text: &str) -> Run {
    let serve = [&["serve"], options, &["--private", "--", "python3", "-c", CAT, address, text]];
    Run::of(serve.concat())
}

fn ipv6() -> Result<(), Failed> {
    let run = cat(&[], "fdaa::1", "over six").expect_status(0)?;
    run.expect_lines(&[
        "Server listening on [fdaa::1]:12345",
        "Accepted connection from [fdaa::100]:",
    ])?;
    run.expect_lines(&["came back: over six"])
}

fn one_byte_buffers() -> Result<(), Failed> {
    let run = cat(&["--buffer", "1"], "192.168.69.1", "bytes").expect_status(0)?;
    run.expect_lines(&["Received data: b", "Received data: y", "Received data: t"])?;
    run.expect_lines(&["came back: bytes"])
}

fn empty_message() -> Result<(), Failed> {
    client(&[""]).expect_status(0)?.expect_lines(&["Connected to server", "Received from server: "])
}

fn too_long() -> Result<(), Failed> {
    let run = client(&[&"x".repeat(3000)]).expect_status(1)?;
    ensure(run.stderr.contains("1024 of 3000 bytes came back"), || format!("{run:#?}"))
}

/// The error line of a client whose peer does not serve.
fn unserved(server: &str, command: &[&str]) -> Result<String, Failed> {
    let limit = ["--handshake-timeout", "300ms", "-q", "--private", "--"];
    let run = Run::of([&["client", server], &limit[..], command].concat()).expect_status(1)?;
    ensure(run.stderr.lines().count() == 1, || format!("one line expected: {run:#?}"))?;
    Ok(run.stderr)
}

fn nothing_listens() -> Result<(), Failed> {
    let said = unserved("192.168.69.100:9", &["sleep", "60"])?;
    ensure(said.contains("192.168.69.100:9 refused the connection"), || said)
}

fn no_host() -> Result<(), Failed> {
    let said = unserved("192.168.69.99:12345", &["sleep", "60"])?;
    ensure(said.contains("192.168.69.99:12345 did not answer within 300ms: is it running"), || said)
}

fn early_end() -> Result<(), Failed> {
    let said = unserved("192.168.69.100:9", &["false"])?;
    ensure(said.contains("false ended with exit status: 1 before it listened"), || said)
}

fn status() -> Result<(), Failed> {
    for (script, status) in [("exit 7", 7), ("kill -9 $$", 137), ("kill -TERM $$", 143)] {
        Run::of(["serve", "-q", "--private", "--", "sh", "-c", script]).expect_status(status)?;
    }
    Ok(())
}

fn no_command() -> Result<(), Failed> {
    let run = Run::of(["serve", "-q", "--private", "--", "/nonexistent"]).expect_status(2)?;
    ensure(run.stderr.starts_with("error: -- /nonexistent: cannot be started"), || run.stderr)
}

fn held() -> Result<(), Failed> {
    let run = in_namespace("$SMOLECHO serve --tap outer0").expect_status(3)?;
    ensure(run.stderr.contains("another process holds the TAP outer0"), || run.stderr)
}

fn no_tap() -> Result<(), Failed> {
    let run = in_namespace("$SMOLECHO serve --tap lo").expect_status(3)?;
    ensure(run.stderr.contains("lo exists and is not a TAP"), || run.stderr)
}
