//! Two stations, a cable between them, and virtual time.

use std::collections::VecDeque;

use smolecho::phy::cable::{Cable, End as CableEnd};
use smolecho::phy::{Device, RxToken, TxToken};
use smolecho::smoltcp::time::{Duration, Instant};
use smolecho::smoltcp::wire::IpEndpoint;
use smolecho::{Message, Stats, Tuple};

use super::frames::{Frame, Way};
use super::host::Host;
use super::ours::{check_sums, log};
use super::{Ours, Port, ms, s};

/// A run with more turns at one instant, or more turns in total, is a livelock.
const TURNS_AT_ONE_INSTANT: u32 = 2_000;
const TURNS: u32 = 4_000_000;

/// Frames of the cable, each way.
const CABLE: usize = 64;

/// One end of the cable.
pub trait Station {
    fn poll(&mut self, now: Instant, device: &mut impl Device);
    fn poll_at(&mut self, now: Instant) -> Option<Instant>;
}

/// An end of the cable that drops all frames.
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

/// The cable's treatment of one frame.
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
    /// Of a frame, one way.
    pub latency: Duration,
    pub fate: Box<dyn FnMut(&Frame) -> Fate>,
    /// Every frame that left either end, lost ones included.
    pub trace: Vec<Frame>,
    slots: usize,
    end: CableEnd<'static, CABLE>,
    far_end: CableEnd<'static, CABLE>,
    port: Port,
    on_the_way: VecDeque<Frame>,
    turns_at_this_instant: u32,
    /// Turns since the beginning.
    pub turns: u64,
}

impl<F: Station> World<F> {
    /// Both stations on a new cable; `ours` makes the node on its end.
    pub fn new(
        slots: usize,
        far: F,
        ours: impl FnOnce(&mut CableEnd<'static, CABLE>) -> Ours,
    ) -> Self {
        let cable: &'static Cable<CABLE> = Box::leak(Box::default());
        let (mut end, far_end) = cable.ends();
        World {
            now: Instant::ZERO,
            ours: ours(&mut end),
            far,
            slots,
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

    /// Both ends act once at this instant, and their frames go on the cable.
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
        self.check_sums();
    }

    #[track_caller]
    fn check_sums(&self) {
        let pool = self.ours.node.occupancy();
        check_sums(self.stats(), pool);
        let all = pool.free + pool.half_open + pool.open + pool.closing;
        assert_eq!(all, self.slots, "slots: {pool:?}");
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

    /// Runs until `done` returns true; `done` may act on both ends. Fails after `limit`, or as soon as no
    /// frame and no timer is left that could change anything.
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

    /// Lets this much time pass.
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

    /// The node's process is stopped for this long: frames arrive, and nothing is polled.
    pub fn stop_for(&mut self, time: Duration) {
        self.now += time;
        self.arrive();
    }

    /// Polls the node with a device that delivers one frame a poll, until it has none left.
    pub fn poll_one_by_one(&mut self) {
        while let Some((rx, _)) = self.end.receive(self.now) {
            let mut port = Port::default();
            rx.consume(|frame| port.inbox.push_back(frame.to_vec()));
            self.ours.poll(self.now, &mut port);
            for bytes in port.outbox {
                self.send(Way::FromNode, bytes);
            }
        }
    }

    /// Puts a frame on the cable, on its way to the node.
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

    /// From now on the cable loses all frames, in both directions.
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

    /// The end of a test: after the longest deadline without traffic every slot is free and every
    /// connection is closed.
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
