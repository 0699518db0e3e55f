//! Constants of the demo, and the configuration of its nodes.

use smolecho::{Config, UdpPolicy};
use smoltcp::wire::IpCidr;

use crate::fault::Fault;
use crate::host::entropy::random;
use crate::node::plan;

pub(super) const NAME: &str = "smolecho0";
pub(super) const PORT: u16 = 12345;
pub(super) const MESSAGE: &[u8] = b"Hello, Server!";

/// No limit on datagrams: the network is private, and a limit would distort the figures.
pub(super) fn config(number: u8, addresses: &[IpCidr]) -> Result<Config, Fault> {
    let mut config = Config::new([2, 0, 0, 0, 0, number], random());
    config.udp_policy = UdpPolicy { per_source: None, total: None, ..UdpPolicy::DEFAULT };
    plan::with_addresses(config, addresses)
}
