//! The library over a real TAP, with the kernel's own sockets as its peers.
//!
//! Everything happens in a network namespace that this process makes for itself, and that ends with
//! it. Where there can be none, or no TAP in it, every trial is ignored and its line says why:
//!
//! - `SMOLECHO_REQUIRE_TAP=1` makes that a failure;
//! - `SMOLECHO_SOAK=1` runs the trials that move gigabytes too, `SMOLECHO_SOAK=full` as many as it takes;
//! - `SMOLECHO_BOARDS` names a folder with firmware, and `SMOLECHO_PROGRAM` the host program: `cargo xtask
//!   boards --serve` builds both, and runs the trials of the boards.
//!
//! `host` is the kernel's side, `lab` a node on a TAP of its own, `emulator` a board under QEMU, `served`
//! what both have to do, `pattern` the bytes that go through, `wire` the frames that no kernel would send, `cores` which core runs what; the other
//! modules are the trials.

mod addresses;
mod boards;
mod client;
mod conformance;
mod cores;
mod datagrams;
mod device;
mod differential;
mod dnsmasq;
mod embassy;
mod emulator;
mod flood;
mod host;
mod hostile;
mod lab;
mod link;
mod offload;
mod pattern;
mod served;
mod server;
mod transfers;
mod trial;
mod wire;

use std::process::ExitCode;

use libtest_mimic::Arguments;

fn main() -> ExitCode {
    // First of all: a namespace belongs to a thread, and those that follow inherit it.
    let usable = host::enter_private_namespace().and_then(|()| host::try_tap());
    let cases = [
        device::cases(),
        conformance::cases(),
        embassy::cases(),
        server::cases(),
        client::cases(),
        transfers::cases(),
        differential::cases(),
        offload::cases(),
        link::cases(),
        datagrams::cases(),
        addresses::cases(),
        flood::cases(),
        hostile::cases(),
        boards::cases(),
    ];
    let trials = cases.into_iter().flatten().map(|case| case.trial(&usable)).collect();
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}
