//! A scenario makes a plan from a seed.

use std::num::NonZeroU64;

use smolecho::{TcpService, Timeouts};
use smoltcp::time::{Duration, Instant};

use crate::cable::{Impairments, NONE};
use crate::dice::Dice;
use crate::plan::{Action, Attack, Fault, FaultKind, Habits, Operation, Plan, Slots, Visit};

/// A family of runs.
#[derive(Clone, Copy)]
pub struct Scenario {
    /// Its name on the command line.
    pub name: &'static str,
    /// What happens, in one line.
    pub about: &'static str,
    pub(crate) make: fn(&mut Maker),
}

/// A scenario, in a table of them.
pub(crate) const fn scenario(
    name: &'static str,
    about: &'static str,
    make: fn(&mut Maker),
) -> Scenario {
    Scenario { name, about, make }
}

impl Scenario {
    /// The plan for this seed.
    pub fn plan(&self, seed: u64) -> Plan {
        let mut dice = Dice::new(seed ^ 0x5EED);
        let clients = dice.within(1..5) as usize;
        let slots = if dice.chance(250_000) { Slots::Few } else { Slots::Many };
        let plan = Plan {
            scenario: self.name,
            seed,
            clients,
            guests: 0,
            habits: Habits::USUAL,
            mutation: None,
            slots,
            flow: TcpService::Stream,
            timeouts: TIMEOUTS,
            operations: Vec::new(),
            faults: Vec::new(),
        };
        let mut maker = Maker { dice, plan };
        (self.make)(&mut maker);
        // A scenario with operations of its own needs no others.
        if maker.plan.operations.is_empty() {
            maker.usual_operations();
        }
        maker.plan.operations.sort_by_key(|(at, _)| *at);
        maker.plan
    }
}

/// Short deadlines make short runs.
const TIMEOUTS: Timeouts = Timeouts {
    handshake: Some(Duration::from_secs(5)),
    idle: Some(Duration::from_secs(20)),
    stall: Some(Duration::from_secs(15)),
    persist: Some(Duration::from_secs(60)),
    fin_wait: Some(Duration::from_secs(10)),
    time_wait: Some(Duration::from_secs(10)),
};

/// Microseconds in which operations begin and faults start.
const BUSY: std::ops::Range<u64> = 0..10_000_000;

/// A plan under construction.
pub(crate) struct Maker {
    pub(crate) dice: Dice,
    pub(crate) plan: Plan,
}

impl Maker {
    fn instant(&mut self) -> Instant {
        Instant::from_micros(self.dice.within(BUSY) as i64)
    }

    pub(crate) fn millis(&mut self, range: std::ops::Range<u64>) -> Duration {
        Duration::from_millis(self.dice.within(range))
    }

    pub(crate) fn client(&mut self) -> usize {
        self.dice.within(1..self.plan.clients as u64 + 1) as usize
    }

    pub(crate) fn station(&mut self) -> usize {
        self.dice.within(0..self.plan.clients as u64 + 1) as usize
    }

    /// A TCP exchange: of 14 bytes in half of the cases, sometimes long.
    pub(crate) fn talk(&mut self) {
        let (at, client) = (self.instant(), self.client());
        let len = match self.dice.within(0..10) {
            0..5 => 14,
            5..8 => self.dice.within(0..3000),
            _ => self.dice.within(3000..60_000),
        };
        let (v6, half_close) = (self.dice.chance(500_000), self.dice.chance(500_000));
        let what = Action::Talk { len, half_close };
        self.plan.operations.push((at, Operation { client, v6, what }));
    }

    fn ask(&mut self) {
        let (at, client) = (self.instant(), self.client());
        let (v6, count) = (self.dice.chance(500_000), self.dice.within(1..20) as u32);
        self.plan.operations.push((at, Operation { client, v6, what: Action::Ask(count) }));
    }

    /// Adds guests, and gives the server slots for them.
    pub(crate) fn invite(&mut self, guests: usize) {
        self.plan.guests = guests;
        self.plan.slots = Slots::Many;
    }

    /// A visit of some guest at this time.
    pub(crate) fn visit(&mut self, at: Duration, v6: bool, visit: Visit) {
        let client = self.plan.clients + self.dice.within(1..self.plan.guests as u64 + 1) as usize;
        let operation = Operation { client, v6, what: Action::Visit(visit) };
        self.plan.operations.push((Instant::ZERO + at, operation));
    }

    /// A TCP exchange of 14 bytes at this time.
    pub(crate) fn say_hello(&mut self, at: Duration) {
        let (client, v6) = (self.client(), self.dice.chance(500_000));
        let what = Action::Talk { len: 14, half_close: false };
        self.plan.operations.push((Instant::ZERO + at, Operation { client, v6, what }));
    }

    pub(crate) fn usual_operations(&mut self) {
        for _ in 0..self.dice.within(3..12) {
            self.talk();
        }
        for _ in 0..self.dice.within(0..4) {
            self.ask();
        }
    }

    /// The usual operations, and a guest that sends each piece after the echo of the last.
    pub(crate) fn play_ping_pong(&mut self) {
        self.plan.guests = 1;
        self.usual_operations();
        for _ in 0..self.dice.within(1..4) {
            let piece = self.dice.within(1..1500);
            let len = piece * self.dice.within(2..20);
            let (at, v6) = (self.millis(0..10_000), self.dice.chance(500_000));
            self.visit(at, v6, Visit { len, piece: NonZeroU64::new(piece), ..Visit::default() });
        }
    }

    /// A fault for the whole time.
    pub(crate) fn always(&mut self, what: FaultKind) {
        let lasts = Duration::from_micros(BUSY.end);
        self.plan.faults.push(Fault { from: Instant::ZERO, lasts, what });
    }

    /// A fault, 1 to `times` times, for `lasts` milliseconds each.
    pub(crate) fn sometimes(
        &mut self,
        times: u64,
        lasts: std::ops::Range<u64>,
        what: fn(&mut Maker) -> FaultKind,
    ) {
        for _ in 0..self.dice.within(1..times + 1) {
            let (from, lasts, what) = (self.instant(), self.millis(lasts.clone()), what(self));
            self.plan.faults.push(Fault { from, lasts, what });
        }
    }

    pub(crate) fn impair(&mut self, make: impl FnOnce(&mut Dice) -> Impairments) {
        let impairments = make(&mut self.dice);
        self.always(FaultKind::Impair(impairments));
    }

    /// A delay, so that connections last long enough to be attacked.
    pub(crate) fn slow_down(&mut self) {
        self.impair(|dice| Impairments {
            delay: Duration::from_millis(dice.within(5..150)),
            ..NONE
        });
    }

    pub(crate) fn attack(&mut self, attack: Attack, interval_in_micros: std::ops::Range<u64>) {
        let pause = Duration::from_micros(self.dice.within(interval_in_micros));
        self.always(FaultKind::Attack(attack, pause));
    }
}
