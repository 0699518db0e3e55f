//! `smolecho probe`: tests any echo server through kernel sockets, and says what is wrong and where to look.
//!
//! [`cases`] has the cases, one module per group; [`examine`] runs them on a target; [`findings`] has the
//! outcomes, and [`report`] prints and writes them.

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
    examine::all(targets, cases, options, |news| progress.show(news, &mut findings))?;
    progress.finish(&findings)?;
    report::write(&findings, options)?;
    Ok(if findings.failed() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
