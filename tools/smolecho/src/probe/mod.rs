//! `smolecho probe`: examines any echo server with the kernel's own sockets, and says what is wrong
//! with it in words that help.
//!
//! [`cases`] has the cases, one module a group; [`examine`] runs them against a target; what came of it
//! is in [`findings`], and is printed or written by [`report`].

mod case;
mod cases;
mod examine;
mod findings;
pub(crate) mod options;
mod peer;
mod report;

use std::process::ExitCode;

use self::cases::catalog;
use self::findings::Findings;
use self::options::Probe;
use self::report::text::{Progress, list};
use crate::fault::Fault;
use crate::kernel::target::resolve;

pub(crate) fn run(options: &Probe) -> Result<ExitCode, Fault> {
    let cases = catalog::chosen(options)?;
    if options.list {
        list(&cases)?;
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
