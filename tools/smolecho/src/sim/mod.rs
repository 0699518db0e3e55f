//! `smolecho sim`: runs a network of nodes in virtual time, and explains a seed that fails.

mod diagram;
pub(crate) mod options;

use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use indicatif::ProgressBar;
use smolecho_sim::{Outcome, Plan, Scenario, scenarios};
use smoltcp::phy::{PcapLinkType, PcapSink};

use self::options::{Limit, Sim};
use crate::args::names;
use crate::fault::Fault;
use crate::host::entropy::random;
use crate::host::signals::Signals;
use crate::node::capture::{self, Capture};
use crate::output::progress;
use crate::output::stdout::Stdout;

pub(crate) fn run(options: &Sim) -> Result<ExitCode, Fault> {
    let mut out = Stdout::new();
    if options.list {
        for scenario in scenarios() {
            out.line(format_args!("{:<14}{}", scenario.name, scenario.about));
        }
        out.check()?;
        return Ok(ExitCode::SUCCESS);
    }
    let scenarios = chosen(options)?;
    options.pcap.as_deref().map(capture::check).transpose()?;
    options.svg.as_deref().map(capture::check).transpose()?;

    let first = options.seed.unwrap_or_else(|| random() >> 32);
    let runs = Runs { scenarios: &scenarios, first, limit: options.limit() };
    let failing = runs.until_one_fails(&mut out)?;
    if let Some(plan) = &failing {
        explain(plan, &mut out);
    }
    if options.pcap.is_some() || options.svg.is_some() {
        let plan = failing.as_ref().map_or_else(|| scenarios[0].plan(first), Plan::clone);
        let outcome = smolecho_sim::record(&plan);
        options.pcap.as_deref().map_or(Ok(()), |path| write_pcap(path, &outcome))?;
        options.svg.as_deref().map_or(Ok(()), |path| write_svg(path, &outcome))?;
    }
    out.check()?;
    Ok(if failing.is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn chosen(options: &Sim) -> Result<Vec<&'static Scenario>, Fault> {
    match &options.scenario {
        None => Ok(scenarios().collect()),
        Some(name) => smolecho_sim::find(name)
            .map(|scenario| vec![scenario])
            .ok_or_else(|| names::unknown("--scenario", name, "scenario")),
    }
}

struct Runs<'s> {
    scenarios: &'s [&'static Scenario],
    first: u64,
    limit: Limit,
}

/// Totals of all runs.
#[derive(Default)]
struct Total {
    runs: u64,
    frames: u64,
    finished: u64,
    answered: u64,
    virtual_seconds: f64,
    /// A hash over the runs' hashes in order.
    hash: u64,
}

impl Runs<'_> {
    /// Runs until one fails, the limit is reached or a signal comes; returns the plan that failed.
    fn until_one_fails(&self, out: &mut Stdout) -> Result<Option<Plan>, Fault> {
        let (signals, begin, mut total) = (Signals::new()?, Instant::now(), Total::default());
        let bar = self.bar();
        let mut failing = None;
        while failing.is_none() && self.goes_on(total.runs, begin) && !signals.take().stop {
            let scenario = self.scenarios[(total.runs % self.scenarios.len() as u64) as usize];
            let plan = scenario.plan(self.first.wrapping_add(total.runs));
            let outcome = smolecho_sim::run(&plan);
            total.add(&outcome);
            bar.set_position(match self.limit {
                Limit::Runs(_) => total.runs,
                Limit::Time(_) => begin.elapsed().as_secs(),
            });
            if let Some(failure) = outcome.failure {
                bar.suspend(|| out.line(format_args!("{}: {failure}", name(&plan))));
                failing = Some(plan);
            }
        }
        bar.finish_and_clear();
        out.line(total.summary(begin.elapsed()));
        Ok(failing)
    }

    fn goes_on(&self, runs: u64, begin: Instant) -> bool {
        match self.limit {
            Limit::Runs(limit) => runs < limit,
            Limit::Time(limit) => begin.elapsed() < limit,
        }
    }

    fn bar(&self) -> ProgressBar {
        let len = match self.limit {
            Limit::Runs(limit) => limit,
            Limit::Time(limit) => limit.as_secs(),
        };
        progress::bar(len, "")
    }
}

impl Total {
    fn add(&mut self, outcome: &Outcome) {
        self.runs += 1;
        self.frames += outcome.trace.count();
        self.finished += outcome.finished;
        self.answered += outcome.answered;
        self.virtual_seconds += outcome.lasted.total_micros() as f64 / 1e6;
        self.hash = self.hash.rotate_left(1) ^ outcome.trace.hash();
    }

    fn summary(&self, took: Duration) -> String {
        format!(
            "{} runs, {:.1} hours in {:.1} s: {} frames, {} dialogues finished, {} datagrams answered; \
             trace {:016x}",
            self.runs,
            self.virtual_seconds / 3600.0,
            took.as_secs_f64(),
            self.frames,
            self.finished,
            self.answered,
            self.hash
        )
    }
}

/// The command that repeats the run.
fn name(plan: &Plan) -> String {
    format!("smolecho sim --scenario {} --seed {} --runs 1", plan.scenario, plan.seed)
}

/// Prints the smallest set of faults and operations that still fails.
fn explain(plan: &Plan, out: &mut Stdout) {
    let shortest = smolecho_sim::shrink(plan);
    out.line(format_args!(
        "the smallest set that fails has {} of {} faults and {} of {} operations:",
        shortest.faults.len(),
        plan.faults.len(),
        shortest.operations.len(),
        plan.operations.len()
    ));
    for fault in &shortest.faults {
        out.line(format_args!("  from {} for {}: {:?}", fault.from, fault.lasts, fault.what));
    }
    for (at, operation) in &shortest.operations {
        out.line(format_args!("  at {at}: {operation:?}"));
    }
}

fn write_pcap(path: &Path, outcome: &Outcome) -> Result<(), Fault> {
    let mut capture = Capture::create(path)?;
    capture.global_header(PcapLinkType::Ethernet);
    for frame in outcome.trace.frames() {
        capture.packet(frame.at, &frame.bytes);
    }
    capture.finish()
}

fn write_svg(path: &Path, outcome: &Outcome) -> Result<(), Fault> {
    let Some(diagram) = diagram::of(outcome.trace.frames()) else {
        return Err(Fault::failed(format!("--svg {}: there was no connection", path.display())));
    };
    fs::write(path, diagram.to_string()).map_err(|error| {
        Fault::usage(format!("--svg {}: {error}; a writable path would do", path.display()))
    })
}
