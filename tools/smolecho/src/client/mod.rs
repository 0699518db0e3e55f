//! `smolecho client`: connect – send – recv – print – close over TCP, or sendto – recvfrom – print over UDP.

mod datagram;
pub(crate) mod options;
mod outcome;
mod pause;
mod stream;

use std::os::unix::ffi::OsStrExt;
use std::process::ExitCode;

use self::options::Client;
use self::outcome::{Outcome, within};
use crate::args::scope;
use crate::args::shared::Proto;
use crate::fault::Fault;
use crate::host::child::Child;
use crate::host::netns;
use crate::node::plan::Plan;
use crate::node::reach;
use crate::node::run::Run;
use crate::output::dialogue::Role;
use crate::output::report::Report;

/// Checks the options, before anything is created.
pub(crate) fn plan(options: &Client) -> Result<Plan, Fault> {
    let is_private = options.common.private.command()?.is_some();
    let mut plan = Plan::new(&options.common.network, 1, is_private)?;
    plan.impair(&options.common.impair)?;
    plan.datagrams = options.proto == Proto::Udp;
    scope::check("", &options.server, &options.common.network.tap, plan.creates)?;
    reach::check(&options.server, &plan.config)?;
    if plan.datagrams {
        datagram::check(options, options.message.len(), plan.creates)?;
    }
    Ok(plan)
}

pub(crate) fn run(options: &Client) -> Result<ExitCode, Fault> {
    let (command, plan) = (options.common.private.command()?, plan(options)?);
    let has_a_way = reach::is_static(options.server.address.addr, &plan.config);
    // The node keeps the message as long as it lives: until the program ends.
    let message: &'static [u8] = options.message.as_bytes().to_vec().leak();
    if command.is_some() {
        netns::enter_private()?;
    }
    let report = Report::new(&options.common.output, Role::Client);
    let mut run = Run::start(plan, options.common.output.pcap.as_deref(), report)?;

    let mut peer = command.map(Child::start).transpose()?;
    let is_ready = is_probed(&mut run, options)? && (has_a_way || is_given_one(&mut run, options)?);
    let outcome = match (is_ready, options.proto) {
        (false, _) => Outcome::Stopped,
        (true, Proto::Tcp) => stream::talk(&mut run, options, message, peer.as_mut())?,
        (true, Proto::Udp) => datagram::ask(&mut run, options, message, peer.as_mut())?,
    };
    if let Some(peer) = &mut peer {
        peer.terminate();
    }
    run.end(matches!(outcome, Outcome::Stopped))?;
    match outcome {
        Outcome::Stopped => Ok(ExitCode::SUCCESS),
        Outcome::Ended(result) => result.map(|()| ExitCode::SUCCESS),
    }
}

/// Waits until it is known that no other station has a configured address of the server's family; false if
/// interrupted.
fn is_probed(run: &mut Run, options: &Client) -> Result<bool, Fault> {
    while run.awaited.is_tentative(options.server.address.addr.version()) {
        if let Some((cidr, mac)) = run.awaited.conflict() {
            return Err(Fault::failed(format!(
                "{cidr}: another station has this address, {mac}: choose another with --address"
            )));
        }
        if run.turn(None, Report::event)?.stop {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Waits for an address of the server's family from the network; false if interrupted.
fn is_given_one(run: &mut Run, options: &Client) -> Result<bool, Fault> {
    let version = options.server.address.addr.version();
    let timeout = options.common.network.handshake_timeout;
    let limit = timeout.for_stack().map(|limit| run.now() + limit);
    while run.awaited.is_awaited(version) {
        if limit.is_some_and(|limit| run.now() >= limit) {
            return Err(Fault::failed(format!(
                "{}: no address of its family from the network within {}: is there a DHCP server \
                 or a router on the link?",
                options.server,
                within(timeout)
            )));
        }
        if run.turn(limit, Report::event)?.stop {
            return Ok(false);
        }
    }
    Ok(true)
}
