//! The library on real TAP interfaces, with kernel sockets as its peers.
//!
//! The process makes a network namespace for itself, which ends with it. Without a namespace or a TAP
//! interface each trial is ignored, with the reason in its line:
//!
//! - `SMOLECHO_REQUIRE_TAP=1` makes that a failure;
//! - `SMOLECHO_SOAK=1` also runs the trials that move gigabytes, `SMOLECHO_SOAK=full` their longest form;
//! - `SMOLECHO_BOARDS` names a folder with firmware, `SMOLECHO_PROGRAM` the host program: `cargo xtask boards
//!   --serve` builds both and runs the trials of the boards.
//!
//! `host` configures the kernel's side, `lab` runs a node on a TAP interface of its own, `emulator` a board
//! under QEMU; `served` has the dialogues for both. `sockets` and `stream` are the peers' kernel sockets,
//! `wire` sends frames that no kernel would send. The other modules are trials.

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
mod neighbors;
mod network;
mod offload;
mod path_mtu;
mod program;
#[allow(dead_code, unused_imports, unused_macros)] // Unused parts of the rig.
#[path = "../rig/mod.rs"]
mod rig;
mod served;
mod server;
mod sockets;
mod stream;
mod transfers;
mod trial;
mod wire;

use std::process::ExitCode;

use libtest_mimic::Arguments;

fn main() -> ExitCode {
    // Before any other thread: a namespace belongs to a thread, and new threads inherit it.
    let usable = host::enter_private_namespace().and_then(|()| host::try_tap());
    let cases = [
        device::cases(),
        neighbors::cases(),
        conformance::cases(),
        embassy::cases(),
        server::cases(),
        client::cases(),
        transfers::cases(),
        differential::cases(),
        offload::cases(),
        path_mtu::cases(),
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
