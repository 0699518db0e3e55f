//! `smolecho bench`: how fast an echo server is, ours beside others or somebody else's.
//!
//! [`figure`] lists what is measured, [`peer`] who is; [`goal`] says what ours is to reach. [`run`] asks
//! peer after peer, figure after figure, round after round. Each peer has a [`stage`]: a process in a
//! network namespace of its own, with the server as its child; it puts a [`load`] on that and looks
//! with a [`meter`] at what the server uses. What came of it is in [`results`], and is printed or written
//! by [`report`].

mod compare;
mod cores;
mod figure;
mod goal;
mod load;
mod machine;
mod meter;
mod options;
mod peer;
mod report;
mod results;
mod run;
mod sample;
mod spread;
mod stage;
mod syscalls;

use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use self::load::Scene;
pub(crate) use self::load::{Load, same, towards};
use self::meter::Meter;
pub(crate) use self::options::{Bench, BenchPart};
use self::sample::Sample;
use self::stage::Part;
use crate::fault::Fault;

pub(crate) fn run(options: &Bench) -> Result<ExitCode, Fault> {
    let plan = run::Plan::new(options)?;
    if options.list {
        report::list()?;
        return Ok(ExitCode::SUCCESS);
    }
    report::check(options)?;
    let old = options.compare.as_deref().map(compare::read).transpose()?;
    let results = run::all(&plan)?;
    report::print(&results, old.as_ref())?;
    report::write(&results, old.as_ref(), options)?;
    Ok(if results.failures().next().is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// One load, for so long, on a server of which nothing but its answers is seen.
pub(crate) fn measure(target: SocketAddr, load: Load, time: Duration) -> io::Result<Sample> {
    let meter = Meter { server: None, counts_calls: false };
    Scene { target, time, meter, most: u64::MAX }.run(load)
}

/// The program as a part of itself.
pub(crate) fn part(options: &BenchPart) -> Result<ExitCode, Fault> {
    match serde_json::from_str(&options.part) {
        Ok(Part::Stage(setting)) => Ok(stage::run(&setting)),
        Ok(Part::Server(other)) => peer::serve(other).map(|()| ExitCode::SUCCESS),
        Err(error) => Err(Fault::usage(format!("bench-part: {error}; bench starts it by itself"))),
    }
}
