//! The host program from outside: its output, its exit status, and what it leaves behind.
//!
//! Trials that need a TAP create private namespaces through the program. On a machine without them such trials
//! are ignored with a reason; `SMOLECHO_REQUIRE_TAP=1` makes them fail.

mod bench;
mod datagrams;
mod demo;
mod dialogue;
mod foreign;
mod impair;
mod network;
mod offload;
mod output;
mod page;
mod pressure;
mod probe;
mod program;
mod services;
mod signals;
mod sim;
mod unprivileged;
mod usage;
mod wrong;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Completion, Failed, Trial};

use crate::program::Run;

/// A trial: its name and its function.
type Case = (&'static str, fn() -> Result<(), Failed>);

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let no_tap = missing_tap().map(|reason| Missing { reason, required: is_required() });
    let no_user = unprivileged::prepare().map(|reason| Missing { reason, required: false });
    let no_server = network::missing_dnsmasq().map(|reason| Missing { reason, required: false });
    let no_browser = page::missing_browser().map(|reason| Missing { reason, required: false });
    let no_page = no_tap.clone().or(no_browser.clone());
    let no_dhcp = no_tap.clone().or(no_server);
    let no_foreign = foreign::OTHERS.map(|(program, _)| {
        let missing = foreign::missing(program);
        no_tap.clone().or(missing.map(|reason| Missing { reason, required: is_required() }))
    });
    let mut groups = vec![
        (usage::CASES, &None),
        (demo::CASES, &None),
        (unprivileged::CASES, &no_user),
        (dialogue::CASES, &no_tap),
        (datagrams::CASES, &no_tap),
        (services::CASES, &no_tap),
        (network::CASES, &no_tap),
        (network::DNSMASQ, &no_dhcp),
        (offload::CASES, &no_tap),
        (output::CASES, &no_tap),
        (pressure::CASES, &no_tap),
        (probe::LOOPBACK, &None),
        (bench::LOOPBACK, &None),
        (sim::CASES, &None),
        (impair::CASES, &no_tap),
        (probe::CASES, &no_tap),
        (bench::CASES, &no_tap),
        (page::CASES, &no_browser),
        (page::BENCH, &no_page),
        (signals::CASES, &no_tap),
        (foreign::PYTHON, &no_tap),
    ];
    groups.extend(foreign::OTHERS.iter().map(|(_, cases)| *cases).zip(&no_foreign));
    let trials = groups.iter().flat_map(|(cases, missing)| {
        cases.iter().map(|(name, case)| trial(name, *case, (*missing).clone()))
    });
    let conclusion = libtest_mimic::run(&arguments, trials.collect());
    unprivileged::clear();
    conclusion.exit_code()
}

/// Why trials are ignored, and whether that is a failure.
#[derive(Clone)]
struct Missing {
    reason: String,
    required: bool,
}

fn trial(name: &str, case: fn() -> Result<(), Failed>, missing: Option<Missing>) -> Trial {
    Trial::ignorable_test(name, move || match missing {
        None => case().map(|()| Completion::Completed),
        Some(Missing { reason, required: true }) => Err(reason.into()),
        Some(Missing { reason, required: false }) => Ok(Completion::ignored_with(reason)),
    })
}

/// Why there is no TAP in a private namespace, in the program's words; `None` if there is one.
fn missing_tap() -> Option<String> {
    let run = Run::of(["serve", "-q", "--private", "--", "python3", "-c", ""]);
    let reason = run.stderr.lines().next().unwrap_or_default().trim_start_matches("error: ");
    (run.status != 0).then(|| reason.to_owned())
}

fn is_required() -> bool {
    std::env::var_os("SMOLECHO_REQUIRE_TAP").is_some_and(|value| value == "1")
}
