//! The outcomes of the cases.

use std::net::SocketAddr;
use std::time::Duration;

use serde::Serialize;

use super::case::{Case, Trouble};

/// The outcome of a case on one target.
#[derive(Debug)]
pub(super) struct Finding {
    pub(super) case: &'static Case,
    pub(super) outcome: Result<String, Trouble>,
    pub(super) took: Duration,
}

/// The outcomes so far.
#[derive(Debug)]
pub(super) struct Findings {
    pub(super) targets: Vec<(SocketAddr, Vec<Finding>)>,
    /// Whether the run was not interrupted.
    pub(super) complete: bool,
}

impl Findings {
    pub(super) const fn new() -> Findings {
        Findings { targets: Vec::new(), complete: false }
    }

    pub(super) fn passed(&self) -> usize {
        self.count(|outcome| outcome.is_ok())
    }

    pub(super) fn failed(&self) -> usize {
        self.count(|outcome| matches!(outcome, Err(Trouble::Failed(_))))
    }

    pub(super) fn not_run(&self) -> usize {
        self.count(|outcome| matches!(outcome, Err(Trouble::NotRun(_))))
    }

    fn count(&self, is: impl Fn(&Result<String, Trouble>) -> bool) -> usize {
        self.targets.iter().flat_map(|(_, list)| list).filter(|it| is(&it.outcome)).count()
    }

    /// The JSON document.
    pub(super) fn document(&self) -> Document {
        let targets = self.targets.iter().map(|(target, list)| Target {
            target: *target,
            cases: list.iter().map(Entry::from).collect(),
        });
        Document {
            smolecho: env!("CARGO_PKG_VERSION"),
            complete: self.complete,
            passed: self.passed(),
            failed: self.failed(),
            not_run: self.not_run(),
            targets: targets.collect(),
        }
    }
}

#[derive(Serialize)]
pub(super) struct Document {
    smolecho: &'static str,
    complete: bool,
    passed: usize,
    failed: usize,
    not_run: usize,
    targets: Vec<Target>,
}

#[derive(Serialize)]
struct Target {
    target: SocketAddr,
    cases: Vec<Entry>,
}

#[derive(Serialize)]
struct Entry {
    name: &'static str,
    verdict: &'static str,
    expected: &'static str,
    rule: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    observed: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    seconds: f64,
}

impl From<&Finding> for Entry {
    fn from(finding: &Finding) -> Entry {
        let Finding { case, outcome, took } = finding;
        let (verdict, observed, reason) = match outcome {
            Ok(note) if note.is_empty() => ("passed", None, None),
            Ok(note) => ("passed", Some(note.clone()), None),
            Err(Trouble::Failed(observed)) => ("failed", Some(observed.clone()), None),
            Err(Trouble::NotRun(reason)) => ("not run", None, Some(reason.clone())),
        };
        Entry {
            name: case.name,
            verdict,
            expected: case.expects,
            rule: case.rule,
            observed,
            reason,
            seconds: (took.as_secs_f64() * 1e6).round() / 1e6,
        }
    }
}
