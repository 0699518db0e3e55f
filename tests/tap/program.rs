//! The thread of the node: the loop of a program that uses the library, and a view of its state.

use std::{
    io::{Read, Write},
    net::SocketAddr,
    os::unix::net::UnixStream,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        mpsc::{self, Receiver, Sender, TryRecvError},
    },
    thread::{self, JoinHandle},
    time::Instant as Clock,
};

use smolecho::{
    CloseReason, Event, Node, Report, Stats, Tuple,
    node::Occupancy,
    phy::tap::{Counters, Tap},
    smoltcp::{
        time::Instant,
        wire::{IpCidr, IpEndpoint},
    },
};

use crate::{rig::ours::check_sums, sockets::PATIENCE};

/// A connection that has ended, or a failed attempt at one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Closed {
    pub(crate) tuple: Tuple,
    pub(crate) end: CloseReason,
    pub(crate) received: u64,
    pub(crate) sent: u64,
}

/// A change of the node's addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Gained(IpCidr),
    Lost(IpCidr),
    Conflict(IpCidr),
}

/// The node's state after its last poll.
#[derive(Debug)]
pub(crate) struct View {
    pub(crate) stats: Stats,
    pub(crate) occupancy: Occupancy,
    pub(crate) tap: Counters,
    /// In the order of their ends.
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

/// A call of the node between two polls.
type Order = Box<dyn FnOnce(&mut Node<'static>, Instant) + Send>;

/// A running node. It stops when this is dropped.
pub(crate) struct Program {
    window: Arc<Window>,
    orders: Option<Sender<Order>>,
    bell: UnixStream,
    thread: Option<JoinHandle<()>>,
}

impl Program {
    /// Runs the node in a thread; its clock is `haste` times as fast as the kernel's.
    pub(crate) fn start(node: Node<'static>, mut tap: Tap, haste: u32) -> Program {
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
            move || Loop { node, tap, start: Clock::now(), haste, inbox, ring, window }.run()
        });
        Program { window, orders: Some(orders), bell, thread: Some(thread) }
    }

    /// The counters now: all that a peer has seen the effect of is in them.
    pub(crate) fn stats(&self) -> Stats {
        self.ask(|node, _| *node.stats())
    }

    /// The counters after the last poll, without disturbing the node.
    pub(crate) fn last_stats(&self) -> Stats {
        self.window.lock().stats
    }

    /// Calls the node between two polls.
    pub(crate) fn ask<T: Send + 'static>(
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

    /// Waits until `is` finds what it looks for; `what` is for the message of a failure.
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

    /// Waits for the end of the connection with this peer.
    #[track_caller]
    pub(crate) fn until_closed(&self, peer: SocketAddr) -> Closed {
        let peer = IpEndpoint::new(peer.ip().into(), peer.port());
        self.until(&format!("the connection with {peer} is over"), |view| {
            view.closed.iter().find(|closed| closed.tuple.remote == peer).copied()
        })
    }

    /// Waits until all connections have ended, and returns the counters.
    #[track_caller]
    pub(crate) fn until_nobody_is_served(&self) -> Stats {
        // The poll that served the last peer may not be in the view yet.
        self.stats();
        self.until("nobody is served", |view| {
            (view.occupancy.half_open + view.occupancy.open == 0).then_some(view.stats)
        })
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.orders = None;
        let _ = self.bell.write_all(b"!");
        let ended = self.thread.take().map(JoinHandle::join);
        if !thread::panicking() {
            assert!(matches!(ended, Some(Ok(()))), "the node's thread has panicked");
        }
    }
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

    /// Returns false once the [`Program`] is dropped.
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
        let (now, mut view) = (self.now(), self.window.lock());
        self.node.poll(now, &mut self.tap, |event| match event {
            Event::Closed { tuple, reason: end, received, sent } => {
                view.closed.push(Closed { tuple, end, received, sent });
            }
            Event::AddressGained { cidr } => view.changes.push(Change::Gained(cidr)),
            Event::AddressLost { cidr } => view.changes.push(Change::Lost(cidr)),
            Event::AddressConflict { cidr, .. } => view.changes.push(Change::Conflict(cidr)),
            Event::Reported { report, .. } => view.reports.push(report),
            _ => {}
        });
        (view.stats, view.occupancy) = (*self.node.stats(), self.node.occupancy());
        view.tap = self.tap.counters();
        check_sums(&view.stats, view.occupancy);
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
