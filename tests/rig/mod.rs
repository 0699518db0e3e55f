//! A node on one end of a cable, something else on the other, and time that only the test moves.
//!
//! [`World::run_until`] lets both ends act, carries their frames, and jumps to the next instant at
//! which anything can happen. After every turn the node's counters must add up.
#![allow(dead_code, unreachable_pub, unused_imports, unused_macros)] // every test file is a crate and uses its part of this

pub mod chip;
pub mod dhcp;
pub mod frames;
pub mod host;
pub mod peer;
pub mod raw;
pub mod router;
pub mod talk;
pub mod udp;

use std::collections::VecDeque;

use smolecho::phy::cable::{Cable, End as CableEnd};
use smolecho::phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smolecho::smoltcp::iface::SocketStorage;
use smolecho::smoltcp::time::{Duration, Instant};
use smolecho::smoltcp::wire::{EthernetAddress, IpAddress, IpCidr, IpEndpoint};
use smolecho::storage::{AgeRecord, DeadlineRecord, Slot, TableRecord};
use smolecho::{
    CloseReason, Config, DatagramDropReason, DatagramMemory, DropReason, Event, Listener, Memory,
    Message, Node, Report, Stats, TcpService, Timeouts, Tuple, UdpPolicy, WhenFull,
};

use frames::{Frame, Way};
use host::Host;

pub const PORT: u16 = 12345;
pub const NODE_MAC: EthernetAddress = EthernetAddress([2, 0, 0, 0, 0, 1]);
pub const FAR_MAC: EthernetAddress = EthernetAddress([2, 0, 0, 0, 0, 2]);

/// Turns without the clock moving, and turns in all, past which a run is a livelock.
const TURNS_AT_ONE_INSTANT: u32 = 2_000;
const TURNS: u32 = 4_000_000;

const CABLE: usize = 64;

pub const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

pub const fn s(s: u64) -> Duration {
    Duration::from_secs(s)
}

/// The IP version that a test runs over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    V4,
    V6,
}

impl Family {
    fn on_link(self, host: u16) -> IpAddress {
        match self {
            Family::V4 => {
                let [high, low] = host.to_be_bytes();
                IpAddress::v4(10, 7, high, low)
            }
            Family::V6 => IpAddress::v6(0xfd00, 0, 0, 0, 0, 0, 0, host),
        }
    }

    pub fn cidr(self, host: u16) -> IpCidr {
        IpCidr::new(self.on_link(host), if self == Family::V4 { 16 } else { 64 })
    }

    pub fn node(self) -> IpAddress {
        self.on_link(1)
    }

    pub fn far(self) -> IpAddress {
        self.on_link(2)
    }

    /// Somebody on the link who is neither.
    pub fn stranger(self, n: u16) -> IpAddress {
        self.on_link(1000 + n)
    }

    /// Where the node listens.
    pub fn server(self) -> IpEndpoint {
        IpEndpoint::new(self.node(), PORT)
    }
}

/// Runs each of these functions once for IPv4 and once for IPv6.
macro_rules! in_both_families {
    ($($name:ident),* $(,)?) => {
        mod v4 { $(#[test] fn $name() { super::$name(crate::rig::Family::V4) })* }
        mod v6 { $(#[test] fn $name() { super::$name(crate::rig::Family::V6) })* }
    };
}
pub(crate) use in_both_families;

/// What the node is made of; the defaults suit most tests.
#[derive(Clone)]
pub struct Setup {
    pub family: Family,
    pub slots: usize,
    pub rx: usize,
    pub tx: usize,
    pub scratch: usize,
    pub seed: u64,
    pub timeouts: Timeouts,
    pub keep_alive: Option<Duration>,
    pub flow: TcpService,
    pub backlog: u16,
    pub syn_cookies: bool,
    pub when_full: WhenFull,
    pub per_source: Option<u16>,
    pub evict_idle: bool,
    /// Beside the one of the family.
    pub addresses: Vec<IpCidr>,
    /// Without the one of the family.
    pub nameless: bool,
    pub dhcpv4: bool,
    pub slaac: bool,
    pub conflict_detection: bool,
    pub udp_policy: UdpPolicy,
    pub datagrams: fn() -> DatagramMemory<'static>,
}

impl Setup {
    pub fn new(family: Family) -> Self {
        Setup {
            family,
            slots: 8,
            rx: 2048,
            tx: 2048,
            scratch: 256,
            seed: 1,
            timeouts: Timeouts::DEFAULT,
            keep_alive: None,
            flow: TcpService::Stream,
            backlog: 8,
            syn_cookies: true,
            when_full: WhenFull::Reset,
            per_source: None,
            evict_idle: false,
            addresses: Vec::new(),
            nameless: false,
            dhcpv4: false,
            slaac: false,
            conflict_detection: false,
            udp_policy: UdpPolicy::DEFAULT,
            datagrams: DatagramMemory::none,
        }
    }

    /// A listening node with nobody opposite: every frame for it is made by hand.
    pub fn alone(self) -> World<Nobody> {
        self.opposite(Nobody)
    }

    /// A listening node, and a host of plain smoltcp sockets opposite.
    pub fn world(self) -> World<Host> {
        let far = Host::new(self.family);
        self.opposite(far)
    }

    /// A listening node, and another node opposite that listens too.
    pub fn two_nodes(self) -> World<Ours> {
        let far = Setup { seed: !self.seed, ..self.clone() }.node(
            FAR_MAC,
            self.family.cidr(2),
            &mut Port::default(),
        );
        self.opposite(far)
    }

    pub fn opposite<F: Station>(self, far: F) -> World<F> {
        let cable: &'static Cable<CABLE> = Box::leak(Box::default());
        let (mut end, far_end) = cable.ends();
        let ours = self.node(NODE_MAC, self.family.cidr(1), &mut end);
        World {
            now: Instant::ZERO,
            ours,
            far,
            slots: self.slots,
            latency: ms(1),
            fate: Box::new(|_| Fate::Deliver),
            trace: Vec::new(),
            end,
            far_end,
            port: Port::default(),
            on_the_way: VecDeque::new(),
            turns_at_this_instant: 0,
            turns: 0,
        }
    }

    pub fn config(&self, mac: EthernetAddress, address: IpCidr) -> Config {
        let mut config = Config::new(mac.0, self.seed);
        for address in (!self.nameless).then_some(&address).into_iter().chain(&self.addresses) {
            config = config.address(*address).unwrap();
        }
        let Setup { timeouts, keep_alive, syn_cookies, dhcpv4, slaac, udp_policy, .. } = *self;
        let Setup { per_source, evict_idle, conflict_detection, .. } = *self;
        Config {
            timeouts,
            keep_alive,
            syn_cookies,
            per_source,
            evict_idle,
            dhcpv4,
            slaac,
            conflict_detection,
            udp_policy,
            ..config
        }
    }

    fn node(&self, mac: EthernetAddress, address: IpCidr, device: &mut impl Device) -> Ours {
        let memory = memory(self.slots, self.rx, self.tx, self.scratch).with((self.datagrams)());
        let config = self.config(mac, address);
        let mut node = Node::new(&config, memory, device, Instant::ZERO).unwrap();
        let Setup { flow, backlog, when_full, .. } = *self;
        node.listen(Listener { port: PORT, backlog, service: flow, when_full }).unwrap();
        Ours { node, log: Vec::new(), times: Vec::new() }
    }
}

/// Memory whose sizes are known at run time only, filled by hand as a host program does.
pub fn memory(slots: usize, rx: usize, tx: usize, scratch: usize) -> Memory<'static> {
    fn many<T>(n: usize, make: impl Fn() -> T) -> &'static mut [T] {
        Vec::leak((0..n).map(|_| make()).collect())
    }
    Memory {
        slots: many(slots, || {
            let sockets = many(1, || SocketStorage::EMPTY);
            Slot::new(sockets, many(rx, || 0), many(tx, || 0))
        }),
        table: many(slots, || TableRecord::EMPTY),
        due: many(slots, || DeadlineRecord::EMPTY),
        order: many(slots, || AgeRecord::EMPTY),
        scratch: many(scratch, || 0),
        datagrams: DatagramMemory::none(),
    }
}

/// What an end of the cable does when it has its turn.
pub trait Station {
    fn poll(&mut self, now: Instant, device: &mut impl Device);
    fn poll_at(&mut self, now: Instant) -> Option<Instant>;
}

/// An [`Event`] that outlives its poll, without the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happened {
    Accepted(Tuple),
    Connected(Tuple),
    Closed { tuple: Tuple, end: CloseReason, received: u64, sent: u64 },
    Refused(DropReason, Option<Tuple>),
    Ignored(DatagramDropReason, Tuple),
    Reported(Tuple, Report),
    Gained(IpCidr),
    Lost(IpCidr),
    Conflict(IpCidr, EthernetAddress),
}

/// A node and what it told.
pub struct Ours {
    pub node: Node<'static>,
    pub log: Vec<Happened>,
    /// When each entry of the log was made.
    pub times: Vec<Instant>,
}

fn log(log: &mut Vec<Happened>) -> impl FnMut(Event<'_>) {
    |event| match event {
        Event::Accepted { tuple } => log.push(Happened::Accepted(tuple)),
        Event::Connected { tuple } => log.push(Happened::Connected(tuple)),
        Event::Closed { tuple, reason: end, received, sent } => {
            log.push(Happened::Closed { tuple, end, received, sent });
        }
        Event::Dropped { reason, tuple } => log.push(Happened::Refused(reason, tuple)),
        Event::DatagramDropped { reason, tuple } => log.push(Happened::Ignored(reason, tuple)),
        Event::Reported { tuple, report } => log.push(Happened::Reported(tuple, report)),
        Event::AddressGained { cidr } => log.push(Happened::Gained(cidr)),
        Event::AddressLost { cidr } => log.push(Happened::Lost(cidr)),
        Event::AddressConflict { cidr, mac } => log.push(Happened::Conflict(cidr, mac)),
        _ => {}
    }
}

impl Ours {
    pub fn stats(&self) -> &Stats {
        self.node.stats()
    }

    pub fn ended(&self, end: CloseReason) -> u64 {
        self.stats().ended(end)
    }

    pub fn dropped(&self, refusal: DropReason) -> u64 {
        self.stats().dropped(refusal)
    }

    /// How the connections ended, in order.
    pub fn ends(&self) -> Vec<CloseReason> {
        let end = |event: &Happened| match event {
            Happened::Closed { end, .. } => Some(*end),
            _ => None,
        };
        self.log.iter().filter_map(end).collect()
    }

    #[track_caller]
    fn check_sums(&self, slots: usize) {
        let (stats, pool) = (self.node.stats(), self.node.occupancy());
        assert_eq!(stats.frames, stats.delivered + stats.dropped_total(), "frames: {stats:?}");
        let begun = stats.accepted + stats.connected;
        assert_eq!(begun, pool.open as u64 + stats.closed(), "connections: {stats:?} {pool:?}");
        let all = pool.free + pool.half_open + pool.open + pool.closing;
        assert_eq!(all, slots, "slots: {pool:?}");
    }
}

impl Station for Ours {
    fn poll(&mut self, now: Instant, device: &mut impl Device) {
        self.node.poll(now, device, log(&mut self.log));
        self.times.resize(self.log.len(), now);
    }

    fn poll_at(&mut self, now: Instant) -> Option<Instant> {
        self.node.poll_at(now)
    }
}

/// An end of the cable that lies open.
pub struct Nobody;

impl Station for Nobody {
    fn poll(&mut self, now: Instant, device: &mut impl Device) {
        while let Some((rx, _)) = device.receive(now) {
            rx.consume(|_| ());
        }
    }

    fn poll_at(&mut self, _: Instant) -> Option<Instant> {
        None
    }
}

/// What becomes of a frame between the two ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Deliver,
    Drop,
    Twice,
    Late(Duration),
}

pub struct World<F = Host> {
    pub now: Instant,
    pub ours: Ours,
    pub far: F,
    /// One way.
    pub latency: Duration,
    pub fate: Box<dyn FnMut(&Frame) -> Fate>,
    /// Every frame that left either end, whatever became of it.
    pub trace: Vec<Frame>,
    slots: usize,
    end: CableEnd<'static, CABLE>,
    far_end: CableEnd<'static, CABLE>,
    port: Port,
    on_the_way: VecDeque<Frame>,
    turns_at_this_instant: u32,
    /// How often the two ends have acted.
    pub turns: u64,
}

impl<F: Station> World<F> {
    /// Both ends act once at this instant, and their frames set out.
    fn turn(&mut self) {
        self.turns += 1;
        self.ours.poll(self.now, &mut self.end);
        while let Some(bytes) = take(&mut self.far_end, self.now) {
            self.send(Way::FromNode, bytes);
        }
        self.far.poll(self.now, &mut self.port);
        while let Some(bytes) = self.port.outbox.pop_front() {
            self.send(Way::ToNode, bytes);
        }
        self.arrive();
        self.ours.check_sums(self.slots);
    }

    fn send(&mut self, way: Way, bytes: Vec<u8>) {
        let mut frame = Frame { at: self.now, way, bytes };
        let fate = (self.fate)(&frame);
        self.trace.push(frame.clone());
        frame.at += self.latency;
        match fate {
            Fate::Deliver => self.set_out(frame),
            Fate::Drop => {}
            Fate::Twice => {
                self.set_out(frame.clone());
                self.set_out(frame);
            }
            Fate::Late(by) => {
                frame.at += by;
                self.set_out(frame);
            }
        }
    }

    fn set_out(&mut self, frame: Frame) {
        let place = self.on_the_way.partition_point(|other| other.at <= frame.at);
        self.on_the_way.insert(place, frame);
    }

    fn arrive(&mut self) {
        while self.on_the_way.front().is_some_and(|frame| frame.at <= self.now) {
            let frame = self.on_the_way.pop_front().unwrap();
            match frame.way {
                Way::FromNode => self.port.inbox.push_back(frame.bytes),
                Way::ToNode => {
                    let Some(token) = self.far_end.transmit(self.now) else {
                        self.on_the_way.push_front(frame);
                        return;
                    };
                    token.consume(frame.bytes.len(), |room| room.copy_from_slice(&frame.bytes));
                }
            }
        }
    }

    /// The next instant at which anything can happen.
    fn next(&mut self) -> Option<Instant> {
        let arrived = !self.port.inbox.is_empty() || self.end.receive(self.now).is_some();
        [
            arrived.then_some(self.now),
            self.on_the_way.front().map(|frame| frame.at),
            self.ours.poll_at(self.now),
            self.far.poll_at(self.now),
        ]
        .into_iter()
        .flatten()
        .min()
        .map(|at| at.max(self.now))
    }

    #[track_caller]
    fn advance(&mut self, to: Instant) {
        self.turns_at_this_instant = if to > self.now { 0 } else { self.turns_at_this_instant + 1 };
        assert!(self.turns_at_this_instant < TURNS_AT_ONE_INSTANT, "livelock at {}", self.now);
        self.now = to;
    }

    /// Runs until `done` says so, which may act on both ends; fails when that takes longer than
    /// `limit`, or nothing is left that could bring it about.
    #[track_caller]
    pub fn run_until(&mut self, limit: Duration, mut done: impl FnMut(&mut Self) -> bool) {
        let end = self.now + limit;
        for _ in 0..TURNS {
            self.turn();
            if done(self) {
                return;
            }
            match self.next() {
                Some(at) if at <= end => self.advance(at),
                next => panic!(
                    "not within {limit}: it is {}, next {next:?}; {:?} {:?} {:?}",
                    self.now,
                    self.ours.node.occupancy(),
                    self.ours.stats(),
                    self.ours.log.iter().rev().take(5).collect::<Vec<_>>(),
                ),
            }
        }
        panic!("more than {TURNS} turns");
    }

    /// Lets so much time pass.
    #[track_caller]
    pub fn run_for(&mut self, time: Duration) {
        let end = self.now + time;
        for _ in 0..TURNS {
            self.turn();
            match self.next() {
                Some(at) if at <= end => self.advance(at),
                _ => {
                    self.now = end;
                    return;
                }
            }
        }
        panic!("more than {TURNS} turns");
    }

    /// Puts a frame on the cable as if somebody opposite had sent it.
    pub fn inject(&mut self, bytes: Vec<u8>) {
        self.send(Way::ToNode, bytes);
    }

    /// Injects a frame and gives it time to be answered.
    pub fn inject_and_settle(&mut self, bytes: Vec<u8>) {
        self.inject(bytes);
        self.run_for(self.latency * 4);
    }

    pub fn connect(&mut self, remote: IpEndpoint, message: Message<'static>) -> Tuple {
        self.ours.node.connect(remote, message, self.now).unwrap()
    }

    pub fn abort(&mut self) {
        self.ours.node.abort(self.now, &mut self.end, log(&mut self.ours.log));
        self.ours.times.resize(self.ours.log.len(), self.now);
    }

    pub fn finish(&mut self) {
        self.ours.node.finish(self.now);
    }

    pub fn stats(&self) -> &Stats {
        self.ours.stats()
    }

    /// Nothing passes any more, in either direction.
    pub fn cut(&mut self) {
        self.fate = Box::new(|_| Fate::Drop);
    }

    pub fn mend(&mut self) {
        self.fate = Box::new(|_| Fate::Deliver);
    }

    /// The frames that the node sent since `mark`, see [`Self::mark`].
    pub fn sent_since(&self, mark: usize) -> impl Iterator<Item = &Frame> {
        self.trace[mark..].iter().filter(|frame| frame.way == Way::FromNode)
    }

    /// The resets that the node sent since `mark` to this endpoint.
    pub fn resets_since(&self, mark: usize, to: IpEndpoint) -> usize {
        let is_reset = |frame: &&Frame| frame.tcp().is_some_and(|tcp| tcp.rst && tcp.to == to);
        self.sent_since(mark).filter(is_reset).count()
    }

    pub fn mark(&self) -> usize {
        self.trace.len()
    }

    /// The end of a test: whatever happened, one quiet deadline later every slot is free, and every
    /// connection that began has ended.
    #[track_caller]
    pub fn rest(&mut self) {
        self.mend();
        self.run_for(s(400));
        self.assert_all_free();
        let stats = self.stats();
        assert_eq!(stats.accepted + stats.connected, stats.closed(), "{stats:?}");
    }

    #[track_caller]
    pub fn assert_all_free(&self) {
        let pool = self.ours.node.occupancy();
        assert_eq!(pool.free, self.slots, "slots did not come back: {pool:?}");
    }
}

fn take(end: &mut CableEnd<'static, CABLE>, now: Instant) -> Option<Vec<u8>> {
    end.receive(now).map(|(rx, _)| rx.consume(<[u8]>::to_vec))
}

/// A device of two queues without end.
#[derive(Default)]
pub struct Port {
    pub inbox: VecDeque<Vec<u8>>,
    pub outbox: VecDeque<Vec<u8>>,
}

impl Device for Port {
    type RxToken<'t> = PortRx;
    type TxToken<'t> = PortTx<'t>;

    fn receive(&mut self, _: Instant) -> Option<(PortRx, PortTx<'_>)> {
        let frame = self.inbox.pop_front()?;
        Some((PortRx(frame), PortTx(&mut self.outbox)))
    }

    fn transmit(&mut self, _: Instant) -> Option<PortTx<'_>> {
        Some(PortTx(&mut self.outbox))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = smolecho::phy::cable::FRAME;
        capabilities
    }
}

pub struct PortRx(Vec<u8>);

impl RxToken for PortRx {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(&self.0)
    }
}

pub struct PortTx<'t>(&'t mut VecDeque<Vec<u8>>);

impl TxToken for PortTx<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        let mut frame = vec![0; len];
        let result = f(&mut frame);
        self.0.push_back(frame);
        result
    }
}

/// Numbers that follow from a seed (xorshift64*).
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    pub fn below(&mut self, n: usize) -> usize {
        (self.roll() >> 32) as usize % n
    }
}
