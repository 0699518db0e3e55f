//! The TAP: attached to if it exists; otherwise created, configured, and removed at the end.

use std::fs;

use smolecho::phy::tap::Tap;
use smoltcp::wire::IpCidr;

use super::link::{self, Links};
use crate::fault::Fault;

/// The smallest IPv4 MTU: every host accepts 576 bytes (RFC 791 section 3.1).
const MIN_MTU: usize = 576;

/// The kernel's default for a new TAP.
pub(crate) const USUAL_MTU: u16 = 1500;

/// Frames from the host that may wait to be read: two for each of 1,000 connections. The kernel's default of
/// 500 loses half of a burst from them, and TCP retransmits after 200 ms.
const QUEUE: u32 = 2_000;

/// The options for the TAP.
#[derive(Debug, Clone)]
pub(crate) struct TapOptions {
    /// `--tap`
    pub(crate) name: String,
    /// `--mtu`, if it was given
    pub(crate) mtu: Option<u16>,
    /// `--offload`
    pub(crate) offload: bool,
    /// `--host-address`, for a TAP that we create
    pub(crate) host_addresses: Vec<IpCidr>,
}

/// An open TAP.
pub(crate) struct HostTap {
    /// The device.
    pub(crate) tap: Tap,
    /// Whether this process created the TAP. The kernel then removes it with its descriptor, and with it the
    /// addresses and routes.
    pub(crate) created: bool,
}

impl HostTap {
    /// Attaches to an existing TAP and leaves the host's side unchanged; or creates the TAP, sets MTU, queue
    /// and addresses of the host's side, and brings it up.
    pub(crate) fn open(options: &TapOptions) -> Result<HostTap, Fault> {
        let existed = link::exists(&options.name);
        let open = if options.offload { Tap::open_offload } else { Tap::open };
        let mut tap = open(&options.name).map_err(|error| Fault::tap(&options.name, &error))?;
        if existed {
            check_mtu(&tap, options.mtu)?;
        } else {
            configure(&mut tap, options)?;
        }
        Ok(HostTap { tap, created: !existed })
    }
}

/// The MTU of an existing TAP is not ours to change; a different one would lose frames.
fn check_mtu(tap: &Tap, wanted: Option<u16>) -> Result<(), Fault> {
    let (name, has) = (tap.name(), tap.mtu());
    match wanted {
        Some(mtu) if usize::from(mtu) != has => Err(Fault::usage(format!(
            "--mtu {mtu}: {name} exists and has {has}; leave --mtu out, or: \
             sudo ip link set {name} mtu {mtu}"
        ))),
        _ if has < MIN_MTU => Err(Fault::machine(format!(
            "{name} has an MTU of {has}, too small for IP: sudo ip link set {name} mtu 1500"
        ))),
        _ => Ok(()),
    }
}

/// Keeps IPv6 addresses when the link goes down, as IPv4 addresses are. Netlink has no request for it.
fn keep_addresses_when_down(name: &str) {
    // Where it cannot be set, as in some containers, `ip link set down` loses them.
    let _ = fs::write(format!("/proc/sys/net/ipv6/conf/{name}/keep_addr_on_down"), "1");
}

fn configure(tap: &mut Tap, options: &TapOptions) -> Result<(), Fault> {
    let name = tap.name().to_owned();
    let mut links = Links::open()?;
    if let Some(mtu) = options.mtu {
        links.set_mtu(&name, mtu)?;
    }
    links.set_queue(&name, QUEUE)?;
    // A queue before the TAP's own is useless, and costs 1 % of a round trip.
    links.bypass_scheduler(&name)?;
    keep_addresses_when_down(&name);
    links.set_up(&name, true)?;
    for &cidr in &options.host_addresses {
        links.add_address(&name, cidr)?;
    }
    tap.refresh_mtu()
        .map_err(|error| Fault::machine(format!("{name}: cannot read its MTU: {error}")))?;
    Ok(())
}
