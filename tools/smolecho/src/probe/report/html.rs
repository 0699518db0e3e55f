//! The findings as a page: a table per target.

use maud::{Markup, html};

use crate::document::page::{self, Section};
use crate::probe::case::Trouble;
use crate::probe::findings::{Finding, Findings};

pub(super) fn document(findings: &Findings) -> String {
    let (passed, failed, not_run) = (findings.passed(), findings.failed(), findings.not_run());
    let lead = html! {
        p {
            data value=(passed) data-count="passed" { (passed) } " passed, "
            data value=(failed) data-count="failed" { (failed) } " failed, "
            data value=(not_run) data-count="not_run" { (not_run) } " not run"
        }
        @if !findings.complete { p.bad { "Interrupted before all cases were tried." } }
    };
    let targets = findings.targets.iter().enumerate().map(|(i, (target, list))| Section {
        id: format!("target-{}", i + 1),
        title: target.to_string(),
        body: table(list),
    });
    page::page("smolecho probe", &lead, &targets.collect::<Vec<_>>())
}

/// Failed cases come first.
fn table(findings: &[Finding]) -> Markup {
    let is_failed = |finding: &&Finding| matches!(finding.outcome, Err(Trouble::Failed(_)));
    let failed = findings.iter().filter(is_failed);
    let others = findings.iter().filter(|finding| !is_failed(finding));
    let head =
        html! { th { "Case" } th { "Verdict" } th { "Expected" } th { "Observed" } th { "See" } };
    let body = html! { @for finding in failed.chain(others) { (row(finding)) } };
    page::table("Cases", &head, &body)
}

fn row(finding: &Finding) -> Markup {
    let case = finding.case;
    let (verdict, observed) = match &finding.outcome {
        Ok(note) => (page::verdict("good", "passed"), note),
        Err(Trouble::Failed(observed)) => (page::verdict("bad", "failed"), observed),
        Err(Trouble::NotRun(reason)) => (page::verdict("soft", "not run"), reason),
    };
    html! {
        tr {
            th scope="row" { (case.name) }
            td { (verdict) }
            td { (case.expects) }
            td { (observed) }
            td { (case.rule) }
        }
    }
}
