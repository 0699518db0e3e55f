//! Signals, and what is left behind.

use std::path::Path;

use libtest_mimic::Failed;
use nix::sys::signal::Signal;

use crate::Case;
use crate::program::{Running, ensure, in_namespace};

pub(crate) const CASES: &[Case] = &[
    ("signals::sigint_and_sigterm_end_in_order", stop),
    ("signals::sigusr1_prints_the_counters", counters),
    ("signals::the_interface_is_removed", interface),
    ("signals::a_stopped_client_ends_well", client),
    ("signals::a_server_that_was_stopped_keeps_its_peers", stopped),
];

/// A server whose command prints its process id and sleeps.
fn server() -> (Running, String) {
    let mut serve =
        Running::start(["serve", "--private", "--", "sh", "-c", "echo $$; exec sleep 60"]);
    loop {
        let line = serve.line();
        if line.is_empty() || line.bytes().all(|byte| byte.is_ascii_digit()) {
            return (serve, line);
        }
    }
}

fn stop() -> Result<(), Failed> {
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let (serve, pid) = server();
        let process = format!("/proc/{pid}");
        ensure(!pid.is_empty() && Path::new(&process).exists(), || format!("no {process}"))?;
        serve.signal(signal);
        let run = serve.finish().expect_status(0)?;
        ensure(run.stderr.contains("slots: 64 free"), || format!("{run:#?}"))?;
        ensure(!run.stderr.contains("connections:"), || format!("there were none: {run:#?}"))?;
        ensure(!Path::new(&process).exists(), || format!("{process} is still there"))?;
    }
    Ok(())
}

fn counters() -> Result<(), Failed> {
    let (mut serve, _) = server();
    serve.error_line();
    serve.signal(Signal::SIGUSR1);
    let mut line = serve.error_line();
    // Frames that the host sends by itself may be counted before.
    if line.starts_with("frames: ") {
        line = serve.error_line();
    }
    serve.signal(Signal::SIGTERM);
    serve.finish().expect_status(0)?;
    ensure(line == "slots: 64 free", || line)
}

/// Bytes that arrived while the process was stopped count before the deadlines that passed meanwhile.
fn stopped() -> Result<(), Failed> {
    let clients = "import os, signal, socket, sys, time
server = int(sys.argv[1])
peers = [socket.create_connection(('192.168.69.1', 12345), 5) for _ in range(30)]
def echo(word):
    for peer in peers: peer.sendall(word)
    return [peer.recv(64) for peer in peers]
assert set(echo(b'before')) == {b'before'}
os.kill(server, signal.SIGSTOP)
for peer in peers: peer.sendall(b'while')
time.sleep(2.5)
os.kill(server, signal.SIGCONT)
assert {peer.recv(64) for peer in peers} == {b'while'}
assert set(echo(b'after')) == {b'after'}
";
    let script = format!(
        "
        $SMOLECHO serve --idle-timeout 2s --stall-timeout 2s >/dev/null & pid=$!
        present smolecho0
        python3 -c \"{clients}\" $pid || exit 10
        kill -TERM $pid; wait $pid || exit 11"
    );
    in_namespace(&script).expect_status(0).map(drop)
}

fn interface() -> Result<(), Failed> {
    let script = "
        $SMOLECHO serve >/dev/null & pid=$!
        present smolecho0
        sleep 0.2
        kill -TERM $pid; wait $pid || exit 10
        ! grep -q smolecho0 /proc/net/dev || exit 11
        $SMOLECHO serve >/dev/null & pid=$!
        present smolecho0
        kill -KILL $pid; wait $pid
        ! grep -q smolecho0 /proc/net/dev || exit 12";
    in_namespace(script).expect_status(0).map(drop)
}

fn client() -> Result<(), Failed> {
    let args = [
        "client",
        "192.168.69.99:1",
        "-v",
        "--private",
        "--",
        "sh",
        "-c",
        "echo up; exec sleep 60",
    ];
    let mut client = Running::start(args);
    ensure(client.line() == "up", || "the peer is not up".into())?;
    client.signal(Signal::SIGTERM);
    client.finish().expect_status(0).map(drop)
}
