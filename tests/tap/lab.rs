//! A node on a TAP of its own, running in a thread, and a window into it.

use std::{
    fmt,
    io::{self, Read, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream},
    os::unix::net::UnixStream,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU8, Ordering},
        mpsc::{self, Receiver, Sender, TryRecvError},
    },
    thread::{self, JoinHandle},
    time::{Duration as Wall, Instant as Clock},
};

use nix::sys::{
    socket::{setsockopt, sockopt},
    time::{TimeVal, TimeValLike},
};
use smolecho::{
    CloseReason, Config, ConnectError, DatagramMemory, DatagramStorage, Event, Listener, Memory,
    Message, Node, Query, Report, Stats, Timeouts, Tuple, UdpService,
    node::Occupancy,
    phy::tap::{Counters, Tap},
    smoltcp::{
        iface::SocketStorage,
        time::Instant,
        wire::{IpCidr, IpEndpoint},
    },
    storage::{AgeRecord, DeadlineRecord, Slot, TableRecord},
};

use crate::{host, served};

/// Where the node listens.
pub(crate) const PORT: u16 = 12_345;

/// What takes longer without getting on hangs.
pub(crate) const PATIENCE: Wall = Wall::from_secs(60);

/// Two of everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    V4,
    V6,
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Family::V4 => "ipv4",
            Family::V6 => "ipv6",
        })
    }
}

/// Two devices over a TAP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opening {
    /// Frames as they are.
    Plain,
    /// With checksums and segmentation left to the kernel.
    Offload,
}

impl Opening {
    pub(crate) fn open(self, name: &str) -> io::Result<Tap> {
        match self {
            Opening::Plain => Tap::open(name),
            Opening::Offload => Tap::open_offload(name),
        }
    }
}

impl fmt::Display for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Opening::Plain => "plain",
            Opening::Offload => "offload",
        })
    }
}

/// The network of one trial, on an interface of its own: nobody else is in it.
#[derive(Clone, Debug)]
pub(crate) struct Network {
    pub(crate) interface: String,
    number: u8,
}

impl Network {
    const NODE: u8 = 1;
    const HOST: u8 = 2;
    const NOBODY: u8 = 99;

    pub(crate) fn new() -> Network {
        static NEXT: AtomicU8 = AtomicU8::new(1);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Network { interface: format!("echo{number}"), number }
    }

    /// The stack's address.
    pub(crate) fn node(&self, family: Family) -> IpAddr {
        self.address(family, Self::NODE)
    }

    /// The kernel's.
    pub(crate) fn host(&self, family: Family) -> IpAddr {
        self.address(family, Self::HOST)
    }

    /// The stack's hardware address.
    pub(crate) fn node_mac(&self) -> [u8; 6] {
        [2, 0, 0, 0, 0, self.number]
    }

    /// One of the same network that nobody answers for.
    pub(crate) fn nobody(&self, family: Family) -> IpAddr {
        self.address(family, Self::NOBODY)
    }

    /// Whether this is an address of the network, with its prefix.
    pub(crate) fn is_in(&self, cidr: IpCidr) -> bool {
        let family = if matches!(cidr, IpCidr::Ipv4(_)) { Family::V4 } else { Family::V6 };
        cidr.contains_addr(&self.host(family).into())
    }

    pub(crate) fn address(&self, family: Family, station: u8) -> IpAddr {
        match family {
            Family::V4 => Ipv4Addr::new(10, 69, self.number, station).into(),
            Family::V6 => {
                Ipv6Addr::new(0xfd69, 0, 0, self.number.into(), 0, 0, 0, station.into()).into()
            }
        }
    }
}

/// What the node is to be.
pub(crate) struct Setup {
    pub(crate) opening: Opening,
    pub(crate) slots: usize,
    /// Bytes of each connection's receive buffer, and of its transmit buffer.
    pub(crate) buffer: usize,
    pub(crate) mtu: u32,
    pub(crate) timeouts: Timeouts,
    pub(crate) listener: Option<Listener>,
    /// The ports that serve datagrams.
    pub(crate) services: Vec<(u16, UdpService)>,
    pub(crate) naming: Naming,
    /// How much faster the node's clock runs than everybody else's.
    pub(crate) haste: u32,
}

/// Where the node has its addresses from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Naming {
    /// One of each family, and the link-local one.
    Static,
    Dhcp,
    Router,
}

impl Default for Setup {
    fn default() -> Setup {
        Setup {
            opening: Opening::Plain,
            slots: 8,
            buffer: 16_384,
            mtu: 1500,
            timeouts: Timeouts::DEFAULT,
            listener: Some(Listener::new(PORT, 8)),
            services: Vec::new(),
            naming: Naming::Static,
            haste: 1,
        }
    }
}

impl Setup {
    /// Makes the TAP, configures the host's side of it, and lets the node run on ours.
    pub(crate) fn run(self) -> Lab {
        let network = Network::new();
        let mut tap = self.opening.open(&network.interface).expect("a TAP");
        host::set_mtu(tap.name(), self.mtu);
        host::set_up(tap.name(), true);
        host::add_address(tap.name(), network.host(Family::V4));
        host::add_address(tap.name(), network.host(Family::V6));
        tap.refresh_mtu().expect("MTU");
        if self.naming == Naming::Router {
            host::until_link_local(tap.name());
        }

        let node = self.node(&network, &mut tap);
        let window = Arc::new(Window {
            view: Mutex::new(View {
                stats: *node.stats(),
                occupancy: node.occupancy(),
                tap: tap.counters(),
                closed: Vec::new(),
                changes: Vec::new(),
                reports: Vec::new(),
                running: true,
            }),
            changed: Condvar::new(),
        });
        let (orders, inbox) = mpsc::channel();
        let (bell, ring) = UnixStream::pair().expect("a pair of sockets");
        ring.set_nonblocking(true).expect("non-blocking");
        tap.watch(&ring).expect("watch");
        let thread = thread::spawn({
            let window = Arc::clone(&window);
            let haste = self.haste;
            move || Loop { node, tap, start: Clock::now(), haste, inbox, ring, window }.run()
        });
        Lab { network, window, orders: Some(orders), bell, thread: Some(thread) }
    }

    fn node(&self, network: &Network, tap: &mut Tap) -> Node<'static> {
        let mut config = Config::new(network.node_mac(), network.number.into());
        if self.naming == Naming::Static {
            for (family, prefix) in [(Family::V4, 24), (Family::V6, 64)] {
                let address = IpCidr::new(network.node(family).into(), prefix);
                config = config.address(address).expect("room for an address");
            }
            if !self.services.is_empty() {
                config = config.link_local().expect("room for an address");
            }
        }
        config.dhcpv4 = self.naming == Naming::Dhcp;
        config.slaac = self.naming == Naming::Router;
        config.timeouts = self.timeouts;
        let mut memory = memory(self.slots, self.buffer);
        if !self.services.is_empty() {
            memory = memory.with(datagram_memory());
        }
        let mut node = Node::new(&config, memory, tap, Instant::ZERO).expect("node");
        for &(port, service) in &self.services {
            node.bind(port, service).expect("bind");
        }
        if let Some(listener) = self.listener {
            node.listen(listener).expect("listen");
        }
        node
    }
}

/// Four ports and eight senders, for datagrams as large as smoltcp's buffer for fragments.
fn datagram_memory() -> DatagramMemory<'static> {
    Box::leak(Box::new(DatagramStorage::<4, 8, 8192>::new())).memory()
}

/// Memory whose sizes are known at run time only. It is leaked: the process ends with its trials.
fn memory(slots: usize, buffer: usize) -> Memory<'static> {
    fn leak<T>(records: impl IntoIterator<Item = T>) -> &'static mut [T] {
        Box::leak(records.into_iter().collect())
    }
    let zeros = || vec![0; buffer].leak();
    Memory {
        slots: leak((0..slots).map(|_| Slot::new(leak([SocketStorage::EMPTY]), zeros(), zeros()))),
        table: vec![TableRecord::EMPTY; slots].leak(),
        due: vec![DeadlineRecord::EMPTY; slots].leak(),
        order: vec![AgeRecord::EMPTY; slots].leak(),
        scratch: vec![0; 4096].leak(),
        datagrams: DatagramMemory::none(),
    }
}

/// A connection that is over, or the attempt at one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Closed {
    pub(crate) tuple: Tuple,
    pub(crate) end: CloseReason,
    pub(crate) received: u64,
    pub(crate) sent: u64,
}

/// What has become of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Gained(IpCidr),
    Lost(IpCidr),
}

/// What is to be seen of the node after its last poll.
#[derive(Debug)]
pub(crate) struct View {
    pub(crate) stats: Stats,
    pub(crate) occupancy: Occupancy,
    pub(crate) tap: Counters,
    /// In the order in which they ended.
    pub(crate) closed: Vec<Closed>,
    pub(crate) changes: Vec<Change>,
    pub(crate) reports: Vec<Report>,
    running: bool,
}

struct Window {
    view: Mutex<View>,
    changed: Condvar,
}

impl Window {
    fn lock(&self) -> MutexGuard<'_, View> {
        self.view.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Something for the node to do between two polls.
type Order = Box<dyn FnOnce(&mut Node<'static>, Instant) + Send>;

/// A running node and its network. It stops, and its interface vanishes, when this is dropped.
pub(crate) struct Lab {
    pub(crate) network: Network,
    window: Arc<Window>,
    orders: Option<Sender<Order>>,
    bell: UnixStream,
    thread: Option<JoinHandle<()>>,
}

impl Lab {
    /// A kernel socket that is connected to the node, and whose reads and writes do not hang.
    pub(crate) fn connect(&self, family: Family) -> TcpStream {
        self.try_connect(family).expect("connect")
    }

    pub(crate) fn try_connect(&self, family: Family) -> io::Result<TcpStream> {
        served::connect(self.server(family))
    }

    /// Where the node serves.
    pub(crate) fn server(&self, family: Family) -> SocketAddr {
        SocketAddr::new(self.network.node(family), PORT)
    }

    /// A kernel server for the node to connect to, whose `accept` does not hang.
    pub(crate) fn listen(&self, family: Family) -> (TcpListener, SocketAddr) {
        listen(self.network.host(family))
    }

    /// `ip link set down`: the host's IPv4 address stays, its IPv6 address goes.
    pub(crate) fn link_down(&self) {
        host::set_up(&self.network.interface, false);
    }

    /// `ip link set up`, and everything as it was.
    pub(crate) fn link_up(&self) {
        host::set_up(&self.network.interface, true);
        host::add_address(&self.network.interface, self.network.host(Family::V6));
    }

    /// Takes the host's address away: the kernel's sockets do not notice, and fall silent.
    pub(crate) fn host_vanishes(&self, family: Family) {
        host::remove_address(&self.network.interface, self.network.host(family));
    }

    /// Gives the host its address again.
    pub(crate) fn host_returns(&self, family: Family) {
        host::add_address(&self.network.interface, self.network.host(family));
    }

    /// Lets the node connect.
    pub(crate) fn node_connects(
        &self,
        remote: SocketAddr,
        message: Message<'static>,
    ) -> Result<Tuple, ConnectError> {
        let remote = IpEndpoint::new(remote.ip().into(), remote.port());
        self.ask(move |node, now| node.connect(remote, message, now))
    }

    /// Lets the node ask with datagrams.
    pub(crate) fn node_queries(
        &self,
        remote: SocketAddr,
        query: Query<'static>,
    ) -> Result<Tuple, ConnectError> {
        let remote = IpEndpoint::new(remote.ip().into(), remote.port());
        self.ask(move |node, _| node.query(remote, query))
    }

    /// The counters, and in them everything of which a peer has seen the effect.
    pub(crate) fn stats(&self) -> Stats {
        self.ask(|node, _| *node.stats())
    }

    /// The counters after the last poll, without disturbing the node.
    pub(crate) fn last_stats(&self) -> Stats {
        self.window.lock().stats
    }

    /// Does something with the node between two polls.
    fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut Node<'static>, Instant) -> T + Send + 'static,
    ) -> T {
        let (answer, answered) = mpsc::channel();
        let order: Order = Box::new(move |node, now| {
            let _ = answer.send(question(node, now));
        });
        self.orders.as_ref().and_then(|orders| orders.send(order).ok()).expect("the node runs");
        (&self.bell).write_all(b"!").expect("ring");
        answered.recv_timeout(PATIENCE).expect("the node answers")
    }

    /// Waits until the node has come to this, and gives what was asked for.
    #[track_caller]
    pub(crate) fn until<T>(&self, what: &str, mut is: impl FnMut(&View) -> Option<T>) -> T {
        let give_up = Clock::now() + PATIENCE;
        let mut view = self.window.lock();
        loop {
            if let Some(found) = is(&view) {
                return found;
            }
            assert!(view.running, "the node's thread has ended before: {what}");
            let left = give_up.saturating_duration_since(Clock::now());
            assert!(!left.is_zero(), "not in {PATIENCE:?}: {what}; {view:#?}");
            view = match self.window.changed.wait_timeout(view, left) {
                Ok((view, _)) => view,
                Err(poisoned) => poisoned.into_inner().0,
            };
        }
    }

    /// Waits for the end of the connection whose other end has this address.
    #[track_caller]
    pub(crate) fn until_closed(&self, peer: SocketAddr) -> Closed {
        let peer = IpEndpoint::new(peer.ip().into(), peer.port());
        self.until(&format!("the connection with {peer} is over"), |view| {
            view.closed.iter().find(|closed| closed.tuple.remote == peer).copied()
        })
    }

    /// Waits until all connections are over, and gives the counters.
    #[track_caller]
    pub(crate) fn until_nobody_is_served(&self) -> Stats {
        // A peer may have been served by a poll whose outcome is not to be seen yet.
        self.stats();
        self.until("nobody is served", |view| {
            (view.occupancy.half_open + view.occupancy.open == 0).then_some(view.stats)
        })
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        self.orders = None;
        let _ = self.bell.write_all(b"!");
        let ended = self.thread.take().map(JoinHandle::join);
        if !thread::panicking() {
            assert!(matches!(ended, Some(Ok(()))), "the node's thread has panicked");
        }
    }
}

/// A stuck read or write fails instead of waiting for ever.
pub(crate) fn be_patient(stream: &TcpStream) {
    stream.set_read_timeout(Some(PATIENCE)).expect("read timeout");
    stream.set_write_timeout(Some(PATIENCE)).expect("write timeout");
}

/// A listener of the kernel's, whose accept does not wait for ever.
pub(crate) fn listen(address: IpAddr) -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((address, 0)).expect("listen");
    let patience = TimeVal::seconds(PATIENCE.as_secs().cast_signed());
    setsockopt(&listener, sockopt::ReceiveTimeout, &patience).expect("SO_RCVTIMEO");
    let address = listener.local_addr().expect("address");
    (listener, address)
}

/// The loop of a program that uses the library.
struct Loop {
    node: Node<'static>,
    tap: Tap,
    start: Clock,
    haste: u32,
    inbox: Receiver<Order>,
    ring: UnixStream,
    window: Arc<Window>,
}

impl Loop {
    fn run(mut self) {
        while self.take_orders() {
            self.poll();
            let now = self.now();
            let timeout = self.node.poll_at(now).map(|at| (at - now) / self.haste);
            self.tap.wait(timeout).expect("wait");
        }
    }

    fn now(&self) -> Instant {
        let elapsed = self.start.elapsed() * self.haste;
        Instant::from_micros(i64::try_from(elapsed.as_micros()).expect("short runs"))
    }

    /// False when there will be none any more.
    fn take_orders(&mut self) -> bool {
        while matches!(self.ring.read(&mut [0; 64]), Ok(1..)) {}
        loop {
            match self.inbox.try_recv() {
                Ok(order) => {
                    let now = self.now();
                    order(&mut self.node, now);
                }
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => return false,
            }
        }
    }

    fn poll(&mut self) {
        let (now, mut closed) = (self.now(), Vec::new());
        let (mut changes, mut reports) = (Vec::new(), Vec::new());
        self.node.poll(now, &mut self.tap, |event| match event {
            Event::Closed { tuple, reason: end, received, sent } => {
                closed.push(Closed { tuple, end, received, sent });
            }
            Event::AddressGained { cidr } => changes.push(Change::Gained(cidr)),
            Event::AddressLost { cidr } => changes.push(Change::Lost(cidr)),
            Event::Reported { report, .. } => reports.push(report),
            _ => {}
        });
        let (stats, occupancy) = (*self.node.stats(), self.node.occupancy());
        check(&stats, occupancy);
        let mut view = self.window.lock();
        view.stats = stats;
        view.occupancy = occupancy;
        view.tap = self.tap.counters();
        view.closed.append(&mut closed);
        view.changes.append(&mut changes);
        view.reports.append(&mut reports);
        drop(view);
        self.window.changed.notify_all();
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        self.window.lock().running = false;
        self.window.changed.notify_all();
    }
}

/// What the documentation of [`Stats`] promises at any moment.
fn check(stats: &Stats, occupancy: Occupancy) {
    assert_eq!(stats.frames, stats.delivered + stats.dropped_total(), "{stats:?}");
    let begun = stats.accepted + stats.connected;
    assert_eq!(begun, occupancy.open as u64 + stats.closed(), "{stats:?} {occupancy:?}");
}
