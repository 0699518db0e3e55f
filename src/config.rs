//! What a node is told before it runs, checked once, here.

use core::fmt;

use heapless::Vec;
use smoltcp::time::Duration;
use smoltcp::wire::{EthernetAddress, IpAddress, IpCidr};

use crate::rate::Rate;

/// Addresses that [`Config`] has room for. smoltcp's own table is smaller unless its feature
/// `iface-max-addr-count-8` is on; what it cannot hold is [`ConfigError::TooManyAddresses`].
pub const MAX_ADDRESSES: usize = 8;

/// The longest that anything in a [`Config`] or a [`Query`](crate::Query) waits, a year: past
/// it "for ever" is meant, and smoltcp's clock can overflow.
pub const MAX_WAIT: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Who the node is, and how long it waits for its peers.
#[derive(Clone, Debug)]
pub struct Config {
    /// The hardware address; unicast.
    pub mac: EthernetAddress,
    /// Feeds initial sequence numbers, ephemeral ports (RFC 6056) and the hash of
    /// the gate's table. It must differ at every boot: take it from an entropy source.
    pub seed: u64,
    /// The node's own addresses, each with the prefix of its network.
    pub addresses: Vec<IpCidr, MAX_ADDRESSES>,
    /// Default routes, one per family at most.
    pub gateways: Vec<IpAddress, 2>,
    /// Take an IPv4 address and a default route from a DHCP server (RFC 2131); with feature `dhcpv4`.
    pub dhcpv4: bool,
    /// Take an IPv6 address and a default route from router advertisements (RFC 4862); with
    /// feature `slaac`. It brings the link-local address with it.
    pub slaac: bool,
    /// Ask whether an address is free before it is used, which takes about a second; announce it then, and defend
    /// it (RFC 5227, RFC 4862 section 5.4). With feature `conflict-detection`; off by default. The node begins
    /// without an address: [`Event::AddressGained`](crate::Event) tells of each, those of `addresses` too.
    pub conflict_detection: bool,
    /// How long each state may last.
    pub timeouts: Timeouts,
    /// Answer SYNs without remembering them while a listener's backlog is full, or every slot is taken and
    /// another's would have to give way (RFC 4987 section 3.6);
    /// with feature `syn-cookies`, and on by default then.
    pub syn_cookies: bool,
    /// How many slots one source address may have, handshakes among them. Clients behind one address
    /// translator share it.
    pub per_source: Option<u16>,
    /// With every slot taken, reset the connection that was quiet longest.
    pub evict_idle: bool,
    /// Which datagrams get no answer.
    pub udp_policy: UdpPolicy,
    /// Send a keep-alive after this much silence on a connection (RFC 9293 MUST-24: off by default).
    pub keep_alive: Option<Duration>,
}

impl Config {
    /// A node without an address yet, with the default [`Timeouts`].
    pub const fn new(mac: [u8; 6], seed: u64) -> Self {
        Config {
            mac: EthernetAddress(mac),
            seed,
            addresses: Vec::new(),
            gateways: Vec::new(),
            dhcpv4: false,
            slaac: false,
            conflict_detection: false,
            timeouts: Timeouts::DEFAULT,
            syn_cookies: cfg!(feature = "syn-cookies"),
            per_source: None,
            evict_idle: false,
            udp_policy: UdpPolicy::DEFAULT,
            keep_alive: None,
        }
    }

    /// Adds one of the node's own addresses; may be called up to [`MAX_ADDRESSES`] times.
    pub fn address(mut self, address: impl Into<IpCidr>) -> Result<Self, ConfigError> {
        self.addresses.push(address.into()).map_err(|_| ConfigError::TooManyAddresses)?;
        Ok(self)
    }

    /// Adds the link-local address that follows from the hardware address (RFC 4291 section 2.5.6).
    #[cfg(feature = "proto-ipv6")]
    pub fn link_local(self) -> Result<Self, ConfigError> {
        let address = crate::addresses::eui64::link_local(self.mac);
        self.address(address)
    }

    /// What [`Node::new`](crate::Node::new) will say to it, as far as that depends on nothing else.
    pub fn check(&self) -> Result<(), ConfigError> {
        if !self.mac.is_unicast() || self.mac == EthernetAddress([0; 6]) {
            return Err(ConfigError::HardwareAddress);
        }
        if self.dhcpv4 && cfg!(not(feature = "dhcpv4")) {
            return Err(ConfigError::NotBuiltIn("dhcpv4"));
        }
        if self.syn_cookies && cfg!(not(feature = "syn-cookies")) {
            return Err(ConfigError::NotBuiltIn("syn-cookies"));
        }
        if self.conflict_detection && cfg!(not(feature = "conflict-detection")) {
            return Err(ConfigError::NotBuiltIn("conflict-detection"));
        }
        if self.slaac && cfg!(not(feature = "slaac")) {
            return Err(ConfigError::NotBuiltIn("slaac"));
        }
        let Timeouts { handshake, idle, stall, fin_wait, time_wait } = self.timeouts;
        let waits = [handshake, idle, stall, fin_wait, time_wait, self.keep_alive];
        if waits.iter().any(|wait| *wait > Some(MAX_WAIT)) {
            return Err(ConfigError::Wait);
        }
        for (i, cidr) in self.addresses.iter().enumerate() {
            if !is_host_address(cidr) {
                return Err(ConfigError::Address(*cidr));
            }
            if self.addresses[..i].iter().any(|a| a.address() == cidr.address()) {
                return Err(ConfigError::Twice(cidr.address()));
            }
        }
        for (i, gateway) in self.gateways.iter().enumerate() {
            if !self.addresses.iter().any(|own| is_host(gateway, own)) {
                return Err(ConfigError::Gateway(*gateway));
            }
            if self.gateways[..i].iter().any(|g| g.version() == gateway.version()) {
                return Err(ConfigError::Gateway(*gateway));
            }
        }
        Ok(())
    }
}

/// A unicast address that is not its own network's number or broadcast address.
pub(crate) fn is_host_address(cidr: &IpCidr) -> bool {
    is_host(&cidr.address(), cidr)
}

fn is_host(address: &IpAddress, network: &IpCidr) -> bool {
    if !address.is_unicast() || !network.contains_addr(address) {
        return false;
    }
    match (address, network) {
        // RFC 3021: the two addresses of a /31 are both hosts; a /32 is only itself.
        (IpAddress::Ipv4(address), IpCidr::Ipv4(network)) if network.prefix_len() < 31 => {
            network.broadcast() != Some(*address) && network.network().address() != *address
        }
        #[allow(unreachable_patterns)] // with IPv4 alone the guard above leaves nothing else
        _ => true,
    }
}

/// How long a connection may stay in a state without getting on, up to [`MAX_WAIT`]; `None` waits for
/// ever.
///
/// These are deadlines of the pool, not smoltcp's `set_timeout`, which also resets connections that
/// are idle and healthy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// SYN-RECEIVED and SYN-SENT: a handshake that does not end.
    pub handshake: Option<Duration>,
    /// ESTABLISHED with nothing to send: no byte in either direction.
    pub idle: Option<Duration>,
    /// Bytes or a FIN to send, and the peer acknowledges nothing of them and sends nothing.
    pub stall: Option<Duration>,
    /// FIN-WAIT-2: we have closed, the peer has not.
    pub fin_wait: Option<Duration>,
    /// TIME-WAIT. smoltcp ends it 10 s after the last FIN of the peer; a shorter time here, from the
    /// first on, ends it earlier.
    pub time_wait: Option<Duration>,
}

impl Timeouts {
    /// 10 s for a handshake, 5 min idle, 30 s stalled, 60 s in FIN-WAIT-2; TIME-WAIT is smoltcp's 10 s.
    pub const DEFAULT: Timeouts = Timeouts {
        handshake: Some(Duration::from_secs(10)),
        idle: Some(Duration::from_secs(300)),
        stall: Some(Duration::from_secs(30)),
        fin_wait: Some(Duration::from_secs(60)),
        time_wait: None,
    };
}

impl Default for Timeouts {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// What one connection of a [`Listener`] does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TcpService {
    /// Echo until the peer closes its side, then close ours (RFC 862).
    #[default]
    Stream,
    /// The lecture's server: one `recv` of at most 1,024 bytes, echo it, close.
    Once,
    /// Take everything, answer nothing, until the peer closes (RFC 863).
    Discard,
    /// Send characters until the peer closes, take what comes and throw it away (RFC 864).
    Chargen,
}

/// What a bound port does with a datagram.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UdpService {
    /// Sends it back (RFC 862).
    #[default]
    Echo,
    /// Throws it away (RFC 863).
    Discard,
    /// Answers with characters (RFC 864): 512, but no more than were sent.
    Chargen,
}

/// Who is not answered. Datagrams from or to an address that no single host has never are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UdpPolicy {
    /// Source ports below this belong to services that may answer an answer.
    pub lowest_port: u16,
    /// For each source address; the last 8 are remembered.
    pub per_source: Option<Rate>,
    /// For all sources together.
    pub total: Option<Rate>,
}

impl UdpPolicy {
    /// No source port below 1,024; 500,000 a second to one source, 1,000,000 in all: no honest peer
    /// notices, and no loop goes faster.
    pub const DEFAULT: UdpPolicy = UdpPolicy {
        lowest_port: 1024,
        per_source: Some(Rate { per_second: 500_000, burst: 50_000 }),
        total: Some(Rate { per_second: 1_000_000, burst: 100_000 }),
    };
}

impl Default for UdpPolicy {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// What a SYN gets when no slot can be found for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhenFull {
    /// A reset: the peer knows at once.
    #[default]
    Reset,
    /// Silence: the peer's SYN comes again, as with a full backlog on Linux.
    Silence,
}

/// `bind` and `listen` in one value: a port, a backlog, and what to do with who connects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listener {
    /// The port, on every address of the node; not 0.
    pub port: u16,
    /// Handshakes that may be under way at once; at least 1. Past it the oldest gives way.
    pub backlog: u16,
    /// What each connection does.
    pub service: TcpService,
    /// What a SYN gets when every slot is taken.
    pub when_full: WhenFull,
}

impl Listener {
    /// The lecture's `bind((…, port))` and `listen(backlog)`.
    pub const fn new(port: u16, backlog: u16) -> Self {
        Listener { port, backlog, service: TcpService::Stream, when_full: WhenFull::Reset }
    }

    /// The same with another flow.
    pub const fn service(mut self, service: TcpService) -> Self {
        self.service = service;
        self
    }
}

/// Why a node cannot be made: the caller's configuration is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigError {
    /// The hardware address is zero, broadcast or multicast: use a unicast one.
    HardwareAddress,
    /// Not the address of a host in its network: neither unspecified, broadcast, multicast nor the
    /// network's own number.
    Address(IpCidr),
    /// The same address twice.
    Twice(IpAddress),
    /// More addresses than smoltcp's table holds: see its features `iface-max-addr-count-*`.
    TooManyAddresses,
    /// The gateway is no host in any of the node's networks, or the second of its family.
    Gateway(IpAddress),
    /// The library was built without this feature.
    NotBuiltIn(&'static str),
    /// A timeout or the keep-alive is longer than [`MAX_WAIT`]: `None` waits for ever.
    Wait,
    /// The device is not Ethernet.
    Medium,
    /// The device's MTU leaves no room for TCP: frames of at least 14 + 576 bytes (RFC 791).
    Mtu(usize),
    /// The memory has no slot, more than 65,534 of them, or index slices that differ in length.
    Slots(usize),
    /// A buffer is empty, or a receive buffer larger than 65,535 bytes: past that smoltcp scales its
    /// window, and a full-duplex transfer can hang.
    Buffer(usize),
    /// The scratch buffer is empty.
    Scratch,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HardwareAddress => write!(f, "the hardware address is not unicast"),
            Self::Address(cidr) => write!(f, "{cidr} is not the address of a host in its network"),
            Self::Twice(address) => write!(f, "{address} is given twice"),
            Self::TooManyAddresses => write!(f, "more addresses than the stack's table holds"),
            Self::Gateway(gateway) => write!(
                f,
                "gateway {gateway} is no host in any of the node's networks, or the second of its family"
            ),
            Self::NotBuiltIn(feature) => write!(f, "built without the feature {feature}"),
            Self::Wait => write!(f, "a timeout or the keep-alive is longer than a year"),
            Self::Medium => write!(f, "the device is not Ethernet"),
            Self::Mtu(mtu) => write!(f, "frames of {mtu} bytes leave no room for TCP"),
            Self::Slots(n) => write!(f, "{n} slots: from 1 to 65534, with indexes as long"),
            Self::Buffer(n) => write!(f, "a buffer of {n} bytes: from 1 to 65535"),
            Self::Scratch => write!(f, "the scratch buffer is empty"),
        }
    }
}

impl core::error::Error for ConfigError {}
