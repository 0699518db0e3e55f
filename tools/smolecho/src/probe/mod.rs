//! `smolecho probe`: examines any echo server with the kernel's own sockets, and says what is wrong
//! with it in words that help.
//!
//! [`catalog`] lists the cases, one module a group; [`examine`] runs them against a target; what came
//! of it is in [`findings`], and is printed or written by [`report`].

mod case;
mod catalog;
mod closing;
mod datagrams;
mod dialogue;
mod examine;
mod findings;
mod frames;
mod load;
mod peer;
mod reach;
mod report;
mod target;

use std::process::ExitCode;

use self::findings::Findings;
pub(crate) use self::peer::pattern;
use self::report::Progress;
pub(crate) use self::target::resolve;
use crate::cli::Probe;
use crate::fault::Fault;

pub(crate) fn run(options: &Probe) -> Result<ExitCode, Fault> {
    let cases = catalog::chosen(options)?;
    if options.list {
        report::list(&cases)?;
        return Ok(ExitCode::SUCCESS);
    }
    let targets = resolve(&options.targets)?;
    report::check(options)?;

    let mut findings = Findings::new();
    let mut progress = Progress::new(cases.len() * targets.len());
    let ended = examine::all(targets, cases, options, |news| progress.show(news, &mut findings))?;
    progress.finish(&mut findings, ended)?;
    report::write(&findings, options)?;
    Ok(if findings.failed() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
