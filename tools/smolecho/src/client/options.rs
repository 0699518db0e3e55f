//! The command line of `smolecho client`.

use std::ffi::OsString;

use clap::Args;
use smoltcp::wire::IpEndpoint;

use crate::args::scope::Scoped;
use crate::args::shared::Proto;
use crate::args::values::endpoint;
use crate::node::options::Common;

/// The options of `smolecho client`.
#[derive(Args)]
pub(crate) struct Client {
    /// Server: 192.168.69.100:12345, [fdaa::100]:12345 or [fe80::1%smolecho0]:12345
    #[arg(value_name = "ADDR:PORT", value_parser = endpoint)]
    pub(crate) server: Scoped<IpEndpoint>,
    /// Bytes to send
    #[arg(value_name = "MESSAGE", default_value = "Hello, Server!")]
    pub(crate) message: OsString,
    /// tcp or udp
    #[arg(long, value_name = "PROTO", default_value = "tcp", hide_possible_values = true)]
    pub(crate) proto: Proto,
    #[command(flatten)]
    pub(crate) common: Common,
}
