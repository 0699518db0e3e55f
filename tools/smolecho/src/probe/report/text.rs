//! Lines as the cases end, and a progress bar on a terminal.

use indicatif::ProgressBar;

use crate::fault::Fault;
use crate::output::progress;
use crate::output::stdout::Stdout;
use crate::probe::case::{Case, Trouble};
use crate::probe::examine::News;
use crate::probe::findings::{Finding, Findings};

/// Lists the cases and what each expects.
pub(crate) fn list(cases: &[&Case]) -> Result<(), Fault> {
    let mut out = Stdout::new();
    for case in cases {
        out.line(format_args!("{:<20}{} ({})", case.name, case.expects, case.rule));
    }
    out.check()
}

pub(crate) struct Progress {
    bar: ProgressBar,
    out: Stdout,
}

impl Progress {
    pub(crate) fn new(cases: usize) -> Progress {
        Progress { bar: progress::bar(cases as u64, " {msg}"), out: Stdout::new() }
    }

    /// Prints an event and records it.
    pub(crate) fn show(&mut self, news: News, findings: &mut Findings) {
        let Progress { bar, out } = self;
        match news {
            News::Target(target) => {
                bar.suspend(|| out.line(target));
                findings.targets.push((target, Vec::new()));
            }
            News::Begun(case) => bar.set_message(case.name),
            News::Done(finding) => {
                bar.suspend(|| print(&finding, out));
                bar.inc(1);
                if let Some((_, list)) = findings.targets.last_mut() {
                    list.push(finding);
                }
            }
            News::End => findings.complete = true,
            News::Stop => {}
        }
    }

    pub(crate) fn finish(mut self, findings: &Findings) -> Result<(), Fault> {
        self.bar.finish_and_clear();
        let stopped = if findings.complete { "" } else { ", then interrupted" };
        self.out.line(format_args!(
            "{} passed, {} failed, {} not run{stopped}",
            findings.passed(),
            findings.failed(),
            findings.not_run()
        ));
        self.out.check()
    }
}

fn print(finding: &Finding, out: &mut Stdout) {
    let case = finding.case;
    let (verdict, remark) = match &finding.outcome {
        Ok(note) => ("passed", note.as_str()),
        Err(Trouble::NotRun(reason)) => ("not run", reason.as_str()),
        Err(Trouble::Failed(_)) => ("FAILED", ""),
    };
    let line = format!("  {verdict:<9}{:<20}{remark}", case.name);
    out.line(line.trim_end());
    if let Err(Trouble::Failed(observed)) = &finding.outcome {
        out.line(format_args!("           expected: {}", case.expects));
        out.line(format_args!("           observed: {observed}"));
        out.line(format_args!("           see: {}", case.rule));
    }
}
