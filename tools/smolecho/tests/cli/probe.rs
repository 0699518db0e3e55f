//! `smolecho probe` passes correct servers, names each fault, and never hangs.

use std::collections::BTreeSet;
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use libtest_mimic::Failed;
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::Case;
use crate::program::{PROGRAM, Run, Running, Scratch, ensure, in_namespace};
use crate::wrong::{Server, UNUSED, Wrong};

pub(crate) const LOOPBACK: &[Case] = &[
    ("probe::each_fault_is_named_and_no_other", faults),
    ("probe::a_server_that_is_right_passes", right),
    ("probe::a_silent_server_is_reported_in_time", silent),
    ("probe::a_server_that_is_right_passes_in_a_hurry", hurried),
    ("probe::cases_are_listed_chosen_and_left_out", chosen),
    ("probe::a_signal_prints_the_findings_so_far", interrupted),
];

pub(crate) const CASES: &[Case] = &[
    ("probe::our_server_passes_over_both_families", ours),
    ("probe::the_lectures_flow_passes", once),
    ("probe::frames_find_the_faults_of_the_common_loop", usual),
    ("probe::an_unused_address_fails_at_the_neighbor", unused_address),
    ("probe::a_name_is_examined_in_both_families", named),
];

/// Runs the program; returns its output and its JSON file.
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

/// A faulty server, and the cases that find the fault.
struct Fault {
    wrong: Wrong,
    /// These cases must fail.
    named: &'static [&'static str],
    /// These cases may fail for the same reason; no other may.
    follows: &'static [&'static str],
}

const FAULTS: &[Fault] = &[
    // On a slow machine the tail is large: then any case with more data than the buffer finds it.
    Fault {
        wrong: Wrong::DropsTail,
        named: &["tcp-slow-reader"],
        follows: &["tcp-both-ways", "tcp-half-close", "tcp-patterns", "tcp-sizes"],
    },
    Fault { wrong: Wrong::ResetsOnFin, named: &["tcp-close", "tcp-half-close"], follows: &[] },
    // 50 answers of 150 ms exceed the deadline, as do messages that arrive in many pieces.
    Fault {
        wrong: Wrong::Late,
        named: &["tcp-churn", "tcp-prompt"],
        follows: &["tcp-both-ways", "tcp-half-close", "tcp-sizes", "tcp-slow-reader"],
    },
    Fault { wrong: Wrong::OneAtATime, named: &["tcp-many"], follows: &[] },
    // All of these send bytes with the high bit set.
    Fault {
        wrong: Wrong::SevenBits,
        named: &[
            "tcp-both-ways",
            "tcp-half-close",
            "tcp-patterns",
            "tcp-sizes",
            "tcp-slow-reader",
            "tcp-slow-writer",
            "tcp-small-segments",
        ],
        follows: &[],
    },
    Fault { wrong: Wrong::Truncates, named: &["udp-fragments", "udp-sizes"], follows: &[] },
    Fault { wrong: Wrong::Mute, named: &["udp"], follows: &[] },
];

fn faults() -> Result<(), Failed> {
    // In parallel, because they mostly wait.
    thread::scope(|scope| {
        let probes: Vec<_> = FAULTS.iter().map(|fault| scope.spawn(|| find(fault))).collect();
        probes.into_iter().try_for_each(|probe| probe.join().expect("no panic"))
    })?;
    answers_echo()
}

fn find(&Fault { wrong, named, follows }: &Fault) -> Result<(), Failed> {
    let server = Server::start(wrong);
    let (target, name) = (server.address.to_string(), format!("{wrong:?}.json"));
    let (run, document) = probe(&target, &["--deadline", "5s"], &name)?;
    let failed = with(&document, "failed");
    let is_named = named.iter().all(|&case| failed.contains(case));
    let is_caused = |case: &String| named.iter().chain(follows).any(|it| it == case);
    ensure(is_named && failed.iter().all(is_caused), || {
        format!("{wrong:?}: {named:?} expected, and at most {follows:?} with it: {run:#?}")
    })?;
    run.expect_status(1).map(drop)
}

/// Low ports are few and require root; the case is not run if none is free.
fn answers_echo() -> Result<(), Failed> {
    let server = Server::start(Wrong::AnswersEcho);
    let (run, document) = probe(&server.address.to_string(), &[], "AnswersEcho.json")?;
    let failed = with(&document, "failed");
    let low_port = "udp-low-port".to_owned();
    let is_named = failed == [low_port.clone()].into();
    let is_excused = failed.is_empty() && with(&document, "not run").contains(&low_port);
    ensure(is_named || is_excused, || format!("{run:#?}"))
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

/// The time depends on the deadline and the number of cases only.
fn silent() -> Result<(), Failed> {
    for (wrong, datagrams, stream) in [
        (Wrong::Hangs, "no answer to 4 datagrams", "nothing more came back after 0 of 14 bytes"),
        (
            Wrong::Garbage,
            "byte 0 was sent as 0x48 and came back as 0x23",
            "byte 0 was sent as 0x48 and came back as 0x23",
        ),
        (Wrong::ClosesAtOnce, "no answer to 4 datagrams", "after 0 of 14 bytes"),
    ] {
        let server = Server::start(wrong);
        nothing_works(&server.address.to_string(), "500ms", [datagrams, stream])?;
    }
    let server = Server::start(Wrong::Sips);
    in_time(&server.address.to_string(), "500ms", "Sips")?;
    let refused = ["refused: nothing listens on the port", "observed: refused"];
    nothing_works(UNUSED, "1s", refused)
}

/// Two cases fail and say why; cases that depend on them are not run.
fn nothing_works(target: &str, deadline: &str, observed: [&str; 2]) -> Result<(), Failed> {
    let (run, document) = in_time(target, deadline, "nothing.json")?;
    let run = run.expect_status(1)?;
    let both = ["tcp", "udp"].map(String::from).into();
    ensure(with(&document, "failed") == both, || format!("{run:#?}"))?;
    ensure(with(&document, "not run").contains("tcp-churn"), || format!("{run:#?}"))?;
    observed
        .into_iter()
        .try_for_each(|words| ensure(run.stdout.contains(words), || format!("{words}: {run:#?}")))
}

/// Runs all cases with this deadline.
fn in_time(target: &str, deadline: &str, name: &str) -> Result<(Run, Value), Failed> {
    let start = Instant::now();
    let (run, document) = probe(target, &["--deadline", deadline], name)?;
    expect_in_time(&run, start.elapsed(), deadline)?;
    Ok((run, document))
}

/// Checks that the run took no longer than one deadline per case, and a margin for a busy machine.
fn expect_in_time(run: &Run, took: Duration, deadline: &str) -> Result<(), Failed> {
    const BUSY: Duration = Duration::from_secs(10);
    let is_tried = |line: &&str| line.starts_with("  passed ") || line.starts_with("  FAILED ");
    let tried = u32::try_from(run.stdout.lines().filter(is_tried).count())?;
    let most = humantime::parse_duration(deadline)? * tried + BUSY;
    ensure(tried > 0 && took < most, || format!("{took:?}, {most:?} at most: {run:#?}"))
}

/// A short deadline finds no fault in a good server. A busy machine may fail this now and then, but not every
/// time.
fn hurried() -> Result<(), Failed> {
    let server = Server::start(Wrong::Nothing);
    let hurry = || in_time(&server.address.to_string(), "500ms", "hurried");
    let is_right = |(_, document): &(Run, Value)| {
        let cases = document["targets"][0]["cases"].as_array().into_iter().flatten();
        let mut seconds = cases.filter_map(|case| case["seconds"].as_f64());
        document["failed"] == 0 && seconds.all(|seconds| seconds < 1.0)
    };
    let mut last = hurry()?;
    for _ in 1..5 {
        if is_right(&last) {
            break;
        }
        last = hurry()?;
    }
    ensure(is_right(&last), || format!("five times: {:#?}", last.0))
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
    // The target and its first case; the second hangs.
    let lines = [running.line(), running.line()];
    ensure(lines[1].contains("link"), || format!("{lines:?}"))?;
    running.signal(Signal::SIGINT);
    let run = running.finish().expect_status(0)?;
    ensure(run.stdout.contains("1 passed, 0 failed, 0 not run, then interrupted"), || {
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

/// The common smoltcp echo loop, bench's baseline.
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

fn unused_address() -> Result<(), Failed> {
    let probe = ["--private", "--", PROGRAM, "probe", "192.168.69.77:12345", "--deadline", "1s"];
    let start = Instant::now();
    let run = Run::of([&["serve", "-q"][..], &probe].concat());
    expect_in_time(&run, start.elapsed(), "1s")?;
    let run = run.expect_status(1)?;
    run.expect_lines(&[
        "  passed   link",
        "  FAILED   neighbor",
        "           observed: no answer to ARP",
        "  FAILED   ping",
        "  FAILED   udp",
        "  FAILED   tcp",
        "1 passed, 4 failed, ",
    ])
}

/// A name in a hosts file that only this command sees.
fn named() -> Result<(), Failed> {
    let hosts = Scratch::new("hosts");
    fs::write(&hosts.0, "192.168.69.1 board.test\nfdaa::1 board.test\n")?;
    let script =
        r#"mount --bind "$1" /etc/hosts && "$2" probe board.test:12345 --only link,udp,tcp"#;
    let apart = ["unshare", "--mount", "sh", "-c", script, "sh", hosts.path(), PROGRAM];
    let run = Run::of([&["serve", "-q", "--private", "--"][..], &apart].concat());
    let run = run.expect_status(0)?;
    for target in ["192.168.69.1:12345", "[fdaa::1]:12345"] {
        run.expect_lines(&[target, "  passed   link", "  passed   udp", "  passed   tcp"])?;
    }
    run.expect_lines(&["6 passed, 0 failed, 0 not run"])
}
