//! The node: one interface, a pool of slots, and the loop's body that ties them together.
//!
//! It alone sees frames, slots and time at once. Follow one frame: [`Node::poll`] takes it from the
//! device, `admit` asks the gate what it is and `admission` whose it is, `deliver_to` hands it to
//! smoltcp together with the one socket that it is for, `service_slot` lets that connection's flow move
//! bytes and sends what comes of it.

mod admission;
mod connections;
mod cookies;
mod datagrams;
mod error;
mod fragments;
mod neighbors;

use heapless::Vec;
use smoltcp::config::IFACE_MAX_ADDR_COUNT;
use smoltcp::iface::{Config as InterfaceConfig, Interface, SocketSet};
use smoltcp::phy::{ChecksumCapabilities, Device, Medium, PacketMeta, RxToken, TxToken};
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{EthernetAddress, HardwareAddress, IpAddress};

use self::admission::Verdict;
pub use self::error::{BindError, ConnectError, ListenError};
use crate::addresses::{Addresses, Change};
use crate::config::{Config, ConfigError, Listener, Timeouts};
use crate::cookie::Cookies;
use crate::event::{DropReason, Event, Sink, Stats, Tuple};
use crate::gate::{FrameClass, LocalAddresses};
use crate::phy::seq_tracker::TrackedTxToken;
use crate::phy::single_frame::SingleFrame;
use crate::phy::{LinkState, MIN_MTU};
use crate::pool::age_lists::SlotState;
use crate::pool::{MAX_SLOTS, Pool};
use crate::random::SplitMix64;
use crate::server::udp::UdpLimiter;
use crate::storage::{DatagramMemory, MAX_BUFFER, Memory};
use crate::udp_queue::{Port, TxSlot};

/// Frames taken from the device in one poll, and slots whose deadline is looked at: the bound on a
/// poll's work. What is left over is due at once.
const FRAMES_PER_POLL: usize = 64;

/// Ports that can be listened on at once.
const LISTENERS: usize = 4;

/// An IP node that serves and makes connections over any [`Device`].
pub struct Node<'a> {
    iface: Interface,
    mac: EthernetAddress,
    ip_mtu: usize,
    checksums: ChecksumCapabilities,
    timeouts: Timeouts,
    keep_alive: Option<Duration>,
    random: SplitMix64,
    stats: Stats,
    /// The last poll ended before the device had no more frames.
    more: bool,

    listeners: Vec<Listener, LISTENERS>,
    per_source: Option<u16>,
    evict_idle: bool,
    cookies: Option<Cookies>,
    pool: Pool<'a>,
    scratch: &'a mut [u8],

    /// The sockets of the ports; smoltcp answers by itself what is for none of them: ARP, ping, a
    /// reset for a segment without a connection, an ICMP error for a datagram without a port.
    common: SocketSet<'a>,
    ports: &'a mut [Port<'a>],
    tx_slots: &'a mut [TxSlot<'a>],
    /// Senders with a datagram that has not left.
    waiting: usize,
    /// When the next hardware address can be asked for.
    next_turn: Instant,
    udp_limiter: UdpLimiter,

    addresses: Addresses,
}

/// Where a frame went.
enum Delivered {
    Slot(usize),
    Ports(Option<Tuple>),
    Elsewhere,
}

impl<'a> Node<'a> {
    /// A node on this device's medium, with its addresses and routes set and nothing listening.
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
        let mut iface = Interface::new(interface, device, now);
        set_addresses(&mut iface, config)?;
        let addresses = Addresses::new(config, &mut iface, now);

        let Memory { slots, table, due, order, scratch, datagrams } = memory;
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
            listeners: Vec::new(),
            per_source: config.per_source,
            evict_idle: config.evict_idle,
            cookies: config.syn_cookies.then(|| {
                let room = slots.iter().map(|slot| slot.socket().recv_capacity()).min();
                let window = room.and_then(|room| room.try_into().ok()).unwrap_or(u16::MAX);
                Cookies::new((random.next(), random.next()), window)
            }),
            pool: Pool::new(slots, table, due, order, random.next() as u32),
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

    /// The body of the loop: frames in, bytes echoed, frames out, deadlines kept. Bounded work;
    /// afterwards wait until [`poll_at`](Self::poll_at), or until the device has a frame.
    pub fn poll<D: Device + ?Sized>(
        &mut self,
        now: Instant,
        device: &mut D,
        mut on_event: impl FnMut(Event<'_>),
    ) {
        self.more = true;
        for _ in 0..FRAMES_PER_POLL {
            if !self.ingress(now, device, &mut on_event) {
                self.more = false;
                break;
            }
        }
        for _ in 0..FRAMES_PER_POLL {
            let Some(slot) = self.pool.due_by(now) else { break };
            if self.keep_deadline(slot, now, &mut on_event) {
                self.service_slot(slot, now, device, &mut on_event);
            }
        }
        self.learn_addresses(now, device, &mut on_event);
        self.ask(now, device, &mut on_event);
        self.flush(now, device, &mut on_event);
    }

    /// When the next poll is due even if no frame comes; `None` is never. Not before `now`.
    pub fn poll_at(&mut self, now: Instant) -> Option<Instant> {
        if self.more {
            return Some(now);
        }
        let slots = self.pool.next_due();
        let addresses = self.addresses.poll_at();
        earlier(earlier(slots, self.datagrams_due(now)), addresses).map(|at| at.max(now))
    }

    /// The device has a link, or has none any more. A link that comes may lead to another network: the lease is
    /// confirmed, routers are solicited, addresses are announced and hardware addresses asked for again. Addresses and connections
    /// stay until a server, a router or their time says otherwise. `run` makes this call by itself.
    pub fn link_changed(&mut self, link: LinkState, now: Instant) {
        if link == LinkState::Up {
            // smoltcp forgets its neighbours with any change of its addresses, even none.
            self.iface.update_ip_addrs(|_| ());
        }
        self.addresses.link_changed(link, now);
    }

    /// The counters, since the node was made.
    pub const fn stats(&self) -> &Stats {
        &self.stats
    }

    /// How many slots are doing what at this moment.
    pub fn occupancy(&self) -> Occupancy {
        Occupancy {
            free: self.pool.count(SlotState::Free),
            half_open: self.pool.count(SlotState::HalfOpen),
            open: self.pool.count(SlotState::Open),
            closing: self.pool.count(SlotState::TimeWait) + self.pool.count(SlotState::Leaving),
        }
    }

    /// The interface below, for its addresses and routes.
    pub const fn interface(&self) -> &Interface {
        &self.iface
    }

    /// What the gate knows of us.
    fn own(&self) -> LocalAddresses<'_> {
        LocalAddresses { mac: self.mac, addresses: self.iface.ip_addrs() }
    }

    /// Takes one frame from the device and sees it through. False when there was none.
    fn ingress<D: Device + ?Sized>(
        &mut self,
        now: Instant,
        device: &mut D,
        on_event: &mut impl Sink,
    ) -> bool {
        let Some((rx, token)) = device.receive(now) else {
            return false;
        };
        self.stats.frames += 1;
        let (meta, mut said) = (rx.meta(), None);
        let reply = TrackedTxToken { token, said: &mut said };
        match rx.consume(|frame| self.admit(frame, meta, reply, now, on_event)) {
            Delivered::Slot(slot) => {
                self.pool.slot(slot).remember(said);
                self.service_slot(slot, now, device, on_event);
            }
            Delivered::Ports(tuple) => self.answer(tuple, now, device, on_event),
            Delivered::Elsewhere => {}
        }
        true
    }

    /// Finds who the frame is for and delivers it.
    fn admit(
        &mut self,
        frame: &[u8],
        meta: PacketMeta,
        reply: impl TxToken,
        now: Instant,
        on_event: &mut impl Sink,
    ) -> Delivered {
        let class = self.own().classify(frame);
        let single = SingleFrame::new(frame, meta, reply);
        let (reason, tuple) = match class {
            FrameClass::Segment(ref header) => {
                match self.admit_segment(header, frame, now, on_event) {
                    Verdict::Deliver(slot) => return self.deliver_to(slot, single, now),
                    Verdict::Revive(slot, returned) => {
                        self.restore(slot, returned, frame, now);
                        return self.deliver_to(slot, single, now);
                    }
                    Verdict::Cookie(syn) => {
                        self.stats.delivered += 1;
                        self.give_cookie(&syn, single, now);
                        return Delivered::Elsewhere;
                    }
                    Verdict::Drop(reason, reply) => {
                        self.reply(frame, single, reply, now);
                        (reason, Some(header.tuple))
                    }
                }
            }
            FrameClass::Drop(reason) => (reason, None),
            FrameClass::Dhcp(tuple) if self.addresses.leases() => {
                if !tuple.remote.addr.is_unicast() {
                    self.drop_frame(DropReason::BadSource, Some(tuple), on_event);
                    return Delivered::Elsewhere;
                }
                self.stats.delivered += 1;
                self.addresses.offered(frame, now, &self.checksums);
                return Delivered::Elsewhere;
            }
            // RFC 4443 section 2.4 e: a group is not told that a port is unreachable; smoltcp tells it.
            FrameClass::Datagram(tuple) | FrameClass::Dhcp(tuple)
                if tuple.local.addr.is_multicast() && !self.is_bound(tuple.local.port) =>
            {
                (DropReason::Broadcast, Some(tuple))
            }
            FrameClass::Datagram(tuple) | FrameClass::Dhcp(tuple) => {
                self.deliver(single, now);
                return Delivered::Ports(Some(tuple));
            }
            FrameClass::Fragment(end) if end > self.largest_arrival() => {
                (DropReason::Fragment, None)
            }
            FrameClass::Fragment(_) => {
                self.deliver(single, now);
                return Delivered::Ports(None);
            }
            FrameClass::Neighbor => {
                self.hear_neighbor(frame, meta, single, now);
                self.pool.wake_waiting(now);
                return Delivered::Elsewhere;
            }
            #[cfg(feature = "proto-ipv6")]
            FrameClass::Router => {
                self.deliver(single, now);
                self.addresses.advertised(frame, now);
                return Delivered::Elsewhere;
            }
            FrameClass::Other => {
                self.deliver(single, now);
                return Delivered::Elsewhere;
            }
        };
        self.drop_frame(reason, tuple, on_event);
        Delivered::Elsewhere
    }

    /// Hands smoltcp a segment, together with the one socket that may take it.
    fn deliver_to<Tx: TxToken>(
        &mut self,
        slot: usize,
        mut frame: SingleFrame<'_, Tx>,
        now: Instant,
    ) -> Delivered {
        self.stats.delivered += 1;
        self.iface.poll_ingress_single(now, &mut frame, self.pool.slot(slot).parts().0);
        Delivered::Slot(slot)
    }

    /// Hands smoltcp a frame that is for no connection.
    fn deliver<Tx: TxToken>(&mut self, mut frame: SingleFrame<'_, Tx>, now: Instant) {
        self.stats.delivered += 1;
        self.iface.poll_ingress_single(now, &mut frame, &mut self.common);
    }

    /// Follows what servers and routers say about the node's addresses.
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
                // With another mask it is still the same address.
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

    fn drop_frame(&mut self, reason: DropReason, tuple: Option<Tuple>, on_event: &mut impl Sink) {
        self.stats.count_dropped(reason);
        on_event(Event::Dropped { reason, tuple });
    }
}

/// The earlier of two instants, where none is never.
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
    for gateway in &config.gateways {
        fits &= match *gateway {
            IpAddress::Ipv4(v4) => iface.routes_mut().add_default_ipv4_route(v4).is_ok(),
            #[cfg(feature = "proto-ipv6")]
            IpAddress::Ipv6(v6) => iface.routes_mut().add_default_ipv6_route(v6).is_ok(),
        };
    }
    #[cfg(feature = "slaac")]
    if config.slaac {
        let link_local = crate::addresses::eui64::link_local(config.mac).into();
        iface.update_ip_addrs(|addresses| {
            fits &= addresses.contains(&link_local) || addresses.push(link_local).is_ok();
        });
    }
    // What is learned later has its place, too.
    let learned = usize::from(config.dhcpv4) + usize::from(config.slaac);
    fits &= iface.ip_addrs().len() + learned <= IFACE_MAX_ADDR_COUNT;
    if fits { Ok(()) } else { Err(ConfigError::TooManyAddresses) }
}

fn check_memory(memory: &Memory<'_>) -> Result<(), ConfigError> {
    let slots = memory.slots.len();
    let indexed =
        memory.table.len() == slots && memory.due.len() == slots && memory.order.len() == slots;
    if slots == 0 || slots > MAX_SLOTS || !indexed {
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

/// How many slots are doing what; together they are all slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Occupancy {
    /// Nothing: they wait in LISTEN for whoever comes.
    pub free: usize,
    /// A handshake, in either direction.
    pub half_open: usize,
    /// A connection.
    pub open: usize,
    /// TIME-WAIT, or a reset that has still to leave.
    pub closing: usize,
}
