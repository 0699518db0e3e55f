//! `smolecho bench`: how fast an echo server is; ours beside others, or a given server.
//!
//! [`figure`] lists the figures and [`peer`] the servers; [`ratio`] compares ours with the others. `run`
//! measures peer after peer, figure after figure, round after round. Each peer has a [`stage`]: a process in
//! its own network namespace, with the server as its child, which puts a load on the server and meters it. The
//! outcome is in [`results`]; [`report`] prints and writes it.

mod compare;
mod figure;
mod machine;
mod message;
pub(crate) mod options;
mod peer;
mod place;
mod plan;
mod ratio;
mod report;
mod results;
mod run;
mod spread;
mod stage;

use std::process::ExitCode;

use self::message::Part;
use self::options::{Bench, BenchPart};
use self::report::text::{list, print};
use crate::fault::Fault;

pub(crate) fn run(options: &Bench) -> Result<ExitCode, Fault> {
    let plan = plan::Plan::new(options)?;
    if options.list {
        list()?;
        return Ok(ExitCode::SUCCESS);
    }
    report::check(options)?;
    let old = options.compare.as_deref().map(compare::read).transpose()?;
    let results = run::all(&plan)?;
    print(&results, old.as_ref())?;
    report::write(&results, old.as_ref(), options)?;
    Ok(if results.failures().next().is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs this process as a part of a benchmark.
pub(crate) fn part(options: &BenchPart) -> Result<ExitCode, Fault> {
    match serde_json::from_str(&options.part) {
        Ok(Part::Stage(setting)) => Ok(stage::run(&setting)),
        Ok(Part::Server(other)) => peer::serve(other).map(|()| ExitCode::SUCCESS),
        Err(error) => Err(Fault::usage(format!("bench-part: {error}; bench starts it by itself"))),
    }
}
