//! Configuration and its validation.

use core::fmt;

use heapless::Vec;
use smoltcp::time::Duration;
use smoltcp::wire::{EthernetAddress, IpAddress, IpCidr};

use crate::rate::Rate;

/// The capacity of [`Config::addresses`]. smoltcp's own table holds 2 addresses unless its feature
/// `iface-max-addr-count-8` is on; what it cannot hold is [`ConfigError::TooManyAddresses`].
pub const MAX_ADDRESSES: usize = 8;

/// The longest duration in a [`Config`] or a [`Query`](crate::Query): one year. A longer one could
/// overflow smoltcp's clock.
pub const MAX_WAIT: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// The configuration of a [`Node`](crate::Node).
#[derive(Clone, Debug)]
pub struct Config {
    /// The hardware address; must be unicast.
    pub mac: EthernetAddress,
    /// 64 random bits, different at each boot: take them from an entropy source. Initial sequence numbers
    /// (RFC 9293 section 3.4.1), ephemeral ports (RFC 6056) and the keys of hashes derive from them.
    pub seed: u64,
    /// The node's addresses, each with its network's prefix length.
    pub addresses: Vec<IpCidr, MAX_ADDRESSES>,
    /// Default gateways, at most one for each address family.
    pub gateways: Vec<IpAddress, 2>,
    /// Obtains an IPv4 address and a default route by DHCP (RFC 2131). Needs feature `dhcpv4`.
    pub dhcpv4: bool,
    /// Obtains an IPv6 address and a default route from router advertisements (RFC 4862), and adds the
    /// link-local address. Needs feature `slaac`.
    pub slaac: bool,
    /// Probes for an address before it is used, which takes about a second, then announces and defends it
    /// (RFC 5227, RFC 4862 section 5.4). Needs feature `conflict-detection`; off by default. The node starts
    /// without an address then: [`Event::AddressGained`](crate::Event) reports each, configured ones included.
    pub conflict_detection: bool,
    /// Limits on the time in each connection state.
    pub timeouts: Timeouts,
    /// Answers SYNs with cookies, which take no memory, while a listener's backlog is full, or while every
    /// slot is in use and none can be reclaimed (RFC 4987 section 3.6). Needs feature `syn-cookies`, and
    /// is on by default with it.
    pub syn_cookies: bool,
    /// The maximum number of slots for one source address, handshakes included. `None` sets no limit;
    /// `Some(0)` accepts no connection. Clients behind one NAT share a source address.
    pub per_source: Option<u16>,
    /// If every slot is in use, a new connection resets the one that has been idle longest.
    pub evict_idle: bool,
    /// Limits on UDP answers.
    pub udp_policy: UdpPolicy,
    /// Sends a keep-alive after this time without a segment from the peer; not zero. `None` sends none:
    /// RFC 9293 MUST-25 says that keep-alives default to off.
    pub keep_alive: Option<Duration>,
}

impl Config {
    /// A configuration without addresses; everything else has its default.
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

    /// Adds an address of the node.
    ///
    /// # Errors
    ///
    /// [`ConfigError::TooManyAddresses`] from the ninth address on ([`MAX_ADDRESSES`]).
    pub fn address(mut self, address: impl Into<IpCidr>) -> Result<Self, ConfigError> {
        self.addresses.push(address.into()).map_err(|_| ConfigError::TooManyAddresses)?;
        Ok(self)
    }

    /// Adds the link-local address that is derived from the hardware address (RFC 4291 section 2.5.6).
    ///
    /// # Errors
    ///
    /// As for [`address`](Self::address).
    #[cfg(feature = "proto-ipv6")]
    pub fn link_local(self) -> Result<Self, ConfigError> {
        let address = crate::addresses::eui64::link_local(self.mac);
        self.address(address)
    }

    /// Validates everything that does not depend on the device or the memory.
    ///
    /// # Errors
    ///
    /// A [`ConfigError`] that names the first invalid field. [`Node::new`](crate::Node::new) returns
    /// the same one.
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
        let Timeouts { handshake, idle, stall, persist, fin_wait, time_wait } = self.timeouts;
        let waits = [handshake, idle, stall, persist, fin_wait, time_wait, self.keep_alive];
        if waits.iter().any(|wait| *wait > Some(MAX_WAIT))
            || self.keep_alive == Some(Duration::ZERO)
        {
            return Err(ConfigError::Wait);
        }
        let mut rates = [self.udp_policy.per_source, self.udp_policy.total].into_iter().flatten();
        if rates.any(|Rate { per_second, burst }| per_second == 0 || burst == 0) {
            return Err(ConfigError::Rate);
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

/// Whether it is a unicast address, and neither its network's number nor its broadcast address.
pub(crate) fn is_host_address(cidr: &IpCidr) -> bool {
    is_host(&cidr.address(), cidr)
}

fn is_host(address: &IpAddress, network: &IpCidr) -> bool {
    if !address.is_unicast() || !network.contains_addr(address) {
        return false;
    }
    match (address, network) {
        // RFC 3021: both addresses of a /31 are hosts.
        (IpAddress::Ipv4(address), IpCidr::Ipv4(network)) if network.prefix_len() < 31 => {
            network.broadcast() != Some(*address) && network.network().address() != *address
        }
        #[allow(unreachable_patterns)] // without IPv6
        _ => true,
    }
}

/// The maximum time without progress in each connection state.
///
/// `None` sets no limit; the longest limit is [`MAX_WAIT`]. `Some(Duration::ZERO)` ends the state in the
/// poll that enters it, which is of use for `time_wait` alone.
///
/// The node does not use smoltcp's `set_timeout`, which also resets healthy idle connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// SYN-RECEIVED and SYN-SENT: the handshake is not complete.
    pub handshake: Option<Duration>,
    /// ESTABLISHED and CLOSE-WAIT with an empty transmit buffer: no data moves in either direction.
    pub idle: Option<Duration>,
    /// Data or a FIN is to be sent, and the peer neither acknowledges nor sends any data.
    pub stall: Option<Duration>,
    /// Bytes or a FIN to send, and no progress, although the peer answers: a window that stays shut.
    /// RFC 9293 MUST-37 keeps such a connection; this limit bounds how long it may hold its slot.
    pub persist: Option<Duration>,
    /// FIN-WAIT-2: only our side has closed.
    pub fin_wait: Option<Duration>,
    /// TIME-WAIT. smoltcp ends it 10 s after the peer's last FIN; this limit counts from the first FIN and
    /// can only end it earlier.
    pub time_wait: Option<Duration>,
}

impl Timeouts {
    /// Handshake 10 s, idle 5 min, stall 30 s, FIN-WAIT-2 60 s; TIME-WAIT as in smoltcp, 10 s.
    pub const DEFAULT: Timeouts = Timeouts {
        handshake: Some(Duration::from_secs(10)),
        idle: Some(Duration::from_secs(300)),
        stall: Some(Duration::from_secs(30)),
        persist: Some(Duration::from_secs(3600)),
        fin_wait: Some(Duration::from_secs(60)),
        time_wait: None,
    };
}

impl Default for Timeouts {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// The service on the connections of a [`Listener`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum TcpService {
    /// Echoes until the peer closes its side, then closes ours (RFC 862).
    #[default]
    Stream,
    /// Echoes one `recv` of at most 1,024 bytes, then closes.
    #[cfg(feature = "services")]
    Once,
    /// Reads and discards everything until the peer closes (RFC 863).
    #[cfg(feature = "services")]
    Discard,
    /// Sends characters until the peer closes, and discards what it receives (RFC 864).
    #[cfg(feature = "services")]
    Chargen,
}

/// The service on a bound UDP port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum UdpService {
    /// Sends each datagram back (RFC 862).
    #[default]
    Echo,
    /// Discards each datagram (RFC 863).
    #[cfg(feature = "services")]
    Discard,
    /// Answers with characters (RFC 864): at most 512 bytes, and no more than the datagram had.
    #[cfg(feature = "services")]
    Chargen,
}

/// Limits on UDP answers. Datagrams from or to broadcast and multicast addresses, or from one of the node's
/// bound ports, are never answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UdpPolicy {
    /// Datagrams from ports below this one are ignored: they belong to services, which may answer an
    /// answer. 0 ignores none.
    pub lowest_port: u16,
    /// The limit for each source address, of which the last 8 are remembered; `None` sets no limit.
    pub per_source: Option<Rate>,
    /// The limit for all sources together; `None` sets no limit.
    pub total: Option<Rate>,
}

impl UdpPolicy {
    /// No answer to ports below 1,024; 500,000 answers per second to one source, 1,000,000 in total: more
    /// than an honest peer asks for, and a bound on two services that answer each other.
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

/// The answer to a SYN if no slot is free.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhenFull {
    /// A reset: the peer learns it at once.
    #[default]
    Reset,
    /// No answer: the peer sends its SYN again, as with a full backlog on Linux.
    Silence,
}

/// The arguments of `bind` and `listen`, and the service on the port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listener {
    /// The TCP port, on every address of the node; not 0.
    pub port: u16,
    /// The maximum number of simultaneous handshakes; at least 1. One more replaces the oldest.
    pub backlog: u16,
    /// The service on each connection.
    pub service: TcpService,
    /// The answer to a SYN if no slot is free.
    pub when_full: WhenFull,
}

impl Listener {
    /// A listener that echoes ([`TcpService::Stream`]) and resets if no slot is free.
    pub const fn new(port: u16, backlog: u16) -> Self {
        Listener { port, backlog, service: TcpService::Stream, when_full: WhenFull::Reset }
    }

    /// Sets the service.
    pub const fn service(mut self, service: TcpService) -> Self {
        self.service = service;
        self
    }
}

/// Why a node cannot be created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigError {
    /// The hardware address is zero, broadcast or multicast.
    HardwareAddress,
    /// The address is unspecified, broadcast, multicast or its network's number.
    Address(IpCidr),
    /// The address is configured twice.
    Twice(IpAddress),
    /// smoltcp's address table is too small, learned addresses included: see its features
    /// `iface-max-addr-count-*`.
    TooManyAddresses,
    /// The gateway is not a host in one of the node's networks, or is the second of its address family.
    Gateway(IpAddress),
    /// The crate was built without this feature.
    NotBuiltIn(&'static str),
    /// A timeout or the keep-alive is longer than [`MAX_WAIT`] (use `None` for no limit), or the keep-alive
    /// is zero, which would send one in every poll.
    Wait,
    /// A [`Rate`] or burst of 0 would allow no answer; `None` sets no limit.
    Rate,
    /// The device is not Ethernet.
    Medium,
    /// The device's MTU, in bytes, is below 14 + 576 (Ethernet header and RFC 791's smallest packet).
    Mtu(usize),
    /// The number of slots is not between 1 and 65,534, or differs from the length of an index slice.
    Slots(usize),
    /// A buffer of this many bytes is empty, or is a receive buffer of more than 65,535 bytes, beyond which
    /// smoltcp scales its window and a full-duplex transfer can hang.
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
            Self::TooManyAddresses => write!(f, "more addresses than smoltcp's table holds"),
            Self::Gateway(gateway) => write!(
                f,
                "gateway {gateway} is not in one of the node's networks, or is the second of its family"
            ),
            Self::NotBuiltIn(feature) => write!(f, "built without the feature {feature}"),
            Self::Wait => f.write_str(
                "a timeout or the keep-alive is longer than a year, or the keep-alive is 0",
            ),
            Self::Rate => {
                write!(f, "a UDP rate or burst of 0 allows no answer: use at least 1, or None")
            }
            Self::Medium => write!(f, "the device is not Ethernet"),
            Self::Mtu(mtu) => write!(f, "an MTU of {mtu} bytes is below 14 + 576"),
            Self::Slots(n) => {
                write!(f, "{n} slots: 1 to 65534 are possible, and as many index records")
            }
            Self::Buffer(n) => write!(f, "a buffer of {n} bytes: 1 to 65535 are possible"),
            Self::Scratch => write!(f, "the scratch buffer is empty"),
        }
    }
}

impl core::error::Error for ConfigError {}
