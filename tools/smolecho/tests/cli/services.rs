//! Discard (RFC 863) and chargen (RFC 864): one direction each.

use libtest_mimic::Failed;

use crate::Case;
use crate::output::objects;
use crate::program::{Run, ensure};

pub(crate) const CASES: &[Case] = &[
    ("services::discard_takes_everything_and_answers_nothing", discard),
    ("services::chargen_sends_characters", chargen),
    ("services::off_by_default", off),
];

fn serve(options: &[&str], script: &str) -> Run {
    let command = ["--private", "--", "python3", "-c", script];
    Run::of([&["serve"], options, &command].concat())
}

fn discard() -> Result<(), Failed> {
    let script = "
import socket
with socket.create_connection(('192.168.69.1', 9), timeout=10) as peer:
    peer.sendall(b'x' * 1000000)
    peer.shutdown(socket.SHUT_WR)
    assert peer.recv(10) == b''
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
    peer.settimeout(0.2)
    peer.sendto(b'x', ('192.168.69.1', 9))
    try:
        raise SystemExit(peer.recv(10))
    except TimeoutError:
        pass
";
    let run = serve(&["--discard", "9", "--json"], script).expect_status(0)?;
    let objects = objects(&run)?;
    let stats = objects.last().ok_or("no line")?;
    ensure(stats["bytes_received"] == 1_000_000 && stats["bytes_sent"] == 0, || {
        format!("{stats}")
    })?;
    ensure(stats["ended"]["finished"] == 1, || format!("{stats}"))?;
    ensure(stats["datagrams_received"] == 1 && stats["datagrams_sent"] == 0, || format!("{stats}"))
}

/// The pattern of RFC 864: each line begins one character later.
fn chargen() -> Result<(), Failed> {
    let script = "
import socket
ring = bytes(range(32, 127))
lines = b''.join((ring * 2)[i:i + 72] + b'\\r\\n' for i in range(95))
with socket.create_connection(('192.168.69.1', 19), timeout=10) as peer:
    data = b''
    while len(data) < 3 * len(lines):
        data += peer.recv(65536)
    assert (lines * 9).startswith(data[:3 * len(lines)])
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
    peer.settimeout(10)
    for asked, answered in (0, 0), (1, 1), (512, 512), (1400, 512):
        peer.sendto(b'?' * asked, ('192.168.69.1', 19))
        data = peer.recv(65536)
        assert data == lines[:answered], (asked, data)
";
    let run = serve(&["--chargen", "19"], script).expect_status(0)?;
    run.expect_lines(&[
        "Server listening on 192.168.69.1:12345",
        "Server listening on 192.168.69.1:19 (chargen)",
    ])
}

fn off() -> Result<(), Failed> {
    let script = "
import socket
for port in 9, 19:
    for kind in socket.SOCK_STREAM, socket.SOCK_DGRAM:
        with socket.socket(socket.AF_INET, kind) as peer:
            peer.settimeout(5)
            try:
                peer.connect(('192.168.69.1', port))
                peer.send(b'x')
                peer.recv(10)
                raise SystemExit(f'{port} answers')
            except ConnectionRefusedError:
                pass
";
    serve(&["-q"], script).expect_status(0).map(drop)
}
