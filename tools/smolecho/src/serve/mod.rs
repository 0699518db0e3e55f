//! `smolecho serve`: bind, listen, and serve until a signal or the end of CMD.

pub(crate) mod options;
mod services;

use std::process::ExitCode;

use smolecho::{Event, Protocol};

use self::options::Serve;
use self::services::Services;
use crate::fault::Fault;
use crate::host::child::{Child, exit_status};
use crate::host::netns;
use crate::node::plan::Plan;
use crate::node::run::Run;
use crate::output::dialogue::Role;
use crate::output::report::Report;

/// Checks the options, before anything is created.
pub(crate) fn plan(options: &Serve) -> Result<(Services, Plan), Fault> {
    let is_private = options.common.private.command()?.is_some();
    let services = Services::new(options)?;
    let mut plan = Plan::new(&options.common.network, options.connections, is_private)?;
    plan.impair(&options.common.impair)?;
    plan.datagrams = services.has(Protocol::Udp);
    plan.config.udp_policy = options.udp_rate.udp_policy();
    plan.config.per_source = options.per_source.0;
    plan.config.evict_idle = options.evict_idle;
    Ok((services, plan))
}

pub(crate) fn run(options: &Serve) -> Result<ExitCode, Fault> {
    let (command, (services, plan)) = (options.common.private.command()?, plan(options)?);
    if command.is_some() {
        netns::enter_private()?;
    }
    let report = Report::new(&options.common.output, Role::Server);
    let mut run = Run::start(plan, options.common.output.pcap.as_deref(), report)?;
    listen(&mut run, &services, options)?;

    let mut child = command.map(Child::start).transpose()?;
    let status = serve(&mut run, &services, child.as_mut())?;
    if let Some(child) = &mut child {
        child.terminate();
    }
    run.end(true)?;
    Ok(ExitCode::from(status))
}

fn listen(run: &mut Run, services: &Services, options: &Serve) -> Result<(), Fault> {
    services.open(&mut run.node, options)?;
    for cidr in run.node.interface().ip_addrs() {
        services.announce(cidr.address(), &mut run.report);
    }
    run.report.check()
}

/// Serves until a signal, the end of CMD, or the end of stdout's reader.
fn serve(run: &mut Run, services: &Services, mut child: Option<&mut Child>) -> Result<u8, Fault> {
    loop {
        let pending = run.turn(None, |report, event| {
            report.event(event);
            if let Event::AddressGained { cidr } = event {
                services.announce(cidr.address(), report);
            }
        })?;
        if pending.stop {
            return Ok(0);
        }
        match &mut child {
            Some(child) if pending.child => {
                if let Some(status) = child.ended()? {
                    return Ok(exit_status(status));
                }
            }
            None if run.report.is_unread() => return Ok(0),
            _ => {}
        }
    }
}
