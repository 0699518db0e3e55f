//! `smolecho probe`: what is right passes, what is wrong is named, nothing hangs.

use std::collections::BTreeSet;
use std::fs;
use std::thread;

use libtest_mimic::Failed;
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::Case;
use crate::program::{PROGRAM, Run, Running, Scratch, ensure, in_namespace};
use crate::wrong::{NOBODY, Server, Wrong};

pub(crate) const LOOPBACK: &[Case] = &[
    ("probe::each_fault_is_named_and_no_other", faults),
    ("probe::a_server_that_is_right_passes", right),
    ("probe::who_does_not_talk_is_told_in_time", silent),
    ("probe::cases_are_listed_chosen_and_left_out", chosen),
    ("probe::what_is_known_is_told_when_a_signal_comes", interrupted),
];

pub(crate) const CASES: &[Case] = &[
    ("probe::our_server_passes_over_both_families", ours),
    ("probe::the_lectures_flow_passes", once),
    ("probe::frames_find_what_the_usual_loop_lacks", usual),
    ("probe::an_address_of_nobody_fails_at_the_neighbor", nobody),
];

/// Runs it, and gives what it says with the JSON that it writes.
fn probe(target: &str, options: &[&str], name: &str) -> Result<(Run, Value), Failed> {
    let file = Scratch::new(name);
    let run = Run::of([&["probe", target, "--json", file.path()], options].concat());
    let json = fs::read_to_string(&file.0).map_err(|error| format!("{error}: {run:#?}"))?;
    Ok((run, serde_json::from_str(&json)?))
}

/// The names of the cases with this verdict.
fn with(document: &Value, verdict: &str) -> BTreeSet<String> {
    let targets = document["targets"].as_array().into_iter().flatten();
    let cases = targets.flat_map(|target| target["cases"].as_array().into_iter().flatten());
    let cases = cases.filter(|case| case["verdict"] == verdict);
    cases.filter_map(|case| case["name"].as_str().map(String::from)).collect()
}

fn expect_failed(server: &Server, options: &[&str], expected: &[&str]) -> Result<(), Failed> {
    let name = format!("{}.json", server.address.port());
    let (run, document) = probe(&server.address.to_string(), options, &name)?;
    let expected: BTreeSet<String> = expected.iter().map(|&name| name.into()).collect();
    ensure(with(&document, "failed") == expected, || format!("{expected:?} expected: {run:#?}"))?;
    run.expect_status(if expected.is_empty() { 0 } else { 1 }).map(drop)
}

/// Which server, what is not tried with it, and what must be found.
type Fault = (Wrong, &'static str, &'static [&'static str]);

const FAULTS: &[Fault] = &[
    // By chance whatever is large shows it too.
    (Wrong::DropsTail, "tcp-both-ways,tcp-half-close,tcp-sizes", &["tcp-slow-reader"]),
    (Wrong::ResetsOnFin, "", &["tcp-close", "tcp-half-close"]),
    // Much of anything takes too long with it for a test.
    (Wrong::Late, "tcp-slow-reader,tcp-pool,tcp-churn", &["tcp-prompt"]),
    (Wrong::OneAtATime, "", &["tcp-many"]),
    (
        Wrong::SevenBits,
        "tcp-small-segments",
        &[
            "tcp-both-ways",
            "tcp-half-close",
            "tcp-patterns",
            "tcp-sizes",
            "tcp-slow-reader",
            "tcp-slow-writer",
        ],
    ),
    (Wrong::Truncates, "", &["udp-fragments", "udp-sizes"]),
];

fn faults() -> Result<(), Failed> {
    // Side by side: most of their time they wait.
    thread::scope(|scope| {
        let probes: Vec<_> = FAULTS.iter().map(|fault| scope.spawn(|| find(fault))).collect();
        probes.into_iter().try_for_each(|probe| probe.join().expect("no panic"))
    })?;
    echo_port()
}

fn find(&(wrong, skip, named): &Fault) -> Result<(), Failed> {
    let server = Server::start(wrong);
    let skip = format!("udp-low-port,{skip}");
    let options = ["--skip", skip.trim_end_matches(',')];
    let found = expect_failed(&server, &options, named);
    found.map_err(|failed| format!("{wrong:?}: {}", failed.message().unwrap_or_default()).into())
}

fn echo_port() -> Result<(), Failed> {
    let server = Server::start(Wrong::AnswersEcho);
    let (run, document) =
        probe(&server.address.to_string(), &["--only", "udp-low-port"], "7.json")?;
    // A port below 1024 is for root; then it is said.
    let is_named = with(&document, "failed").len() == 1
        || with(&document, "not run").len() == 1 && run.stdout.contains("is for root");
    ensure(is_named, || format!("{run:#?}"))
}

fn right() -> Result<(), Failed> {
    let server = Server::start(Wrong::Nothing);
    let junit = Scratch::new("right.xml");
    let options = ["--junit", junit.path(), "--connections", "40"];
    let (run, document) = probe(&server.address.to_string(), &options, "right.json")?;
    let run = run.expect_status(0)?;
    ensure(document["complete"] == true && document["failed"] == 0, || format!("{document:#}"))?;
    let summary = run.stdout.lines().last().unwrap_or_default();
    let counted =
        format!("{} passed, 0 failed, {} not run", document["passed"], document["not_run"]);
    ensure(summary == counted, || format!("{counted}: {run:#?}"))?;
    let xml = fs::read_to_string(&junit.0)?;
    let not_run = document["not_run"].as_u64().ok_or("no number")?;
    ensure(xml.matches("<skipped").count() as u64 == not_run, || xml.clone())?;
    ensure(xml.contains("name=\"tcp-half-close\"") && !xml.contains("<failure"), || xml.clone())
}

fn silent() -> Result<(), Failed> {
    for (wrong, observed) in [
        (Wrong::Hangs, "nothing more came back after 0 of 14 bytes"),
        (Wrong::Garbage, "byte 0 was sent as 0x48 and came back as 0x23"),
        (Wrong::ClosesAtOnce, "after 0 of 14 bytes"),
    ] {
        let server = Server::start(wrong);
        let target = server.address.to_string();
        let options = ["--deadline", "500ms", "--proto", "tcp"];
        let (run, document) = probe(&target, &options, &format!("{wrong:?}"))?;
        let run = run.expect_status(1)?;
        ensure(with(&document, "failed") == ["tcp".into()].into(), || format!("{run:#?}"))?;
        ensure(run.stdout.contains(observed), || format!("{observed}: {run:#?}"))?;
        ensure(with(&document, "not run").contains("tcp-churn"), || format!("{run:#?}"))?;
    }
    let run = Run::of(["probe", NOBODY, "--deadline", "1s"]).expect_status(1)?;
    ensure(run.stdout.contains("observed: refused"), || format!("{run:#?}"))
}

fn chosen() -> Result<(), Failed> {
    let list = Run::of(["probe", "--list"]).expect_status(0)?;
    ensure(list.stdout.lines().count() > 20, || list.stdout.clone())?;
    let server = Server::start(Wrong::Nothing);
    let target = server.address.to_string();
    let (run, document) =
        probe(&target, &["--only", "tcp,tcp-s*", "--skip", "tcp-slow*"], "chosen.json")?;
    let expected = ["tcp", "tcp-same-port", "tcp-sizes", "tcp-small-segments"].map(String::from);
    ensure(with(&document, "passed") == expected.into(), || format!("{run:#?}"))
}

fn interrupted() -> Result<(), Failed> {
    let server = Server::start(Wrong::Hangs);
    let target = server.address.to_string();
    let mut running = Running::start(["probe", &target, "--only", "link,tcp", "--deadline", "50s"]);
    // The target, and its first case: the second hangs.
    let lines = [running.line(), running.line()];
    ensure(lines[1].contains("link"), || format!("{lines:?}"))?;
    running.signal(Signal::SIGINT);
    let run = running.finish().expect_status(0)?;
    ensure(run.stdout.contains("1 passed, 0 failed, 0 not run, and then a signal came"), || {
        format!("{run:#?}")
    })
}

fn ours() -> Result<(), Failed> {
    let run = Run::of([
        "serve",
        "-q",
        "--private",
        "--",
        PROGRAM,
        "probe",
        "192.168.69.1:12345",
        "[fdaa::1]:12345",
    ]);
    let run = run.expect_status(0)?;
    ensure(run.stdout.contains("70 passed, 0 failed, 2 not run"), || format!("{run:#?}"))
}

fn once() -> Result<(), Failed> {
    let probe = ["--private", "--", PROGRAM, "probe", "192.168.69.1:12345"];
    let run =
        Run::of([&["serve", "-q", "--flow", "once"][..], &probe].concat()).expect_status(0)?;
    run.expect_lines(&["  passed   tcp                 flow: once", "  passed   tcp-churn"])
}

/// The loop that bench has as its baseline: smoltcp as it is, without a gate.
fn usual() -> Result<(), Failed> {
    let script = r#"
        $SMOLECHO bench-part '{"Server":"Usual"}' &
        present bench0
        $SMOLECHO probe 192.168.69.1:12345 --only 'udp,tcp,frame*'
        status=$?
        kill $!
        exit $status
    "#;
    let run = in_namespace(script).expect_status(1)?;
    let failed = run.stdout.lines().filter_map(|line| line.strip_prefix("  FAILED   "));
    let expected = ["frame-spoofed", "frame-replayed-syn", "frame-blind-reset", "frame-syn-flood"];
    ensure(failed.map(str::trim).eq(expected), || format!("{run:#?}"))
}

fn nobody() -> Result<(), Failed> {
    let probe = ["--private", "--", PROGRAM, "probe", "192.168.69.77:12345", "--deadline", "4s"];
    let run = Run::of([&["serve", "-q"][..], &probe, &["--only", "link,neighbor"]].concat());
    let run = run.expect_status(1)?;
    run.expect_lines(&[
        "  passed   link",
        "  FAILED   neighbor",
        "           observed: nobody answers ARP",
    ])
}
