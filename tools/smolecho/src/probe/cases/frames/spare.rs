//! Unused addresses of the network, for peers of our own.

use std::net::{IpAddr, Ipv6Addr};

use nix::ifaddrs::getifaddrs;
use smoltcp::wire::{IpAddress, IpCidr, Ipv4Address, Ipv4Cidr, Ipv6Cidr};

use crate::host::entropy::random;
use crate::probe::case::Trouble;

/// How many addresses to try.
const CANDIDATES: usize = 8;

/// The network of a local address.
pub(super) fn network(local: IpAddr) -> Option<IpCidr> {
    let interfaces = getifaddrs().ok()?;
    let masked = interfaces.filter_map(|it| Some((it.address?, it.netmask?)));
    masked.into_iter().find_map(|(address, mask)| match local {
        IpAddr::V4(v4) if address.as_sockaddr_in()?.ip() == v4 => {
            let mask = mask.as_sockaddr_in()?.ip();
            Some(IpCidr::new(v4.into(), mask.to_bits().count_ones() as u8))
        }
        IpAddr::V6(v6) if address.as_sockaddr_in6()?.ip() == v6 => {
            let mask = mask.as_sockaddr_in6()?.ip();
            Some(IpCidr::new(v6.into(), mask.to_bits().count_ones() as u8))
        }
        _ => None,
    })
}

/// An address that is neither local nor, according to `is_taken`, in use.
pub(super) fn choose(
    network: IpCidr,
    mut is_taken: impl FnMut(IpAddress) -> bool,
) -> Result<IpAddress, Trouble> {
    let candidates: Vec<IpAddress> = match network {
        IpCidr::Ipv4(v4) => hosts(v4).take(CANDIDATES).map(Into::into).collect(),
        IpCidr::Ipv6(v6) => interface_identifiers(v6).map(Into::into).collect(),
    };
    let free = candidates.into_iter().find(|address| !is_ours(*address) && !is_taken(*address));
    free.map_or_else(|| Trouble::not_run(format!("{network} has no spare address for a peer")), Ok)
}

/// From the highest address down: the lowest are often in use.
fn hosts(network: Ipv4Cidr) -> impl Iterator<Item = Ipv4Address> {
    let first = network.network().address().to_bits() + 1;
    let last = network.broadcast().map_or(first, |broadcast| broadcast.to_bits());
    (first..last).rev().map(Ipv4Address::from_bits)
}

/// A random interface identifier of 64 bits is unused.
fn interface_identifiers(network: Ipv6Cidr) -> impl Iterator<Item = Ipv6Addr> {
    let is_wide = network.prefix_len() <= 64;
    let prefix = network.address().to_bits() >> 64 << 64;
    is_wide.then(|| Ipv6Addr::from_bits(prefix | u128::from(random()))).into_iter()
}

fn is_ours(address: IpAddress) -> bool {
    let interfaces = getifaddrs().into_iter().flatten();
    interfaces.filter_map(|it| it.address).any(|it| {
        let v4 = it.as_sockaddr_in().map(|it| IpAddress::from(it.ip()));
        v4.or(it.as_sockaddr_in6().map(|it| it.ip().into())) == Some(address)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_host_that_is_free() {
        let network = "198.51.100.1/29".parse().expect("a network");
        let [taken, free] = ["198.51.100.6", "198.51.100.5"].map(|it| it.parse().expect("it"));
        assert_eq!(choose(network, |address| address == taken), Ok(free));
    }

    #[test]
    fn a_network_of_two_has_none() {
        for network in ["198.51.100.7/31", "198.51.100.7/32", "2001:db8::7/127"] {
            let found = choose(network.parse().expect("a network"), |_| false);
            assert!(matches!(found, Err(Trouble::NotRun(_))), "{network}: {found:?}");
        }
    }
}
