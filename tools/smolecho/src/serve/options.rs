//! The command line of `smolecho serve`.

use clap::{Args, ValueEnum};
use smolecho::{TcpService, WhenFull};

use crate::args::shared::Protocols;
use crate::args::values::{Cap, UdpRate, cap, number, udp_rate};
use crate::node::options::Common;

/// The heading of the options for more than usual.
const PRESSURE: &str = "Under pressure";

/// The echo server on a TAP.
#[derive(Args)]
pub(crate) struct Serve {
    /// Port to listen on, on every address of the stack
    #[arg(long, value_name = "N", default_value = "12345", value_parser = number(1..=65535))]
    pub(crate) port: u16,
    #[command(flatten)]
    pub(crate) protocols: Protocols,
    /// stream: echo until the peer closes its side (RFC 862); once: one recv of at most 1024 bytes,
    /// echo it, close
    #[arg(long, value_name = "FLOW", default_value = "stream", hide_possible_values = true)]
    pub(crate) flow: FlowName,
    /// Handshakes under way at once
    #[arg(long, value_name = "N", default_value = "5", value_parser = number(1..=65535))]
    pub(crate) backlog: u16,
    /// Connections at once
    #[arg(long, value_name = "N", default_value = "64", value_parser = number(1..=65534))]
    pub(crate) connections: u16,
    /// Port that takes everything and answers nothing (RFC 863)
    #[arg(long, value_name = "PORT", value_parser = number(1..=65535))]
    pub(crate) discard: Option<u16>,
    /// Port that sends characters (RFC 864), over UDP at most as many as came
    #[arg(long, value_name = "PORT", value_parser = number(1..=65535))]
    pub(crate) chargen: Option<u16>,
    /// Connections that one source address may have at once, or off
    #[arg(
        long,
        value_name = "N",
        default_value = "off",
        value_parser = cap,
        help_heading = PRESSURE
    )]
    pub(crate) per_source: Cap,
    /// With every connection taken, reset the one that was quiet longest
    #[arg(long, help_heading = PRESSURE)]
    pub(crate) evict_idle: bool,
    /// What a SYN gets when no connection is free: reset, or silence, so that it comes again
    #[arg(
        long,
        value_name = "ANSWER",
        default_value = "reset",
        hide_possible_values = true,
        help_heading = PRESSURE
    )]
    pub(crate) when_full: WhenFullName,
    /// Datagrams a second that one source is answered, and twice as many in all; or off
    #[arg(
        long,
        value_name = "N",
        default_value = "500000",
        value_parser = udp_rate,
        help_heading = PRESSURE
    )]
    pub(crate) udp_rate: UdpRate,
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
