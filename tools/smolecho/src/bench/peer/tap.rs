//! The TAP of a server in this program.

use smolecho::phy::tap::Tap;

use crate::bench::place::LINK;
use crate::fault::Fault;
use crate::host::tap::{HostTap, TapOptions};
use crate::node::defaults::HOST_ADDRESSES;

/// Opens a TAP in this namespace, with the host's side configured.
pub(super) fn open() -> Result<Tap, Fault> {
    let host_addresses = vec![HOST_ADDRESSES[0]];
    let options = TapOptions { name: LINK.to_owned(), mtu: None, offload: false, host_addresses };
    HostTap::open(&options).map(|host| host.tap)
}
