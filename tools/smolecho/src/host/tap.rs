//! The TAP as the host program uses it: attached to, or created, configured and removed at the end.

use std::fs;

use smolecho::phy::tap::Tap;
use smoltcp::wire::IpCidr;

use super::link::{self, Links};
use crate::fault::Fault;

/// The smallest MTU that IPv4 runs on: every host takes 576 bytes (RFC 791 section 3.1).
const MIN_MTU: usize = 576;

/// What the kernel gives to a TAP that is new.
pub(crate) const USUAL_MTU: u16 = 1500;

/// Frames that the host may have sent and we not yet read: two of each of a thousand connections. The kernel's own
/// 500 lose half of what those say at once, and TCP waits a fifth of a second to say it again.
const QUEUE: u32 = 2_000;

/// What the command line says about the TAP.
#[derive(Debug, Clone)]
pub(crate) struct TapOptions {
    /// `--tap`
    pub(crate) name: String,
    /// `--mtu`, if it was given
    pub(crate) mtu: Option<u16>,
    /// `--offload`
    pub(crate) offload: bool,
    /// `--host-address`: for a TAP that we create
    pub(crate) host_addresses: Vec<IpCidr>,
}

/// A TAP whose other end is ready to be talked to, or is somebody else's business.
pub(crate) struct HostTap {
    /// The device.
    pub(crate) tap: Tap,
    /// Whether it is ours. If so it ends with this value: the kernel removes a TAP that is not
    /// persistent with its descriptor, however the process ends, and the addresses and routes with
    /// it.
    pub(crate) created: bool,
}

impl HostTap {
    /// Attaches to the TAP if there is one, and leaves the host's side as it is. Otherwise creates
    /// it and gives the host's side its MTU, queue and addresses, and sets it up.
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

/// The MTU of a TAP that is not ours is not ours to change, and one that differs loses frames.
fn check_mtu(tap: &Tap, wanted: Option<u16>) -> Result<(), Fault> {
    let (name, has) = (tap.name(), tap.mtu());
    match wanted {
        Some(mtu) if usize::from(mtu) != has => Err(Fault::usage(format!(
            "--mtu {mtu}: {name} was there before and has {has}; leave --mtu out, or: \
             sudo ip link set {name} mtu {mtu}"
        ))),
        _ if has < MIN_MTU => Err(Fault::machine(format!(
            "{name} has an MTU of {has}, too small for IP: sudo ip link set {name} mtu 1500"
        ))),
        _ => Ok(()),
    }
}

/// Otherwise the kernel forgets the IPv6 addresses, and only those, when the link goes down.
/// Netlink has no word for it.
fn keep_addresses_when_down(name: &str) {
    // Where it cannot be written, as in some containers, there is no harm done: they are lost at
    // `ip link set down`.
    let _ = fs::write(format!("/proc/sys/net/ipv6/conf/{name}/keep_addr_on_down"), "1");
}

fn configure(tap: &mut Tap, options: &TapOptions) -> Result<(), Fault> {
    let name = tap.name().to_owned();
    let mut links = Links::open()?;
    if let Some(mtu) = options.mtu {
        links.set_mtu(&name, mtu)?;
    }
    links.set_queue(&name, QUEUE)?;
    // A queue before the TAP's own holds nothing back, and costs a hundredth of a round trip.
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
