//! `smolecho demo`: the lecture's dialogue, both ways, in one command and without any set-up.

mod cable;
mod core;
mod kernel;
mod page;
mod tap;

use std::process::ExitCode;

use smolecho::{Config, UdpPolicy};
use smolecho_sim::Impairments;
use smoltcp::wire::IpCidr;

use self::page::Page;
use crate::fault::Fault;
use crate::host::netns;
use crate::host::tap::TapOptions;
use crate::plan::{self, ADDRESSES, HOST_ADDRESSES, Plan};
use crate::report::{Report, say};
use crate::run::Run;

const NAME: &str = "smolecho0";
const PORT: u16 = 12345;
const MESSAGE: &[u8] = b"Hello, Server!";

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

/// A node on a TAP in a private namespace, and how many families it speaks.
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

/// Without a limit on datagrams: nobody else is here, and the figures are to have none.
fn config(number: u8, addresses: &[IpCidr]) -> Result<Config, Fault> {
    let mut config = Config::new([2, 0, 0, 0, 0, number], plan::random());
    config.udp_policy = UdpPolicy { per_source: None, total: None, ..UdpPolicy::DEFAULT };
    plan::with_addresses(config, addresses)
}
