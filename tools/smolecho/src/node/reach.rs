//! Whether the stack has a route to an address, checked before packets vanish silently.

use std::net::SocketAddr;

use smolecho::Config;
use smoltcp::wire::{IpAddress, IpCidr, IpEndpoint, IpVersion};

use super::defaults::HOST_ADDRESSES;
use crate::args::scope::Scoped;
use crate::fault::Fault;

/// Checks that the stack has a route to the peer, or may get one from the network.
pub(crate) fn check(peer: &Scoped<IpEndpoint>, config: &Config) -> Result<(), Fault> {
    let IpEndpoint { addr: to, port } = peer.address;
    let addresses = &config.addresses;
    let problem = if is_loopback(to) {
        let host = HOST_ADDRESSES.iter().find(|host| host.address().version() == to.version());
        let host = host.map_or(to, IpCidr::address);
        format!(
            "every host's name for itself, and the stack is a host of its own; {} would do",
            SocketAddr::from(IpEndpoint::new(host, port))
        )
    } else if let Some(v4) = mapped(to) {
        format!("an IPv4-mapped IPv6 address; {v4}:{port} would do")
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

/// Whether a route exists from the start.
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

/// Whether the address is a loopback address, which never leaves its host.
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
