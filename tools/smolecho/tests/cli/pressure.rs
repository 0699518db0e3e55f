//! More connections than slots.

use libtest_mimic::Failed;

use crate::Case;
use crate::program::{Run, ensure};

pub(crate) const CASES: &[Case] = &[("pressure::each_option_does_what_it_says", options)];

/// Reports the fate of a second connection beside the first, and of the first afterwards.
const TWO: &str = "
import socket
def connect():
    return socket.create_connection(('192.168.69.1', 12345), timeout=0.5)
def talk(peer):
    peer.sendall(b'x')
    return 'answered' if peer.recv(10) == b'x' else 'closed'
def fares(talk):
    try:
        return talk()
    except Exception as error:
        return type(error).__name__
first = connect()
talk(first)
print(fares(lambda: talk(connect())), fares(lambda: talk(first)))
";

fn options() -> Result<(), Failed> {
    for (options, fares, counted) in [
        ("--connections 1", "ConnectionRefusedError answered", "refused: 1 full"),
        ("--connections 1 --when-full silence", "TimeoutError answered", "refused: 1 full"),
        ("--connections 1 --evict-idle", "answered ConnectionResetError", "1 idle evicted"),
        (
            "--per-source 1",
            "ConnectionRefusedError answered",
            "refused: 1 too many from the source",
        ),
        ("--per-source 2", "answered answered", "ended: 2 finished"),
    ] {
        let serve = ["serve"].into_iter().chain(options.split(' '));
        let command = ["--private", "--", "python3", "-c", TWO];
        let run = Run::of(serve.chain(command)).expect_status(0)?;
        let expected = || format!("{options}: {fares}, {counted}: {run:#?}");
        ensure(run.stdout.lines().any(|line| line == fares), expected)?;
        ensure(run.stderr.contains(counted), expected)?;
    }
    Ok(())
}
