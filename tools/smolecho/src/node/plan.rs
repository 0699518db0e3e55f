//! The configuration that the options describe, checked before anything is created.

use smolecho::config::MAX_ADDRESSES;
use smolecho::{Config, ConfigError, Timeouts};
use smolecho_sim::Impairments;
use smoltcp::time::Duration;
use smoltcp::wire::IpCidr;

use super::defaults::{ADDRESSES, HOST_ADDRESSES};
use super::options::{Impair, Network};
use super::reach;
use crate::args::scope;
use crate::fault::Fault;
use crate::host::entropy::random;
use crate::host::link;
use crate::host::tap::TapOptions;

/// The smallest MTU for IPv6 (RFC 8200 section 5).
const IPV6_MIN_MTU: u16 = 1280;

pub(crate) struct Plan {
    pub(crate) config: Config,
    pub(crate) tap: TapOptions,
    /// Whether the TAP will be created.
    pub(crate) creates: bool,
    pub(crate) connections: u16,
    pub(crate) buffer: u16,
    /// How long to poll for the next frame before sleeping.
    pub(crate) spin: Option<Duration>,
    /// Whether the node has memory for datagrams.
    pub(crate) datagrams: bool,
    /// Impairments between the stack and the TAP.
    pub(crate) impairments: Impairments,
    /// Notes about options that have no effect or need care.
    pub(crate) notes: Vec<String>,
}

impl Plan {
    /// `private` means a namespace still to be created, without any interface.
    pub(crate) fn new(options: &Network, connections: u16, private: bool) -> Result<Plan, Fault> {
        let creates = private || !link::exists(&options.tap);
        let addresses = own_addresses(options)?;
        let hosts = chosen("--host-address", &options.host_address, &HOST_ADDRESSES, options.mtu)?;
        let config = config(options, &addresses, creates)?;
        let mut notes = Vec::new();
        if creates {
            check_hosts(&config.addresses, &hosts)?;
            notes.extend(addresses.iter().filter(|a| !is_reachable(a, &hosts)).map(|address| {
                format!("no --host-address is in the network of {address}: the host needs a route")
            }));
        } else if !options.host_address.is_empty() {
            notes.push(format!("{} existed before: --host-address has no effect", options.tap));
        }
        let tap = TapOptions {
            name: options.tap.clone(),
            mtu: options.mtu,
            offload: options.offload,
            host_addresses: hosts,
        };
        let buffer = options.buffer;
        Ok(Plan {
            config,
            tap,
            creates,
            connections,
            buffer,
            spin: options.spin.for_stack(),
            datagrams: false,
            impairments: Impairments::default(),
            notes,
        })
    }

    /// Adds impairments between the stack and the TAP.
    pub(crate) fn impair(&mut self, impair: &Impair) -> Result<(), Fault> {
        self.impairments = impair.impairments();
        if self.tap.offload && self.impairments.corrupt > 0 {
            return Err(Fault::usage(
                "--corrupt: with --offload no checksum is verified, so corrupted data would count \
                 as correct; one without the other would do",
            ));
        }
        Ok(())
    }
}

fn config(options: &Network, addresses: &[IpCidr], creates: bool) -> Result<Config, Fault> {
    let mut config = Config::new(options.mac.0, options.seed.unwrap_or_else(random));
    config.dhcpv4 = options.dhcp;
    config.slaac = options.slaac;
    // A TAP that the program creates has one other station, the host, whose addresses are known.
    config.conflict_detection = !creates;
    config = with_addresses(config, addresses)?;
    for gateway in &options.gateway {
        scope::check("--gateway ", gateway, &options.tap, creates)?;
        let gateway = gateway.address;
        if config.addresses.iter().any(|own| own.address() == gateway) {
            return Err(Fault::usage(format!(
                "--gateway {gateway}: the stack itself; the host's address would do"
            )));
        }
        config.gateways.push(gateway).map_err(|gateway| fault(ConfigError::Gateway(gateway)))?;
    }
    config.timeouts = Timeouts {
        handshake: options.handshake_timeout.for_stack(),
        idle: options.idle_timeout.for_stack(),
        stall: options.stall_timeout.for_stack(),
        persist: options.persist_timeout.for_stack(),
        ..Timeouts::DEFAULT
    };
    config.check().map_err(fault)?;
    if config.addresses.len() + usize::from(options.dhcp) + usize::from(options.slaac)
        > MAX_ADDRESSES
    {
        return Err(fault(ConfigError::TooManyAddresses));
    }
    Ok(config)
}

/// Adds these addresses, and the link-local address that every IPv6 interface has (RFC 4291 section 2.8).
pub(crate) fn with_addresses(mut config: Config, addresses: &[IpCidr]) -> Result<Config, Fault> {
    for address in addresses {
        config = config.address(*address).map_err(fault)?;
    }
    let is_v6 = |own: &IpCidr| matches!(own, IpCidr::Ipv6(_));
    let has_v6 = config.slaac || addresses.iter().any(is_v6);
    if has_v6 && !addresses.iter().any(is_link_local) {
        config = config.link_local().map_err(fault)?;
    }
    Ok(config)
}

/// The given addresses, or the defaults of the families that get none from the network.
fn own_addresses(options: &Network) -> Result<Vec<IpCidr>, Fault> {
    let Network { address, mtu, dhcp, slaac, .. } = options;
    if let Some(mtu) = mtu.filter(|mtu| *slaac && *mtu < IPV6_MIN_MTU) {
        return Err(too_small("--slaac", mtu));
    }
    if let Some(loopback) = address.iter().find(|own| reach::is_loopback(own.address())) {
        return Err(Fault::usage(format!(
            "--address {loopback}: a loopback address never leaves its host; one like 192.168.69.1/24 \
             would do"
        )));
    }
    let usual = ADDRESSES.iter().filter(|own| match own {
        IpCidr::Ipv4(_) => !dhcp,
        IpCidr::Ipv6(_) => !slaac,
    });
    chosen("--address", address, &usual.copied().collect::<Vec<_>>(), *mtu)
}

/// The given addresses, or the defaults that the MTU allows.
fn chosen(
    option: &str,
    given: &[IpCidr],
    usual: &[IpCidr],
    mtu: Option<u16>,
) -> Result<Vec<IpCidr>, Fault> {
    let fits = |cidr: &&IpCidr| {
        matches!(cidr, IpCidr::Ipv4(_)) || mtu.is_none_or(|mtu| mtu >= IPV6_MIN_MTU)
    };
    if given.is_empty() {
        return Ok(usual.iter().filter(fits).copied().collect());
    }
    match (given.iter().find(|cidr| !fits(cidr)), mtu) {
        (Some(cidr), Some(mtu)) => Err(too_small(&format!("{option} {cidr}"), mtu)),
        _ => Ok(given.to_vec()),
    }
}

fn too_small(what: &str, mtu: u16) -> Fault {
    Fault::usage(format!("{what}: IPv6 does not run on an --mtu of {mtu}; {IPV6_MIN_MTU} would do"))
}

fn check_hosts(addresses: &[IpCidr], hosts: &[IpCidr]) -> Result<(), Fault> {
    for (i, host) in hosts.iter().enumerate() {
        if !host.address().is_unicast() {
            return Err(Fault::usage(format!(
                "--host-address {host}: not a unicast address; one like 192.168.69.100/24 would do"
            )));
        }
        if hosts[..i].iter().any(|other| other.address() == host.address()) {
            return Err(Fault::usage(format!(
                "--host-address {host} is given twice; once would do"
            )));
        }
        if addresses.iter().any(|own| own.address() == host.address()) {
            return Err(Fault::usage(format!(
                "--address {host}: the host's side has this address; another of its network would \
                 do, or another --host-address"
            )));
        }
    }
    Ok(())
}

/// Every IPv6 host has a link-local address, given or not.
fn is_reachable(address: &IpCidr, hosts: &[IpCidr]) -> bool {
    is_link_local(address) || hosts.iter().any(|host| host.contains_addr(&address.address()))
}

fn is_link_local(cidr: &IpCidr) -> bool {
    matches!(cidr, IpCidr::Ipv6(v6) if v6.address().is_unicast_link_local())
}

/// The library's error in terms of the command line.
pub(crate) fn fault(error: ConfigError) -> Fault {
    match error {
        ConfigError::Address(cidr) => Fault::usage(format!(
            "--address {cidr}: not the address of a host in its network; one like 192.168.69.1/24 \
             would do"
        )),
        ConfigError::Twice(address) => {
            Fault::usage(format!("--address {address} is given twice; once would do"))
        }
        ConfigError::TooManyAddresses => Fault::usage(format!(
            "--address: too many; up to {MAX_ADDRESSES} would do, including a link-local address and \
             those from the network"
        )),
        ConfigError::Gateway(gateway) => Fault::usage(format!(
            "--gateway {gateway}: no host in a network of the stack's addresses, or the second of \
             its family; one per family, in the network of an --address, would do"
        )),
        error => Fault::usage(error.to_string()),
    }
}
