//! The bridge over an `embassy-net-driver` driver that delays frames, has no room and loses its link; in a
//! polled loop and in an executor, in virtual time.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use crate::rig::chip::Chip;
use crate::rig::host::Host;
use crate::rig::talk::{Close, Talk};
use crate::rig::{Family, PORT, Port, Station, memory, ms, s};
use smolecho::phy::embassy::embassy_net_driver::{Checksum as Left, HardwareAddress};
use smolecho::phy::embassy::{Bridge, NotEthernet};
use smolecho::phy::{Device, LinkState, WakeDevice};
use smolecho::smoltcp::phy::Checksum;
use smolecho::smoltcp::time::{Duration, Instant};
use smolecho::smoltcp::wire::IpCidr;
use smolecho::{Config, Event, Listener, Node};

/// Of a frame, one way.
const LATENCY: Duration = ms(3);

/// A test that takes longer fails.
const LIMIT: Duration = s(3600);

/// A waker that records its call.
#[derive(Default)]
struct Flag(AtomicBool);

impl Flag {
    fn take(&self) -> bool {
        self.0.swap(false, Ordering::SeqCst)
    }

    fn is_set(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Virtual time, and the next timer with its waker.
#[derive(Default)]
struct Clock {
    micros: Cell<i64>,
    alarm: RefCell<Option<(Instant, Waker)>>,
}

impl Clock {
    fn now(&self) -> Instant {
        Instant::from_micros(self.micros.get())
    }

    async fn until(&self, due: Option<Instant>) {
        poll_fn(|context| match due {
            Some(due) if due <= self.now() => Poll::Ready(()),
            _ => {
                *self.alarm.borrow_mut() = due.map(|due| (due, context.waker().clone()));
                Poll::Pending
            }
        })
        .await;
    }

    fn alarm(&self) -> Option<Instant> {
        self.alarm.borrow().as_ref().map(|(at, _)| *at)
    }

    fn set(&self, to: Instant) {
        self.micros.set(to.total_micros());
        if let Some((_, waker)) = self.alarm.borrow_mut().take_if(|(at, _)| *at <= to) {
            waker.wake();
        }
    }
}

/// The next entry of a queue that is due.
fn due<T>(queue: &mut VecDeque<(Instant, T)>, now: Instant) -> Option<T> {
    let is_due = queue.front().is_some_and(|(at, _)| *at <= now);
    if is_due { queue.pop_front().map(|(_, what)| what) } else { None }
}

/// A chip, a host at the far end of its wire, and virtual time.
struct Stage {
    clock: Rc<Clock>,
    chip: Chip,
    host: Host,
    port: Port,
    /// Frames under way to the chip, and to the host.
    to_chip: VecDeque<(Instant, Vec<u8>)>,
    to_host: VecDeque<(Instant, Vec<u8>)>,
    /// The chip's time between two frames; it sends none before `stuck_until`.
    pace: Duration,
    stuck_until: Instant,
    /// Changes of the link: the instant, and whether it is up.
    flaps: VecDeque<(Instant, bool)>,
}

impl Stage {
    fn new() -> Self {
        Stage {
            clock: Rc::default(),
            chip: Chip::new(),
            host: Host::new(Family::V4),
            port: Port::default(),
            to_chip: VecDeque::new(),
            to_host: VecDeque::new(),
            pace: Duration::ZERO,
            stuck_until: Instant::ZERO,
            flaps: VecDeque::new(),
        }
    }

    fn now(&self) -> Instant {
        self.clock.now()
    }

    /// A caller that sends `bytes` bytes.
    fn talk(&mut self, bytes: u64) -> Talk {
        Talk::new(self.host.caller(), 11, bytes, Close::Late)
    }

    /// Carries frames and advances time until `done`. `act` is the node's turn; it returns the instant of
    /// its next one.
    #[track_caller]
    fn play(
        &mut self,
        mut act: impl FnMut(Instant) -> Option<Instant>,
        mut done: impl FnMut(&mut Stage) -> bool,
    ) {
        let mut turns_at_one_instant = 0;
        loop {
            let now = self.now();
            while let Some(is_up) = due(&mut self.flaps, now) {
                self.chip.set_link(is_up);
            }
            while let Some(frame) = due(&mut self.to_chip, now) {
                self.chip.inject(frame);
            }
            let wanted = act(now);
            while self.stuck_until <= now
                && let Some(frame) = self.chip.capture()
            {
                self.to_host.push_back((now + LATENCY, frame));
                self.stuck_until = now + self.pace;
            }
            while let Some(frame) = due(&mut self.to_host, now) {
                self.port.inbox.push_back(frame);
            }
            self.host.poll(now, &mut self.port);
            while let Some(frame) = self.port.outbox.pop_front() {
                self.to_chip.push_back((now + LATENCY, frame));
            }
            if done(self) {
                return;
            }
            let is_sending = !self.chip.state().outbox.is_empty();
            let next = [
                wanted,
                is_sending.then_some(self.stuck_until),
                self.to_chip.front().map(|(at, _)| *at),
                self.to_host.front().map(|(at, _)| *at),
                self.flaps.front().map(|(at, _)| *at),
                self.host.poll_at(now),
            ];
            let next = next.into_iter().flatten().min().expect("a next event").max(now);
            turns_at_one_instant = if next > now { 0 } else { turns_at_one_instant + 1 };
            assert!(turns_at_one_instant < 1000, "livelock at {now}");
            assert!(next <= Instant::ZERO + LIMIT, "not within {LIMIT}");
            self.clock.set(next);
        }
    }

    /// Plays with a node in a polled loop.
    #[track_caller]
    fn poll(&mut self, done: impl FnMut(&mut Stage) -> bool) {
        let mut bridge = Bridge::new(self.chip.clone()).unwrap();
        let mut node = node(&mut bridge);
        let act = |now| {
            node.poll(now, &mut bridge, |_| {});
            node.poll_at(now)
        };
        self.play(act, done);
    }

    /// Plays with a node in a task that is polled only when woken.
    #[track_caller]
    fn execute(&mut self, done: impl FnMut(&mut Stage) -> bool) -> Task {
        let mut bridge = Bridge::new(self.chip.clone()).unwrap();
        let mut node = node(&mut bridge);
        let clock = Rc::clone(&self.clock);
        let links = RefCell::new(Vec::new());
        let on_event = |event: Event<'_>| match event {
            Event::LinkUp => links.borrow_mut().push((clock.now(), LinkState::Up)),
            Event::LinkDown => links.borrow_mut().push((clock.now(), LinkState::Down)),
            _ => {}
        };
        let timer = async |due| clock.until(due).await;
        let mut task = pin!(smolecho::run(&mut node, &mut bridge, || clock.now(), timer, on_event));
        let flag = Arc::new(Flag(true.into()));
        let waker = Waker::from(Arc::clone(&flag));
        let mut polls = 0;
        let act = |now| {
            if flag.take() {
                polls += 1;
                assert!(task.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
            }
            if flag.is_set() { Some(now) } else { clock.alarm() }
        };
        self.play(act, done);
        Task { polls, links: links.take() }
    }
}

/// The polls of a task and its link events.
struct Task {
    polls: usize,
    links: Vec<(Instant, LinkState)>,
}

fn node(bridge: &mut Bridge<Chip>) -> Node<'static> {
    let config = Config::new(bridge.hardware_address(), 7);
    let config = config.address(IpCidr::new(Family::V4.node(), 16)).unwrap();
    let memory = memory(4, 2048, 2048, 256);
    let mut node = Node::new(&config, memory, bridge, Instant::ZERO).unwrap();
    node.listen(Listener::new(PORT, 4)).unwrap();
    node
}

/// Many windows.
const BYTES: u64 = 40_000;

#[test]
fn a_polled_loop_echoes_over_a_driver_that_delays() {
    let mut stage = Stage::new();
    let mut talk = stage.talk(BYTES);
    stage.poll(|stage| talk.pump(&mut stage.host));
}

#[test]
fn an_executor_echoes_over_a_driver_that_delays() {
    let mut stage = Stage::new();
    let mut talk = stage.talk(BYTES);
    stage.execute(|stage| talk.pump(&mut stage.host));
}

#[test]
fn a_driver_with_room_for_one_frame_is_enough() {
    let slow = || {
        let mut stage = Stage::new();
        stage.chip.state().room = 1;
        stage.pace = ms(2);
        stage
    };
    let mut stage = slow();
    let mut talk = stage.talk(BYTES);
    stage.poll(|stage| talk.pump(&mut stage.host));

    let mut stage = slow();
    let mut talk = stage.talk(BYTES);
    stage.execute(|stage| talk.pump(&mut stage.host));
    assert!(stage.chip.state().refusals > 0, "never without room");
}

#[test]
fn an_idle_node_sleeps() {
    let mut stage = Stage::new();
    let end = Instant::ZERO + LIMIT;
    stage.flaps.push_back((end, false));
    let task = stage.execute(|stage| stage.now() == end);
    assert!(task.polls <= 2, "{} polls in an idle hour", task.polls);
}

#[test]
fn a_node_without_room_sleeps_and_goes_on_when_there_is_some() {
    let mut stage = Stage::new();
    stage.chip.state().room = 2;
    let mut talk = stage.talk(BYTES);
    let mut is_stuck = false;
    stage.execute(|stage| {
        // The chip stops sending for 5 s: a node that asked again at once would be a busy loop.
        if !is_stuck && talk.back > BYTES / 4 {
            is_stuck = true;
            stage.stuck_until = stage.now() + s(5);
        }
        talk.pump(&mut stage.host)
    });
    assert!(is_stuck);
}

#[test]
fn a_link_that_flaps_is_told_and_survived() {
    let mut stage = Stage::new();
    stage.pace = ms(1);
    let (down, up) = (Instant::ZERO + ms(50), Instant::ZERO + s(5));
    stage.flaps.extend([(down, false), (up, true)]);
    let mut talk = stage.talk(BYTES);
    let task = stage.execute(|stage| talk.pump(&mut stage.host));
    assert_eq!(
        task.links,
        [(Instant::ZERO, LinkState::Up), (down, LinkState::Down), (up, LinkState::Up)]
    );
    assert!(stage.chip.state().lost > 0, "no frame was sent while the link was down");
}

/// An interrupt between the poll and the sleep.
#[test]
fn a_frame_between_the_poll_and_the_sleep_wakes() {
    let chip = Chip::new();
    let mut bridge = Bridge::new(chip.clone()).unwrap();
    let mut node = node(&mut bridge);
    let timer = async |_| {
        chip.inject(vec![0; 60]);
        std::future::pending().await
    };
    let mut task = pin!(smolecho::run(&mut node, &mut bridge, || Instant::ZERO, timer, |_| {}));
    let flag = Arc::new(Flag::default());
    let waker = Waker::from(Arc::clone(&flag));
    let mut context = Context::from_waker(&waker);
    for _ in 0..3 {
        assert!(task.as_mut().poll(&mut context).is_pending());
        assert!(flag.take(), "{} frames wait and no waker is called", chip.state().inbox.len());
    }
}

#[test]
fn a_busy_node_leaves_others_their_turn() {
    let chip = Chip::new();
    chip.state().inbox.extend((0..10_000).map(|_| vec![0; 60]));
    let mut bridge = Bridge::new(chip.clone()).unwrap();
    let mut node = node(&mut bridge);
    let timer = async |_| std::future::pending().await;
    let mut task = pin!(smolecho::run(&mut node, &mut bridge, || Instant::ZERO, timer, |_| {}));
    let flag = Arc::new(Flag::default());
    let waker = Waker::from(Arc::clone(&flag));
    assert!(task.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    assert!(chip.state().inbox.len() > 9_000, "more than one poll's budget was handled");
    assert!(flag.take(), "woken for the rest");
}

#[test]
fn a_loop_of_ones_own_is_woken_by_a_frame_by_room_and_by_the_link() {
    let chip = Chip::new();
    let mut bridge = Bridge::new(chip.clone()).unwrap();
    let flag = Arc::new(Flag::default());
    let waker = Waker::from(Arc::clone(&flag));

    assert_eq!(bridge.register_waker(&waker), LinkState::Up);
    assert!(bridge.receive(Instant::ZERO).is_none());
    assert!(chip.inject(vec![0; 60]));
    assert!(flag.take(), "by a frame");

    chip.state().outbox.push_back(vec![0; 60]);
    chip.state().room = 1;
    assert!(bridge.transmit(Instant::ZERO).is_none());
    assert!(chip.capture().is_some());
    assert!(flag.take(), "by room");

    chip.set_link(false);
    assert!(flag.take(), "by the link");
    assert_eq!(bridge.register_waker(&waker), LinkState::Down);
}

#[test]
fn capabilities_are_the_drivers() {
    let chip = Chip::new();
    let all = [Left::Both, Left::Rx, Left::Tx, Left::None];
    for (i, left) in all.into_iter().enumerate() {
        let mut state = chip.state();
        let theirs = &mut state.capabilities;
        theirs.max_transmission_unit = 1400 + i;
        theirs.max_burst_size = (i > 0).then_some(i);
        theirs.checksum.ipv4 = left;
        theirs.checksum.udp = all[(i + 1) % 4];
        theirs.checksum.tcp = all[(i + 2) % 4];
        theirs.checksum.icmpv4 = all[(i + 3) % 4];
        theirs.checksum.icmpv6 = left;
        drop(state);

        let ours = Bridge::new(chip.clone()).unwrap().capabilities();
        assert_eq!(ours.max_transmission_unit, 1400 + i);
        assert_eq!(ours.max_burst_size, (i > 0).then_some(i));
        let checksum = ours.checksum;
        assert_eq!([&checksum.ipv4, &checksum.icmpv6].map(sums), [SUMS[i]; 2]);
        let others = [&checksum.udp, &checksum.tcp, &checksum.icmpv4].map(sums);
        assert_eq!(others, [1, 2, 3].map(|more| SUMS[(i + more) % 4]));
    }
}

/// Whether the stack verifies and fills in checksums: with Both, Rx, Tx, None.
const SUMS: [(bool, bool); 4] = [(true, true), (true, false), (false, true), (false, false)];

fn sums(checksum: &Checksum) -> (bool, bool) {
    (checksum.rx(), checksum.tx())
}

#[test]
fn what_carries_no_ethernet_frames_is_refused() {
    let chip = Chip::new();
    chip.state().address = HardwareAddress::Ip;
    assert_eq!(Bridge::new(chip).err(), Some(NotEthernet));
}
