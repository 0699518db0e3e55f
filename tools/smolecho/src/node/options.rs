//! The options that serve and client share.

use std::time::Duration;

use clap::Args;
use smolecho_sim::Impairments;
use smoltcp::wire::{EthernetAddress, IpAddress, IpCidr};

use crate::args::scope::Scoped;
use crate::args::shared::{Output, Private};
use crate::args::values::{
    Limit, Rate, cidr, delay, gateway, limit, mac, number, percent, rate, seed,
};

/// The options of a command that runs a node.
#[derive(Args)]
pub(crate) struct Common {
    #[command(flatten)]
    pub(crate) network: Network,
    #[command(flatten)]
    pub(crate) impair: Impair,
    #[command(flatten)]
    pub(crate) output: Output,
    #[command(flatten)]
    pub(crate) private: Private,
}

#[derive(Args)]
#[command(next_help_heading = "Network")]
pub(crate) struct Network {
    /// TAP interface to attach to, or to create, configure, and remove at the end
    #[arg(long, value_name = "NAME", default_value = "smolecho0")]
    pub(crate) tap: String,
    /// Address of the stack, repeatable; a link-local one joins those of IPv6 [default:
    /// 192.168.69.1/24, fdaa::1/64]
    #[arg(long, value_name = "CIDR", value_parser = cidr)]
    pub(crate) address: Vec<IpCidr>,
    /// Address of the host's side of a TAP that we create, repeatable [default:
    /// 192.168.69.100/24, fdaa::100/64]
    #[arg(long, value_name = "CIDR", value_parser = cidr)]
    pub(crate) host_address: Vec<IpCidr>,
    /// Default route, one per family
    #[arg(long, value_name = "ADDR", value_parser = gateway)]
    pub(crate) gateway: Vec<Scoped<IpAddress>>,
    /// Take the IPv4 address from a DHCP server, instead of the default one
    #[arg(long)]
    pub(crate) dhcp: bool,
    /// Take the IPv6 address from a router, instead of the default one
    #[arg(long)]
    pub(crate) slaac: bool,
    /// Hardware address of the stack
    #[arg(long, default_value = "02:00:00:00:00:01", value_parser = mac)]
    pub(crate) mac: EthernetAddress,
    /// IP MTU of a TAP that we create, 576 to 65521 [default: 1500]
    #[arg(long, value_name = "N", value_parser = number(576..=65521))]
    pub(crate) mtu: Option<u16>,
    /// Leave checksums and segmentation to the kernel: bulk crosses the TAP in frames of up to 64 KiB
    #[arg(long)]
    pub(crate) offload: bool,
    /// After a frame, look for the next one this long before sleeping: quicker answers, for a core that
    /// has nothing else to do
    #[arg(long, value_name = "DURATION", default_value = "off", value_parser = limit)]
    pub(crate) spin: Limit,
    /// Receive and transmit buffer of a connection, each
    #[arg(long, value_name = "BYTES", default_value = "16384", value_parser = number(1..=65535))]
    pub(crate) buffer: u16,
    /// How long a handshake, or the answer to a datagram, may take: 10s, 250ms, off
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = limit)]
    pub(crate) handshake_timeout: Limit,
    /// How long a connection may be silent
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = limit)]
    pub(crate) idle_timeout: Limit,
    /// How long the peer may acknowledge nothing of what it was sent
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = limit)]
    pub(crate) stall_timeout: Limit,
    /// Initial sequence numbers, ports and impairments follow from it [default: from the system]
    #[arg(long, value_name = "N", value_parser = seed)]
    pub(crate) seed: Option<u64>,
}

#[derive(Args)]
#[command(next_help_heading = "Impairments, both ways")]
pub(crate) struct Impair {
    /// Frames that are lost
    #[arg(long, value_name = "PERCENT", default_value = "0", value_parser = percent)]
    loss: u32,
    /// Frames in which a bit flips
    #[arg(long, value_name = "PERCENT", default_value = "0", value_parser = percent)]
    corrupt: u32,
    /// Frames that come twice
    #[arg(long, value_name = "PERCENT", default_value = "0", value_parser = percent)]
    duplicate: u32,
    /// Frames that others overtake
    #[arg(long, value_name = "PERCENT", default_value = "0", value_parser = percent)]
    reorder: u32,
    /// How long each frame takes
    #[arg(long, value_name = "DURATION", default_value = "0", value_parser = delay)]
    delay: Duration,
    /// Bytes a second, with half a second of queue; or off
    #[arg(long, value_name = "N", default_value = "off", value_parser = rate)]
    rate_limit: Rate,
}

impl Impair {
    pub(crate) fn impairments(&self) -> Impairments {
        Impairments {
            loss: self.loss,
            corrupt: self.corrupt,
            duplicate: self.duplicate,
            reorder: self.reorder,
            delay: self.delay.into(),
            rate: self.rate_limit.0,
            ..Impairments::default()
        }
    }
}
