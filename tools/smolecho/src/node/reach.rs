//! Whether the stack can talk to an address at all: what would end in silence is said at once.

use std::net::SocketAddr;

use smolecho::Config;
use smoltcp::wire::{IpAddress, IpCidr, IpEndpoint, IpVersion};

use super::defaults::HOST_ADDRESSES;
use crate::args::scope::Scoped;
use crate::fault::Fault;

/// That a node of this configuration has a way to the peer, or may be given one.
pub(crate) fn check(peer: &Scoped<IpEndpoint>, config: &Config) -> Result<(), Fault> {
    let IpEndpoint { addr: to, port } = peer.address;
    let addresses = &config.addresses;
    let problem = if is_loopback(to) {
        let host = HOST_ADDRESSES.iter().find(|host| host.address().version() == to.version());
        let host = host.map_or(to, IpCidr::address);
        format!(
            "every host calls itself so, and the stack is a host of its own; the other side, {}, \
             would do",
            SocketAddr::from(IpEndpoint::new(host, port))
        )
    } else if let Some(v4) = mapped(to) {
        format!("an IPv4 address in IPv6's clothes; {v4}:{port} would do")
    } else if addresses.iter().any(|own| own.address() == to) {
        "that is the stack's own --address; another host's would do".into()
    } else if !to.is_unicast() || addresses.iter().any(|own| is_broadcast(own, to)) {
        "not the address of a single host; one like 192.168.69.100:12345 would do".into()
    } else if is_static(to, config) || is_given(to.version(), config) {
        return Ok(());
    } else if !addresses.iter().any(|own| own.address().version() == to.version()) {
        "the stack has no address of its family; one more --address would do".into()
    } else {
        "in no network of the stack's addresses; a --gateway would do".into()
    };
    Err(Fault::usage(format!("{peer}: {problem}")))
}

/// Whether there is a way to the address from the start.
pub(crate) fn is_static(to: IpAddress, config: &Config) -> bool {
    config.addresses.iter().any(|own| own.contains_addr(&to))
        || config.gateways.iter().any(|gateway| gateway.version() == to.version())
}

/// Whether addresses of this family come from the network.
fn is_given(version: IpVersion, config: &Config) -> bool {
    match version {
        IpVersion::Ipv4 => config.dhcpv4,
        IpVersion::Ipv6 => config.slaac,
    }
}

/// Addresses that mean "this host" to everyone, and so never leave it.
pub(crate) fn is_loopback(address: IpAddress) -> bool {
    std::net::IpAddr::from(address).is_loopback()
}

fn mapped(address: IpAddress) -> Option<std::net::Ipv4Addr> {
    match address {
        IpAddress::Ipv4(_) => None,
        IpAddress::Ipv6(v6) => v6.to_ipv4_mapped(),
    }
}

fn is_broadcast(own: &IpCidr, address: IpAddress) -> bool {
    match own {
        IpCidr::Ipv4(own) => own.broadcast().map(IpAddress::Ipv4) == Some(address),
        IpCidr::Ipv6(_) => false,
    }
}
