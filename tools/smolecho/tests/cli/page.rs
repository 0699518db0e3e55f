//! The pages in a real browser: headless Chromium.

use std::collections::BTreeMap;
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

/// Without window, network and profile.
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

/// Why no browser can be run; `None` if one can.
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

/// The page's DOM in the browser, and the browser's complaints.
fn look(page: &Scratch) -> Result<(String, Vec<String>), Failed> {
    let profile = Folder::new("profile");
    let mut command = Command::new(browser().ok_or("no browser")?);
    command.args(ALONE).arg(format!("--user-data-dir={}", profile.path()));
    let run = Running::spawn(command.arg(format!("file://{}", page.path()))).finish();
    let run = run.expect_status(0)?;
    let complaints = run.stderr.lines().filter(|line| line.contains("CONSOLE"));
    Ok((run.stdout.clone(), complaints.map(str::to_owned).collect()))
}

/// Every `<data>` element with the first of these attributes: their values, its value, and its text.
fn data(document: &str, names: &[&str]) -> BTreeMap<String, (f64, String)> {
    let attribute = |tag: &str, name: &str| {
        let (_, rest) = tag.split_once(&format!("{name}=\""))?;
        rest.split_once('"').map(|(value, _)| value.to_owned())
    };
    let elements = document.split("<data ").skip(1).filter_map(|rest| rest.split_once('>'));
    let said = elements.filter_map(|(tag, rest)| {
        let named: Option<Vec<_>> = names.iter().map(|name| attribute(tag, name)).collect();
        let (text, _) = rest.split_once("</data>")?;
        Some((named?.join(" "), (attribute(tag, "value")?.parse().ok()?, text.to_owned())))
    });
    said.collect()
}

/// Checks that the page shows exactly these figures, rounded as text.
fn expect_shown(
    shown: &BTreeMap<String, (f64, String)>,
    told: &BTreeMap<String, f64>,
) -> Result<(), Failed> {
    ensure(shown.keys().eq(told.keys()), || format!("{shown:#?} for {told:#?}"))?;
    for (name, told) in told {
        let (value, text) = &shown[name];
        let decimals = text.split_once('.').map_or(0, |(_, decimals)| decimals.len());
        // Three digits, or two decimals of small numbers.
        let is_near =
            text.parse().is_ok_and(|it: f64| (it - told).abs() <= (told / 200.0).max(0.005));
        let is_rounded = *text == format!("{told:.decimals$}");
        ensure(value == told && is_near && is_rounded, || {
            format!("{name}: {told} is shown as {text}, and to programs as {value}")
        })?;
    }
    Ok(())
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
    let mut told = BTreeMap::new();
    for row in list(&results["figures"]) {
        for cell in list(&row["cells"]) {
            let median = cell["value"]["median"].as_f64().ok_or("no figure")?;
            told.insert(format!("{} {}", text(&row["name"]), text(&cell["peer"])), median);
        }
    }
    ensure(told.len() > 20, || format!("{told:#?}"))?;
    expect_shown(&data(&document, &["data-figure", "data-peer"]), &told)?;

    let mut told = BTreeMap::new();
    for ratio in list(&results["ratios"]) {
        let median = ratio["value"]["median"].as_f64().ok_or("no ratio")?;
        let name = ["figure", "peer", "of"].map(|part| text(&ratio[part])).join(" ");
        told.insert(name, median);
    }
    ensure(told.len() > 5, || format!("{told:#?}"))?;
    expect_shown(&data(&document, &["data-ratio", "data-peer", "data-of"]), &told)?;
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
    let counts = [("passed", "passed, "), ("failed", "failed, "), ("not_run", "not run")];
    let mut told = BTreeMap::new();
    for (name, words) in counts {
        let count = findings[name].as_u64().ok_or("no count")?;
        ensure(document.contains(&format!(">{count}</data> {words}")), || document.clone())?;
        told.insert(name.to_owned(), count as f64);
    }
    expect_shown(&data(&document, &["data-count"]), &told)?;
    ensure(document.contains("tcp-half-close") && document.contains(&target), || document.clone())
}

/// Proves that `look` notices errors.
fn control() -> Result<(), Failed> {
    let page = Scratch::new("wrong.html");
    fs::write(&page.0, "<!doctype html><script>console.error('wrong')</script>")?;
    let (_, complaints) = look(&page)?;
    ensure(complaints.iter().any(|line| line.contains("wrong")), || format!("{complaints:?}"))
}
