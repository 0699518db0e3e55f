//! `smolecho demo`: the lecture's dialogue both ways, in one command without set-up.

mod cable;
mod kernel;
mod page;
mod setup;
mod tap;

use std::process::ExitCode;

use smolecho_sim::Impairments;

use self::page::Page;
use self::setup::{NAME, config};
use crate::fault::Fault;
use crate::host::netns;
use crate::host::tap::TapOptions;
use crate::node::defaults::{ADDRESSES, HOST_ADDRESSES};
use crate::node::plan::Plan;
use crate::node::run::Run;
use crate::output::report::Report;
use crate::output::stderr::say;

pub(crate) fn run() -> Result<ExitCode, Fault> {
    let mut page = Page::new();
    match private_tap() {
        Ok((run, families)) => tap::show(run, families, &mut page)?,
        Err(Fault::Machine(reason)) => {
            say(format_args!("No TAP here: {reason}"));
            cable::show(&mut page)?;
        }
        Err(fault) => return Err(fault),
    }
    Ok(ExitCode::SUCCESS)
}

/// A node on a TAP in a private namespace, and the number of its address families.
fn private_tap() -> Result<(Run, usize), Fault> {
    netns::enter_private()?;
    let start = |families| Run::start(tap_plan(families)?, None, Report::quiet());
    let both = ADDRESSES.len();
    let without_ipv6 = |reason: Fault| match start(1) {
        Ok(run) => {
            say(format_args!("No IPv6 here: {reason}"));
            Ok((run, 1))
        }
        Err(_) => Err(reason),
    };
    start(both).map(|run| (run, both)).or_else(without_ipv6)
}

fn tap_plan(families: usize) -> Result<Plan, Fault> {
    Ok(Plan {
        config: config(1, &ADDRESSES[..families])?,
        tap: TapOptions {
            name: NAME.into(),
            mtu: None,
            offload: false,
            host_addresses: HOST_ADDRESSES[..families].to_vec(),
        },
        creates: true,
        connections: 8,
        buffer: u16::MAX,
        spin: None,
        datagrams: true,
        impairments: Impairments::default(),
        notes: Vec::new(),
    })
}
