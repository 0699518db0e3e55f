//! The pages in a real browser: Chromium, without a window.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use libtest_mimic::Failed;
use serde_json::Value;

use crate::Case;
use crate::program::{Folder, Run, Running, Scratch, ensure};
use crate::wrong::{Server, Wrong};

pub(crate) const BENCH: &[Case] = &[("page::the_figures_shown_are_those_of_the_json", figures)];

pub(crate) const CASES: &[Case] = &[
    ("page::the_verdicts_shown_are_those_of_the_json", verdicts),
    ("page::an_error_of_a_page_would_be_seen", control),
];

const BROWSERS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// Alone with itself: no window, no network, no profile of anybody's.
const ALONE: [&str; 11] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--enable-logging=stderr",
    "--dump-dom",
];

/// What is missing to look at a page, if something is.
pub(crate) fn missing_browser() -> Option<String> {
    browser().is_none().then(|| format!("no browser: none of {}", BROWSERS.join(", ")))
}

fn browser() -> Option<&'static str> {
    let runs = |name: &&&str| {
        let version = Command::new(name).arg("--version").output();
        version.is_ok_and(|output| output.status.success())
    };
    BROWSERS.iter().find(runs).copied()
}

/// The document as the browser has it, and what it complains of.
fn look(page: &Scratch) -> Result<(String, Vec<String>), Failed> {
    let profile = Folder::new("profile");
    let mut command = Command::new(browser().ok_or("no browser")?);
    command.args(ALONE).arg(format!("--user-data-dir={}", profile.path()));
    let run = Running::spawn(command.arg(format!("file://{}", page.path()))).finish();
    let run = run.expect_status(0)?;
    let complaints = run.stderr.lines().filter(|line| line.contains("CONSOLE"));
    Ok((run.stdout.clone(), complaints.map(str::to_owned).collect()))
}

/// The attributes of each `<data>`: what a page says, for programs.
fn data(document: &str, names: &[&str]) -> BTreeSet<String> {
    let attribute = |tag: &str, name: &str| {
        let (_, rest) = tag.split_once(&format!("{name}=\""))?;
        rest.split_once('"').map(|(value, _)| value.to_owned())
    };
    let tags = document.split("<data ").skip(1).filter_map(|rest| rest.split('>').next());
    let values = tags.filter_map(|tag| {
        let values: Option<Vec<_>> = names.iter().map(|name| attribute(tag, name)).collect();
        values.map(|values| values.join(" "))
    });
    values.collect()
}

fn figures() -> Result<(), Failed> {
    let (page, json) = (Scratch::new("bench.html"), Scratch::new("page.json"));
    let figures = "tcp-rtt-14,udp-rtt-14,udp-window-32,bulk,connections-1,connections-8,tcp-calls";
    let options = ["bench", "--quick", "--html", page.path(), "--json", json.path()];
    Run::of([&options[..], &["--only", figures]].concat()).expect_status(0)?;
    let results: Value = serde_json::from_str(&fs::read_to_string(&json.0)?)?;
    let (document, complaints) = look(&page)?;
    ensure(complaints.is_empty(), || format!("{complaints:#?}"))?;

    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let shown = data(&document, &["data-figure", "data-peer", "value"]);
    let mut told = BTreeSet::new();
    for row in list(&results["figures"]) {
        for cell in list(&row["cells"]) {
            let median = cell["value"]["median"].as_f64().ok_or("no figure")?;
            told.insert(format!("{} {} {median}", text(&row["name"]), text(&cell["peer"])));
        }
    }
    ensure(shown == told && told.len() > 20, || format!("{shown:#?} for {told:#?}"))?;

    let shown = data(&document, &["data-goal", "data-peer", "value"]);
    let goals = list(&results["verdicts"]);
    let told = goals.iter().map(|it| {
        let median = it["value"]["median"].as_f64().unwrap_or_default();
        format!("{} {} {median}", text(&it["figure"]), text(&it["peer"]))
    });
    let told: BTreeSet<String> = told.collect();
    ensure(shown == told && told.len() > 5, || format!("{shown:#?} for {told:#?}"))?;
    let pictures = document.matches("<svg").count();
    ensure(pictures >= 6, || format!("{pictures} pictures"))
}

fn verdicts() -> Result<(), Failed> {
    let server = Server::start(Wrong::Nothing);
    let (page, json) = (Scratch::new("probe.html"), Scratch::new("probe-page.json"));
    let target = server.address.to_string();
    let options = ["probe", &target, "--html", page.path(), "--json", json.path()];
    Run::of([&options[..], &["--only", "link,tcp,tcp-half-close,udp"]].concat())
        .expect_status(0)?;
    let findings: Value = serde_json::from_str(&fs::read_to_string(&json.0)?)?;
    let (document, complaints) = look(&page)?;
    ensure(complaints.is_empty(), || format!("{complaints:#?}"))?;
    let told = ["passed", "failed", "not_run"].map(|name| format!("{name} {}", findings[name]));
    let shown = data(&document, &["data-count", "value"]);
    ensure(shown == told.into(), || format!("{shown:#?}"))?;
    ensure(document.contains("tcp-half-close") && document.contains(&target), || document.clone())
}

/// Else the others could not fail.
fn control() -> Result<(), Failed> {
    let page = Scratch::new("wrong.html");
    fs::write(&page.0, "<!doctype html><script>console.error('wrong')</script>")?;
    let (_, complaints) = look(&page)?;
    ensure(complaints.iter().any(|line| line.contains("wrong")), || format!("{complaints:?}"))
}
