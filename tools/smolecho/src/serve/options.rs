//! The command line of `smolecho serve`.

use clap::{Args, ValueEnum};
use smolecho::{TcpService, WhenFull};

use crate::args::shared::Protocols;
use crate::args::values::{Limit, cap, number, udp_rate};
use crate::node::options::Common;

/// Heading of the options about overload.
const OVERLOAD: &str = "Overload";

/// The options of `smolecho serve`.
#[derive(Args)]
pub(crate) struct Serve {
    /// Port to listen on, on every address
    #[arg(long, value_name = "N", default_value = "12345", value_parser = number(1..=65535))]
    pub(crate) port: u16,
    #[command(flatten)]
    pub(crate) protocols: Protocols,
    /// stream: echo until the peer closes its side (RFC 862); once: one recv of at most 1024 bytes, echo it,
    /// close
    #[arg(long, value_name = "FLOW", default_value = "stream", hide_possible_values = true)]
    pub(crate) flow: FlowName,
    /// Half-open connections at once
    #[arg(long, value_name = "N", default_value = "5", value_parser = number(1..=65535))]
    pub(crate) backlog: u16,
    /// Open connections at once
    #[arg(long, value_name = "N", default_value = "64", value_parser = number(1..=65534))]
    pub(crate) connections: u16,
    /// Port of the discard service: receives and does not answer (RFC 863)
    #[arg(long, value_name = "PORT", value_parser = number(1..=65535))]
    pub(crate) discard: Option<u16>,
    /// Port of the chargen service: sends characters (RFC 864); over UDP no more bytes than it received
    #[arg(long, value_name = "PORT", value_parser = number(1..=65535))]
    pub(crate) chargen: Option<u16>,
    /// Connections at once from one source address, or off
    #[arg(
        long,
        value_name = "N",
        default_value = "off",
        value_parser = cap,
        help_heading = OVERLOAD
    )]
    pub(crate) per_source: Limit<u16>,
    /// When all connections are in use, reset the one idle longest
    #[arg(long, help_heading = OVERLOAD)]
    pub(crate) evict_idle: bool,
    /// Answer to a SYN when no connection is free: reset, or silence, so that the client tries again
    #[arg(
        long,
        value_name = "ANSWER",
        default_value = "reset",
        hide_possible_values = true,
        help_heading = OVERLOAD
    )]
    pub(crate) when_full: WhenFullName,
    /// Datagrams per second answered for each source, and twice as many in total; or off
    #[arg(
        long,
        value_name = "N",
        default_value = "500000",
        value_parser = udp_rate,
        help_heading = OVERLOAD
    )]
    pub(crate) udp_rate: Limit<u32>,
    #[command(flatten)]
    pub(crate) common: Common,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum FlowName {
    Stream,
    Once,
}

impl From<FlowName> for TcpService {
    fn from(name: FlowName) -> TcpService {
        match name {
            FlowName::Stream => TcpService::Stream,
            FlowName::Once => TcpService::Once,
        }
    }
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum WhenFullName {
    Reset,
    Silence,
}

impl From<WhenFullName> for WhenFull {
    fn from(name: WhenFullName) -> WhenFull {
        match name {
            WhenFullName::Reset => WhenFull::Reset,
            WhenFullName::Silence => WhenFull::Silence,
        }
    }
}
