//! The demo runs on any machine, and says how.

use libtest_mimic::Failed;

use crate::Case;
use crate::program::{Run, Running, ensure};

pub(crate) const CASES: &[Case] =
    &[("demo::runs_anywhere", runs), ("demo::is_the_default", default), ("demo::head", head)];

fn runs() -> Result<(), Failed> {
    check(&Run::of(["demo"]))
}

fn default() -> Result<(), Failed> {
    check(&Run::of([] as [&str; 0]))
}

/// Checks the lecture's lines of both sides, over TCP and UDP, IPv4 and IPv6.
pub(crate) fn check(run: &Run) -> Result<(), Failed> {
    ensure(run.status == 0, || format!("{run:#?}"))?;
    for line in [
        "TCP over IPv4: ",
        "  server | Server listening on 192.168.69.1:12345",
        "  client | Connected to server on 192.168.69.1:12345",
        "  server | Accepted connection from 192.168.69.100:",
        "  server | Received data: Hello, Server!",
        "  client | Received from server: Hello, Server!",
        "UDP over IPv4: ",
        "TCP over IPv6: ",
        "  server | Server listening on [fdaa::1]:12345",
        "  client | Connected to server on [fdaa::1]:12345",
        "UDP over IPv6: ",
    ] {
        let said = run.stdout.lines().any(|l| l.starts_with(line));
        let is_v6 = line.contains("fdaa") || line.contains("IPv6");
        ensure(said || is_v6 && run.stderr.contains("No IPv6"), || {
            format!("{line:?} is missing: {run:#?}")
        })?;
    }
    let on_a_tap = run.stdout.starts_with("TCP and UDP echo over the TAP smolecho0");
    let on_a_cable = run.stdout.starts_with("TCP and UDP echo over a cable in memory");
    ensure(on_a_tap != on_a_cable, || format!("{run:#?}"))?;
    ensure(on_a_cable == run.stderr.contains("No TAP here: "), || format!("{run:#?}"))?;
    let count = |what: &str| run.stdout.lines().filter(|line| line.ends_with(what)).count();
    let dialogues = run.stdout.lines().filter(|line| line.contains(" over IPv")).count();
    let answers = count("  client | Received from server: Hello, Server!");
    ensure(answers == dialogues && dialogues >= 4, || format!("{run:#?}"))?;
    ensure(run.stdout.contains("round trips per second"), || format!("{run:#?}"))
}

fn head() -> Result<(), Failed> {
    let mut demo = Running::start(["demo"]);
    demo.line();
    demo.close_stdout();
    let run = demo.finish().expect_status(0)?;
    ensure(!run.stderr.contains("panicked"), || run.stderr.clone())
}
