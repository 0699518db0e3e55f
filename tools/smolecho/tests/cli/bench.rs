//! `smolecho bench` measures every figure on every peer that has it, and reports a server that does not echo
//! within the time limit. No test asserts a speed.

use std::fs;
use std::time::{Duration, Instant};

use libtest_mimic::Failed;
use nix::sys::signal::Signal;
use quick_junit::{Report, TestCase, TestCaseStatus, TestSuite};
use serde_json::Value;

use crate::Case;
use crate::program::{Run, Running, Scratch, ensure};
use crate::wrong::{Server, UNUSED, Wrong};

pub(crate) const LOOPBACK: &[Case] = &[
    ("bench::any_server_is_measured", any),
    ("bench::a_figure_compared_with_itself_is_noise", itself),
    ("bench::a_server_without_echo_is_reported_in_time", silent),
    ("bench::a_server_without_datagrams_is_measured_over_tcp", mute),
];

pub(crate) const CASES: &[Case] = &[
    ("bench::ours_and_the_others_are_measured_side_by_side", side_by_side),
    ("bench::a_signal_prints_the_figures_so_far", interrupted),
];

/// Runs the program; returns its output and its JSON file.
fn bench(options: &[&str], name: &str) -> Result<(Run, Value), Failed> {
    let file = Scratch::new(name);
    let run = Run::of([&["bench", "--json", file.path()], options].concat()).expect_status(0)?;
    Ok((run, serde_json::from_str(&fs::read_to_string(&file.0)?)?))
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// The measured figures, each with its peers.
fn taken(results: &Value) -> Vec<String> {
    let names = |row: &Value| {
        let peers = list(&row["cells"]).filter(|cell| cell["value"]["median"].is_number());
        let peers = peers.filter_map(|cell| cell["peer"].as_str());
        format!(
            "{}: {}",
            row["name"].as_str().unwrap_or_default(),
            peers.collect::<Vec<_>>().join(" ")
        )
    };
    list(&results["figures"]).map(names).collect()
}

fn any() -> Result<(), Failed> {
    let server = Server::start(Wrong::Nothing);
    let target = server.address.to_string();
    let (markdown, junit) = (Scratch::new("bench.md"), Scratch::new("bench.xml"));
    let options = [
        &target,
        "--time",
        "20ms",
        "--rounds",
        "2",
        "--only",
        "tcp-rtt*,tcp-paced,udp*,bulk*,connections-8,connects*,held*",
        "--markdown",
        markdown.path(),
        "--junit",
        junit.path(),
    ];
    let (run, results) = bench(&options, "bench.json")?;
    let expected = [
        "tcp-rtt-14",
        "tcp-rtt-1024",
        "tcp-paced",
        "udp-rtt-14",
        "udp-rtt-1024",
        "udp-window-32",
        "bulk",
        "connections-8",
        "connects-1",
        "connects-8",
    ];
    let expected = expected.map(|figure| format!("{figure}: {target}"));
    ensure(taken(&results) == expected && results["complete"] == true, || format!("{run:#?}"))?;
    let cells = list(&results["figures"]).flat_map(|row| list(&row["cells"]));
    for cell in cells {
        ensure(list(&cell["rounds"]).count() == 2 && cell["done"].as_u64() > Some(0), || {
            format!("{cell:#}")
        })?;
    }
    let suites = suites(&junit)?;
    ensure(suites == [(target, expected.len(), expected.len())], || format!("{suites:?}"))?;
    let text = fs::read_to_string(&markdown.0)?;
    ensure(
        text.contains("| TCP round trip, 14 bytes, µs |")
            && run.stdout.contains("bulk echo, both ways"),
        || text.clone(),
    )
}

/// The suites of a JUnit file: name, cases, passed cases.
fn suites(junit: &Scratch) -> Result<Vec<(String, usize, usize)>, Failed> {
    let report = Report::deserialize_from_str(&fs::read_to_string(&junit.0)?)?;
    let is_passed = |case: &&TestCase| matches!(case.status, TestCaseStatus::Success { .. });
    let counted = |suite: &TestSuite| {
        let cases = &suite.test_cases;
        (suite.name.to_string(), cases.len(), cases.iter().filter(is_passed).count())
    };
    Ok(report.test_suites.iter().map(counted).collect())
}

fn itself() -> Result<(), Failed> {
    let server = Server::start(Wrong::Nothing);
    let target = server.address.to_string();
    let file = Scratch::new("same.json");
    let only = ["--time", "5ms", "--only", "tcp-rtt-14,udp-rtt-14"];
    let first = ["bench", &target, "--json", file.path()];
    Run::of([&first[..], &only].concat()).expect_status(0)?;
    // The change between two runs is arbitrary; both figures must be compared.
    let again = ["bench", &target, "--compare", file.path()];
    let run = Run::of([&again[..], &only].concat()).expect_status(0)?;
    ensure(run.stdout.contains("since ") && run.stdout.contains("of 2 outside the noise"), || {
        format!("{run:#?}")
    })
}

fn silent() -> Result<(), Failed> {
    // One answer over TCP, three over UDP, and a margin for a busy machine.
    let most = Duration::from_secs(5 + 3 + 10);
    for (wrong, said) in [
        (Wrong::Hangs, "no answer within 5s"),
        // Data unread at the close causes a reset.
        (Wrong::ClosesAtOnce, " the connection;"),
        (Wrong::Garbage, "byte 0 was sent as 0x"),
    ] {
        let server = Server::start(wrong);
        let start = Instant::now();
        let run = Run::of(["bench", &server.address.to_string(), "--quick"]).expect_status(1)?;
        let took = start.elapsed();
        ensure(run.stderr.contains(said), || format!("{wrong:?}: no {said:?}: {run:#?}"))?;
        ensure(took < most, || format!("{wrong:?}: {took:?}, {most:?} at most: {run:#?}"))?;
    }
    let run = Run::of(["bench", UNUSED, "--quick"]).expect_status(1)?;
    ensure(run.stderr.contains("no echo over TCP: refused"), || format!("{run:#?}"))
}

/// TCP is still measured.
fn mute() -> Result<(), Failed> {
    let server = Server::start(Wrong::Mute);
    let target = server.address.to_string();
    let (run, results) =
        bench(&[&target, "--quick", "--only", "tcp-rtt-14,udp-rtt-14"], "mute.json")?;
    ensure(taken(&results) == [format!("tcp-rtt-14: {target}")], || format!("{run:#?}"))?;
    run.expect_lines(&[&format!("{target}: UDP: no answer")])
}

fn side_by_side() -> Result<(), Failed> {
    let only = ["--only", "tcp-rtt-14,udp-rtt-14,udp-calls,discard,held-1,tcp-calls"];
    let junit = Scratch::new("side.xml");
    let quick = ["--quick", "--junit", junit.path()];
    let (run, results) = bench(&[&quick[..], &only].concat(), "side.json")?;
    let expected = [
        "tcp-rtt-14: smolecho smolecho-65521 smolecho-offload kernel usual",
        "udp-rtt-14: smolecho smolecho-65521 smolecho-offload kernel usual reflector",
        "discard: smolecho smolecho-65521 smolecho-offload",
        "tcp-calls: smolecho smolecho-65521 smolecho-offload kernel usual",
        "udp-calls: smolecho smolecho-65521 smolecho-offload kernel usual reflector",
        "held-1: smolecho-10000 kernel",
    ];
    ensure(taken(&results) == expected, || format!("{run:#?}"))?;
    // The number of calls, not the speed: a server that blocks in `read` makes two per datagram.
    let calls = list(&results["figures"]).find(|row| row["name"] == "udp-calls");
    let calls = calls.and_then(|row| list(&row["cells"]).find(|cell| cell["peer"] == "reflector"));
    let median = calls.and_then(|cell| cell["value"]["median"].as_f64()).unwrap_or_default();
    // A busy machine makes few round trips, with a call more or less at either end.
    ensure((1.0..=3.0).contains(&median), || format!("{median} system calls"))?;
    let suites = suites(&junit)?;
    let peers = list(&results["peers"]).map(|peer| peer["name"].as_str().unwrap_or_default());
    ensure(suites.iter().map(|suite| suite.0.as_str()).eq(peers), || format!("{suites:?}"))?;
    ensure(suites.iter().all(|suite| suite.1 == suite.2), || format!("{suites:?}"))?;
    let ratios = list(&results["ratios"]).count();
    ensure(ratios == 3 && run.stdout.contains("TCP round trip, 14 bytes"), || format!("{run:#?}"))
}

fn interrupted() -> Result<(), Failed> {
    let file = Scratch::new("interrupted.json");
    let options = ["bench", "--json", file.path(), "--only", "tcp-rtt-14", "--peers", "kernel"];
    let running = Running::start([&options[..], &["--rounds", "1000"]].concat());
    running.wait_for_handler(Signal::SIGINT);
    running.signal(Signal::SIGINT);
    let run = running.finish().expect_status(0)?;
    ensure(run.stdout.contains("Interrupted before all figures were measured"), || {
        format!("{run:#?}")
    })?;
    let results: Value = serde_json::from_str(&fs::read_to_string(&file.0)?)?;
    ensure(results["complete"] == false, || format!("{results:#}"))
}
