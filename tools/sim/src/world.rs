//! Runs a plan.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::slice;

use smolecho::TcpService;
use smoltcp::time::{Duration, Instant};

use crate::attacker::Attacker;
use crate::cable::{Cable, Impairments, NONE};
use crate::dice::Dice;
use crate::network::mac;
use crate::oracle::Oracle;
use crate::plan::{Action, Attack, FaultKind, Operation, Plan};
use crate::station::{Station, StationMemory};
use crate::trace::Trace;
use crate::verdict::{Failure, Verdict};

/// Events at one instant that count as a livelock.
const LIVELOCK: u32 = 20_000;

/// A cable without faults.
const GOOD: Impairments = Impairments { delay: Duration::from_micros(200), ..NONE };

/// Time after the last fault until every slot must be free: the longest sequence of deadlines, and the lifetime
/// of a wrong neighbor cache entry.
const RECOVERY: Duration = Duration::from_secs(150);

/// Time between two operations after that.
const PAUSE: Duration = Duration::from_secs(1);

/// The result of a run.
pub struct Outcome {
    /// Every frame: its hash, or its bytes too.
    pub trace: Trace,
    /// Virtual time that passed.
    pub lasted: Duration,
    /// TCP operations that finished.
    pub finished: u64,
    /// Datagrams with an answer.
    pub answered: u64,
    /// The rule that was broken, if any.
    pub failure: Option<Failure>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    /// A frame arrives at a station.
    Arrive(usize, Vec<u8>),
    /// A station polls.
    Wake(usize),
    /// An operation of the plan begins.
    Operate(usize),
    /// An operation after the last fault begins.
    Follow(usize),
    /// A fault begins, or ends.
    Edge(usize),
    /// An attacker sends.
    Attack(usize),
    /// Every slot must be free, the first time.
    Healed,
    /// Every slot must be free again.
    End,
}

/// Runs a plan and keeps a hash of its frames; the same plan gives the same hash.
pub fn run(plan: &Plan) -> Outcome {
    traced(plan, Trace::hashing())
}

/// Runs a plan and keeps every frame that was sent.
pub fn record(plan: &Plan) -> Outcome {
    traced(plan, Trace::recording())
}

fn traced(plan: &Plan, trace: Trace) -> Outcome {
    // Memory for each boot: stations borrow it for the whole run.
    let mut memory: Vec<Vec<StationMemory<'_>>> = (0..=plan.clients + plan.guests)
        .map(|number| (0..=plan.reboots(number)).map(|_| StationMemory::of(number, plan)).collect())
        .collect();
    let mut world =
        World::new(plan, memory.iter_mut().map(|memory| memory.iter_mut()).collect(), trace);
    let ended = catch_unwind(AssertUnwindSafe(|| world.run()));
    let (what, details) = match ended {
        Ok(Ok(())) => return world.outcome(None),
        Ok(Err(failure)) => failure,
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).into()));
            ("a panic", text.unwrap_or_default())
        }
    };
    let at = world.now;
    world.outcome(Some(Failure { at, what, details }))
}

type Memories<'a> = slice::IterMut<'a, StationMemory<'a>>;

struct World<'p, 'a> {
    plan: &'p Plan,
    now: Instant,
    stations: Vec<Station<'a>>,
    /// Memory for the next boots, by station.
    memory: Vec<Memories<'a>>,
    boots: Vec<u64>,
    /// The cable to each station.
    cables: Vec<Cable>,
    /// By time, then in the order of scheduling.
    events: BinaryHeap<Reverse<(Instant, u64, Event)>>,
    scheduled: u64,
    /// Time of each station's next poll; a wake event for another time is stale.
    wakes: Vec<Option<Instant>>,
    dice: Dice,
    attacker: Attacker,
    oracle: Oracle,
    trace: Trace,
    at_this_instant: u32,
}

impl<'p, 'a> World<'p, 'a> {
    fn new(plan: &'p Plan, mut memory: Vec<Memories<'a>>, trace: Trace) -> World<'p, 'a> {
        let first = memory.iter_mut().enumerate().map(|(number, memory)| {
            Station::new(number, plan, 0, memory.next().expect("memory for the first boot"))
        });
        let stations: Vec<_> = first.collect();
        let count = stations.len();
        let mut world = World {
            plan,
            now: Instant::ZERO,
            stations,
            memory,
            boots: vec![0; count],
            cables: vec![Cable::new(); count],
            events: BinaryHeap::new(),
            scheduled: 0,
            wakes: vec![None; count],
            dice: Dice::new(plan.seed),
            attacker: Attacker::default(),
            oracle: Oracle::of(plan),
            trace,
            at_this_instant: 0,
        };
        for (n, (at, _)) in plan.operations.iter().enumerate() {
            world.at(*at, Event::Operate(n));
        }
        for (n, fault) in plan.faults.iter().enumerate() {
            world.at(fault.from, Event::Edge(n));
            world.at(fault.from + fault.lasts, Event::Edge(n));
            if matches!(fault.what, FaultKind::Attack(..)) {
                world.at(fault.from, Event::Attack(n));
            }
        }
        world.at(plan.healed_at() + RECOVERY, Event::Healed);
        world
    }

    fn at(&mut self, at: Instant, event: Event) {
        self.scheduled += 1;
        self.events.push(Reverse((at, self.scheduled, event)));
    }

    fn run(&mut self) -> Verdict {
        while let Some(Reverse((at, _, event))) = self.events.pop() {
            self.at_this_instant = if at == self.now { self.at_this_instant + 1 } else { 0 };
            if self.at_this_instant > LIVELOCK {
                return Err(("a livelock", format!("{event:?}")));
            }
            self.now = at;
            match event {
                Event::Arrive(station, frame) => {
                    if station == 0 {
                        let shows = self.stations[0].clock.shows(self.now);
                        self.oracle.arrived(&frame, shows);
                    }
                    self.stations[station].card.push(frame);
                    self.wake(station, self.now);
                }
                Event::Wake(station) if self.wakes[station] == Some(at) => {
                    self.wakes[station] = None;
                    self.poll(station)?;
                }
                Event::Wake(_) => {}
                Event::Operate(n) => self.operate(self.plan.operations[n].1)?,
                Event::Follow(n) => self.operate(self.follow_up(n))?,
                Event::Edge(n) => self.edge(n),
                Event::Attack(n) => self.attack(n),
                Event::Healed => self.healed()?,
                Event::End => return self.over(),
            }
        }
        Err(("nothing happens any more", String::new()))
    }

    fn poll(&mut self, number: usize) -> Verdict {
        let is_up = !self.active().any(|what| what == FaultKind::Cut(number));
        let station = &mut self.stations[number];
        station.card.is_up = is_up;
        station.poll(self.now);
        self.oracle.look(number, station, station.clock.shows(self.now))?;
        for frame in std::mem::take(&mut self.stations[number].card.tx) {
            if number == 0 {
                self.oracle.sent(&frame)?;
            }
            self.send(number, frame);
        }
        if let Some(at) = self.stations[number].due(self.now) {
            self.wake(number, at);
        }
        Ok(())
    }

    /// Wakes a station at this time at the latest, or at the end of its doze.
    fn wake(&mut self, number: usize, at: Instant) {
        let at = match self.doze(number) {
            None => at,
            Some(grid) => {
                let grid = grid.total_micros() as i64;
                Instant::from_micros((at.total_micros() / grid + 1) * grid)
            }
        };
        if self.wakes[number].is_none_or(|before| at < before) {
            self.wakes[number] = Some(at);
            self.at(at, Event::Wake(number));
        }
    }

    fn send(&mut self, from: usize, frame: Vec<u8>) {
        // A forged frame is not corrupted as well: two changes may cancel in a 16-bit checksum (RFC 1071).
        let is_forged = from == self.stations.len();
        if !is_forged {
            self.attacker.hear(&frame);
        }
        let to_all = frame.first().is_some_and(|byte| byte & 1 == 1);
        let mut lost = true;
        for to in 0..self.stations.len() {
            if to == from || !(to_all || frame.get(..6) == Some(&mac(to).0)) {
                continue;
            }
            if self.is_cut(from, to, &frame) {
                continue;
            }
            let mut impairments = self.impairments();
            if is_forged {
                impairments.corrupt = 0;
            }
            let mut copy = frame.clone();
            let arrivals = self.cables[to].carry(&mut copy, self.now, &impairments, &mut self.dice);
            for at in arrivals.into_iter().flatten() {
                lost = false;
                self.at(at, Event::Arrive(to, copy.clone()));
            }
        }
        self.trace.record(self.now, from, lost, &frame);
    }

    /// The faults at this moment.
    fn active(&self) -> impl Iterator<Item = FaultKind> {
        let (now, faults) = (self.now, &self.plan.faults);
        faults.iter().filter(move |it| it.from <= now && now < it.from + it.lasts).map(|it| it.what)
    }

    fn impairments(&self) -> Impairments {
        self.active().fold(GOOD, |sum, what| match what {
            FaultKind::Impair(impairments) => sum.and(impairments),
            _ => sum,
        })
    }

    fn is_cut(&self, from: usize, to: usize, frame: &[u8]) -> bool {
        self.active().any(|what| match what {
            FaultKind::Cut(station) => station == from || station == to,
            FaultKind::Narrow(most) => frame.len() > most,
            FaultKind::Partition(first) => (from < first) != (to < first),
            FaultKind::Blackhole(station) => {
                (station == from || station == to) && is_neighbor_discovery(frame)
            }
            _ => false,
        })
    }

    fn doze(&self, number: usize) -> Option<Duration> {
        self.active().find_map(|what| match what {
            FaultKind::Doze(station, grid) if station == number => Some(grid),
            _ => None,
        })
    }

    fn operate(&mut self, operation: Operation) -> Verdict {
        let client = operation.client;
        let begun = self.stations[client].begin(operation, self.now);
        self.trace.note(u64::from(begun.is_some()));
        match begun {
            Some(tuple) => {
                self.attacker.suspect(tuple);
                let shows = self.stations[client].clock.shows(self.now);
                self.oracle.begin(client, tuple, operation, shows);
            }
            None if self.is_recovered() => {
                return Err(("no room for a dialogue", format!("{operation:?}")));
            }
            None => {}
        }
        self.wake(client, self.now);
        Ok(())
    }

    fn is_recovered(&self) -> bool {
        self.now >= self.plan.healed_at() + RECOVERY
    }

    fn edge(&mut self, n: usize) {
        let fault = self.plan.faults[n];
        let begins = self.now == fault.from;
        match fault.what {
            FaultKind::Reboot(station) if begins => self.reboot(station),
            FaultKind::Leap(station, by) if begins => {
                self.stations[station].clock.leap(self.now, by);
                self.wake(station, self.now);
            }
            FaultKind::Drift(station, millionths) => {
                let millionths = if begins { millionths } else { 0 };
                self.stations[station].clock.set(self.now, millionths);
                self.wake(station, self.now);
            }
            // Polls that were put off are due.
            FaultKind::Doze(station, _) => self.wake(station, self.now),
            _ => {}
        }
    }

    fn reboot(&mut self, number: usize) {
        let Some(memory) = self.memory[number].next() else { return };
        self.boots[number] += 1;
        self.stations[number] = Station::new(number, self.plan, self.boots[number], memory);
        self.oracle.reboot(number);
        self.wake(number, self.now);
    }

    fn attack(&mut self, n: usize) {
        let fault = self.plan.faults[n];
        let FaultKind::Attack(attack, pause) = fault.what else { return };
        // A flood comes in bursts.
        let burst = if attack == Attack::SynFlood { self.dice.within(1..20) } else { 1 };
        for _ in 0..burst {
            if let Some(frame) = self.attacker.frame(attack, &mut self.dice) {
                self.send(self.stations.len(), frame);
            }
        }
        let next = self.now + pause;
        if next < fault.from + fault.lasts {
            self.at(next, Event::Attack(n));
        }
    }

    /// Every slot must be free. Then each client is served again, one operation after the other.
    fn healed(&mut self) -> Verdict {
        self.everything_is_free()?;
        self.oracle.be_strict();
        let follow_ups = 4 * self.plan.clients;
        for n in 0..follow_ups {
            self.at(self.now + PAUSE * n as u32, Event::Follow(n));
        }
        self.at(self.now + PAUSE * follow_ups as u32 + RECOVERY, Event::End);
        Ok(())
    }

    fn follow_up(&self, n: usize) -> Operation {
        let len = if self.plan.flow == TcpService::Once { 14 } else { 3000 };
        let what = if n % 4 < 2 { Action::Talk { len, half_close: false } } else { Action::Ask(3) };
        Operation { client: 1 + n / 4, v6: n % 2 == 1, what }
    }

    fn over(&mut self) -> Verdict {
        self.everything_is_free()
    }

    fn everything_is_free(&self) -> Verdict {
        for (number, station) in self.stations.iter().enumerate() {
            let (free, slots) = (station.stack.free(), station.slots);
            if free != slots {
                return Err(("a slot is not free", format!("station {number}: {free} of {slots}")));
            }
        }
        match self.oracle.pending() {
            0 => Ok(()),
            pending => Err(("an operation has no end", format!("{pending} of them"))),
        }
    }

    fn outcome(self, failure: Option<Failure>) -> Outcome {
        Outcome {
            lasted: self.now - Instant::ZERO,
            finished: self.oracle.finished,
            answered: self.oracle.answered,
            trace: self.trace,
            failure,
        }
    }
}

/// ARP, or a neighbor solicitation or advertisement.
fn is_neighbor_discovery(frame: &[u8]) -> bool {
    match frame.get(12..14) {
        Some([8, 6]) => true,
        Some([0x86, 0xdd]) => {
            frame.get(20) == Some(&58) && matches!(frame.get(54), Some(135 | 136))
        }
        _ => false,
    }
}
