//! The node: one interface, a pool of slots, and the loop's body that ties them together.
//!
//! It alone sees frames, slots and time together. Follow one frame: [`Node::poll`] takes it from the
//! device, the gate classifies it, `route` and `admit` choose its slot, `deliver` hands it to smoltcp
//! together with that slot's socket, and `service_slot` moves the connection on and sends its segments.

mod admission;
#[cfg(feature = "client")]
mod client;
mod connections;
mod cookies;
mod datagrams;
mod error;
mod fragments;
mod ingress;
mod inject;
mod neighbors;
mod path_mtu;

use heapless::Vec;
use smoltcp::config::IFACE_MAX_ADDR_COUNT;
use smoltcp::iface::{Config as InterfaceConfig, Interface, Route, SocketSet};
use smoltcp::phy::{ChecksumCapabilities, Device, Medium};
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{EthernetAddress, HardwareAddress, IpAddress};

pub use self::error::{BindError, ConnectError, ListenError};
use crate::addresses::{Addresses, Change};
use crate::config::{Config, ConfigError, Listener, Timeouts};
use crate::cookie::Cookies;
use crate::event::{Event, Sink, Stats};
use crate::phy::seq_tracker::Capabilities;
use crate::phy::{LinkState, MIN_MTU};
use crate::pool::Pool;
use crate::pool::index::{MAX_LISTENERS, MAX_SLOTS, SlotState};
use crate::random::SplitMix64;
use crate::server::udp::UdpLimiter;
use crate::storage::{DatagramMemory, MAX_BUFFER, Memory};
use crate::udp_queue::{Port, TxSlot};

/// The most frames taken from the device, and the most due slots served, in one poll. If more are left,
/// the next poll is due at once.
const FRAMES_PER_POLL: usize = 64;

/// Frames that a device may have received before a deadline and delivers after it. While frames come,
/// deadlines wait: after a pause of the process the queue holds the proof that peers are alive. They wait
/// for no more frames than these, so that no load postpones them for ever.
const QUEUED: usize = 4096;

/// An IP node that serves and makes connections over any [`Device`].
pub struct Node<'a> {
    iface: Interface,
    mac: EthernetAddress,
    ip_mtu: usize,
    checksums: ChecksumCapabilities,
    timeouts: Timeouts,
    keep_alive: Option<Duration>,
    #[cfg(feature = "client")]
    random: SplitMix64,
    stats: Stats,
    /// The last poll ended before the device had no more frames.
    more: bool,
    /// Frames taken since deadlines were last kept.
    untimed: usize,

    listeners: Vec<Listener, MAX_LISTENERS>,
    per_source: Option<u16>,
    evict_idle: bool,
    cookies: Option<Cookies>,
    pool: Pool<'a>,
    scratch: &'a mut [u8],

    /// The sockets of the ports. Frames for no socket go here too, and smoltcp answers them: ARP, ping, a
    /// reset for a segment without a connection, an ICMP error for a datagram without a port.
    common: SocketSet<'a>,
    ports: &'a mut [Port<'a>],
    tx_slots: &'a mut [TxSlot<'a>],
    /// Transmit slots with a datagram that has not left.
    waiting: usize,
    /// When the next hardware address can be asked for.
    next_turn: Instant,
    udp_limiter: UdpLimiter,

    addresses: Addresses,
}

impl<'a> Node<'a> {
    /// A node with the configured addresses and routes, and no listener.
    ///
    /// # Errors
    ///
    /// A [`ConfigError`]: the configuration is invalid, `memory` is unsuitable (no slot, an empty buffer),
    /// or `device` is not Ethernet or has too small an MTU.
    pub fn new<D: Device + ?Sized>(
        config: &Config,
        memory: Memory<'a>,
        device: &mut D,
        now: Instant,
    ) -> Result<Self, ConfigError> {
        config.check()?;
        check_memory(&memory)?;
        let capabilities = device.capabilities();
        if capabilities.medium != Medium::Ethernet {
            return Err(ConfigError::Medium);
        }
        if capabilities.max_transmission_unit < MIN_MTU {
            return Err(ConfigError::Mtu(capabilities.max_transmission_unit));
        }

        let mut random = SplitMix64::new(config.seed);
        let mut interface = InterfaceConfig::new(HardwareAddress::Ethernet(config.mac));
        interface.random_seed = random.next();
        let mut iface = Interface::new(interface, &mut Capabilities(capabilities.clone()), now);
        set_addresses(&mut iface, config)?;
        let addresses = Addresses::new(config, &mut iface, now);

        let Memory { slots, index, scratch, datagrams } = memory;
        let DatagramMemory { sockets, ports, tx_slots } = datagrams;
        Ok(Node {
            iface,
            mac: config.mac,
            ip_mtu: capabilities.ip_mtu(),
            checksums: capabilities.checksum,
            timeouts: config.timeouts,
            keep_alive: config.keep_alive,
            stats: Stats::default(),
            more: false,
            untimed: 0,
            listeners: Vec::new(),
            per_source: config.per_source,
            evict_idle: config.evict_idle,
            cookies: cookies::new(config, slots, &mut random),
            pool: Pool::new(slots, index, random.next() as u32, config.per_source.is_some()),
            #[cfg(feature = "client")]
            random,
            scratch,
            common: sockets,
            ports,
            tx_slots,
            waiting: 0,
            next_turn: now,
            udp_limiter: UdpLimiter::new(config.udp_policy),
            addresses,
        })
    }

    /// Receives frames, serves connections and datagrams, sends frames, and enforces deadlines. The work is
    /// bounded; then wait until [`poll_at`](Self::poll_at), or until the device has a frame.
    ///
    /// `now` must not go back between calls; otherwise deadlines and retransmissions are late by the
    /// difference.
    pub fn poll<D: Device + ?Sized>(
        &mut self,
        now: Instant,
        device: &mut D,
        mut on_event: impl FnMut(Event<'_>),
    ) {
        let mut taken = 0;
        while taken < FRAMES_PER_POLL && self.ingress(now, device, &mut on_event) {
            taken += 1;
        }
        self.more = taken == FRAMES_PER_POLL;
        self.untimed = if taken == 0 { 0 } else { self.untimed + taken };
        let is_current = taken == 0 || self.untimed > QUEUED;
        if is_current {
            self.untimed = 0;
        }
        for _ in 0..FRAMES_PER_POLL {
            let Some(slot) = self.pool.due_by(now) else { break };
            if self.keep_deadline(slot, is_current, now, &mut on_event) {
                self.service_slot(slot, now, device, &mut on_event);
                self.postpone_deadline(slot, now);
            }
        }
        self.learn_addresses(now, device, &mut on_event);
        self.ask(now, device, &mut on_event);
        self.flush(now, device, &mut on_event);
    }

    /// The time of the next poll if no frame arrives, `now` or later; `None` if there is none.
    pub fn poll_at(&mut self, now: Instant) -> Option<Instant> {
        if self.more {
            return Some(now);
        }
        let slots = self.pool.next_due();
        let addresses = self.addresses.poll_at();
        earlier(earlier(slots, self.datagrams_due(now)), addresses).map(|at| at.max(now))
    }

    /// Tells the node that the device's link is up or down. The future `run` (feature `async`) makes this call.
    ///
    /// After a link has come up the network may be another: the node confirms its lease (RFC 2131 section 3.2),
    /// solicits routers, announces its addresses and resolves its neighbours again. Addresses and connections
    /// stay until a server, a router or the end of a lifetime says otherwise.
    pub fn link_changed(&mut self, link: LinkState, now: Instant) {
        if link == LinkState::Up {
            // smoltcp forgets its neighbours at any change of its addresses, even none.
            self.iface.update_ip_addrs(|_| ());
        }
        self.addresses.link_changed(link, now);
    }

    /// The counters since the node was created.
    pub const fn stats(&self) -> &Stats {
        &self.stats
    }

    /// The number of slots in each state.
    pub fn occupancy(&self) -> Occupancy {
        Occupancy {
            free: self.pool.count(SlotState::Free),
            half_open: self.pool.half_open() + self.pool.count(SlotState::Connecting),
            open: self.pool.count(SlotState::Accepted) + self.pool.count(SlotState::Connected),
            closing: self.pool.count(SlotState::TimeWait) + self.pool.count(SlotState::Closing),
        }
    }

    /// smoltcp's interface, for its addresses and routes.
    pub const fn interface(&self) -> &Interface {
        &self.iface
    }

    /// Applies changes of the addresses that servers and routers assign.
    fn learn_addresses<D: Device + ?Sized>(
        &mut self,
        now: Instant,
        device: &mut D,
        on_event: &mut impl Sink,
    ) {
        if !self.addresses.may_change() {
            return;
        }
        while let Some(change) = self.addresses.poll(&mut self.iface, now, device) {
            let Change { conflict, lost, gained } = change;
            if let Some((cidr, mac)) = conflict {
                on_event(Event::AddressConflict { cidr, mac });
            }
            if let Some(cidr) = lost {
                on_event(Event::AddressLost { cidr });
                // The same address with another mask keeps its connections.
                if gained.map(|cidr| cidr.address()) != Some(cidr.address()) {
                    self.end_connections_of(cidr.address(), on_event);
                    self.end_datagrams_of(cidr.address(), on_event);
                }
            }
            if let Some(cidr) = gained {
                on_event(Event::AddressGained { cidr });
            }
        }
    }
}

/// The earlier of two instants; `None` is never.
fn earlier(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

fn set_addresses(iface: &mut Interface, config: &Config) -> Result<(), ConfigError> {
    let mut fits = true;
    iface.update_ip_addrs(|addresses| {
        fits = config.addresses.iter().all(|address| addresses.push(*address).is_ok());
    });
    iface.routes_mut().update(|routes| {
        fits &= config.gateways.iter().all(|gateway| {
            let route = match *gateway {
                IpAddress::Ipv4(v4) => Route::new_ipv4_gateway(v4),
                #[cfg(feature = "proto-ipv6")]
                IpAddress::Ipv6(v6) => Route::new_ipv6_gateway(v6),
            };
            routes.push(route).is_ok()
        });
    });
    #[cfg(feature = "slaac")]
    if config.slaac {
        let link_local = crate::addresses::eui64::link_local(config.mac).into();
        iface.update_ip_addrs(|addresses| {
            fits &= addresses.contains(&link_local) || addresses.push(link_local).is_ok();
        });
    }
    // Addresses that are learned later need room as well.
    let learned = usize::from(config.dhcpv4) + usize::from(config.slaac);
    fits &= iface.ip_addrs().len() + learned <= IFACE_MAX_ADDR_COUNT;
    if fits { Ok(()) } else { Err(ConfigError::TooManyAddresses) }
}

fn check_memory(memory: &Memory<'_>) -> Result<(), ConfigError> {
    let slots = memory.slots.len();
    if slots == 0 || slots > MAX_SLOTS || memory.index.len() != slots {
        return Err(ConfigError::Slots(slots));
    }
    for slot in &*memory.slots {
        let socket = slot.socket();
        if socket.recv_capacity() == 0 || socket.recv_capacity() > MAX_BUFFER {
            return Err(ConfigError::Buffer(socket.recv_capacity()));
        }
        if socket.send_capacity() == 0 {
            return Err(ConfigError::Buffer(0));
        }
    }
    if memory.scratch.is_empty() {
        return Err(ConfigError::Scratch);
    }
    Ok(())
}

/// The number of slots in each state; the sum is the number of slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Occupancy {
    /// Unused.
    pub free: usize,
    /// SYN-RECEIVED or SYN-SENT.
    pub half_open: usize,
    /// From ESTABLISHED until the connection has ended.
    pub open: usize,
    /// TIME-WAIT, or an RST that has not left yet.
    pub closing: usize,
}
