//! Options of the commands that run a node.

use std::time::Duration;

use clap::Args;
use smolecho_sim::Impairments;
use smoltcp::wire::{EthernetAddress, IpAddress, IpCidr};

use crate::args::scope::Scoped;
use crate::args::shared::{Output, Private};
use crate::args::values::{Limit, cidr, delay, gateway, limit, mac, number, percent, rate, seed};

/// Options of serve and client.
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
    /// TAP interface: attach to it, or create it, configure the host's side and remove it at the end
    #[arg(long, value_name = "NAME", default_value = "smolecho0")]
    pub(crate) tap: String,
    /// Address of the stack, repeatable; a link-local address is added to IPv6 addresses [default:
    /// 192.168.69.1/24, fdaa::1/64]
    #[arg(long, value_name = "CIDR", value_parser = cidr)]
    pub(crate) address: Vec<IpCidr>,
    /// Address of the host's side if the TAP is created, repeatable [default: 192.168.69.100/24, fdaa::100/64]
    #[arg(long, value_name = "CIDR", value_parser = cidr)]
    pub(crate) host_address: Vec<IpCidr>,
    /// Default route, one per family
    #[arg(long, value_name = "ADDR", value_parser = gateway)]
    pub(crate) gateway: Vec<Scoped<IpAddress>>,
    /// Get the IPv4 address by DHCP, instead of the default address
    #[arg(long)]
    pub(crate) dhcp: bool,
    /// Get the IPv6 address from router advertisements, instead of the default address
    #[arg(long)]
    pub(crate) slaac: bool,
    /// Hardware address of the stack
    #[arg(long, default_value = "02:00:00:00:00:01", value_parser = mac)]
    pub(crate) mac: EthernetAddress,
    /// IP MTU if the TAP is created, 576 to 65521 [default: 1500]
    #[arg(long, value_name = "N", value_parser = number(576..=65521))]
    pub(crate) mtu: Option<u16>,
    /// Let the kernel compute checksums and segment TCP: frames of up to 64 KiB cross the TAP
    #[arg(long)]
    pub(crate) offload: bool,
    /// After a frame, poll for the next one this long before sleeping: lower latency at the cost of CPU time
    #[arg(long, value_name = "DURATION", default_value = "off", value_parser = limit)]
    pub(crate) spin: Limit<Duration>,
    /// Bytes of a connection's receive buffer, and of its transmit buffer
    #[arg(long, value_name = "BYTES", default_value = "16384", value_parser = number(1..=65535))]
    pub(crate) buffer: u16,
    /// Limit for a handshake, or for the answer to a datagram: 10s, 250ms, off
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = limit)]
    pub(crate) handshake_timeout: Limit<Duration>,
    /// Limit for a connection without traffic
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = limit)]
    pub(crate) idle_timeout: Limit<Duration>,
    /// Limit for a connection whose peer acknowledges nothing
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = limit)]
    pub(crate) stall_timeout: Limit<Duration>,
    /// Limit for a connection whose peer answers and keeps its window shut
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = limit)]
    pub(crate) persist_timeout: Limit<Duration>,
    /// Seed of initial sequence numbers, local ports and impairments [default: random]
    #[arg(long, value_name = "N", value_parser = seed)]
    pub(crate) seed: Option<u64>,
}

#[derive(Args)]
#[command(next_help_heading = "Impairments, both ways")]
pub(crate) struct Impair {
    /// Share of frames lost
    #[arg(long, value_name = "PERCENT", default_value = "0", value_parser = percent)]
    loss: u32,
    /// Share of frames with one bit flipped
    #[arg(long, value_name = "PERCENT", default_value = "0", value_parser = percent)]
    corrupt: u32,
    /// Share of frames duplicated
    #[arg(long, value_name = "PERCENT", default_value = "0", value_parser = percent)]
    duplicate: u32,
    /// Share of frames delayed until later ones have passed
    #[arg(long, value_name = "PERCENT", default_value = "0", value_parser = percent)]
    reorder: u32,
    /// Delay of each frame
    #[arg(long, value_name = "DURATION", default_value = "0", value_parser = delay)]
    delay: Duration,
    /// Bytes per second, with a queue of half a second; or off
    #[arg(long, value_name = "N", default_value = "off", value_parser = rate)]
    rate_limit: Limit<u64>,
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
