//! The scenarios: each makes a plan from a seed.

use smolecho::Timeouts;
use smoltcp::time::{Duration, Instant};

use crate::cable::Impairments;
use crate::dice::Dice;
use crate::plan::{Attack, Deed, Fault, Operation, Plan, Server, Slots, What};

/// A family of runs.
#[derive(Clone, Copy)]
pub struct Scenario {
    /// What it is called on the command line.
    pub name: &'static str,
    /// What happens in it.
    pub about: &'static str,
    faults: fn(&mut Maker),
}

impl Scenario {
    /// The run of this seed.
    pub fn plan(&self, seed: u64) -> Plan {
        let mut dice = Dice::new(seed ^ 0x5EED);
        let clients = dice.within(1..5) as usize;
        let slots = if dice.chance(250_000) { Slots::Few } else { Slots::Many };
        let mut maker = Maker { dice, clients, faults: Vec::new(), operations: Vec::new(), slots };
        (self.faults)(&mut maker);
        maker.usual_operations();
        let Maker { faults, mut operations, slots, .. } = maker;
        operations.sort_by_key(|(at, _)| *at);
        Plan {
            scenario: self.name,
            seed,
            clients,
            server: Server::Ours,
            slots,
            timeouts: TIMEOUTS,
            operations,
            faults,
        }
    }
}

/// Short, so that a run is.
const TIMEOUTS: Timeouts = Timeouts {
    handshake: Some(Duration::from_secs(5)),
    idle: Some(Duration::from_secs(20)),
    stall: Some(Duration::from_secs(15)),
    fin_wait: Some(Duration::from_secs(10)),
    time_wait: Some(Duration::from_secs(10)),
};

/// In what time operations begin and faults are.
const BUSY: std::ops::Range<u64> = 0..10_000_000;

struct Maker {
    dice: Dice,
    clients: usize,
    faults: Vec<Fault>,
    operations: Vec<(Instant, Operation)>,
    slots: Slots,
}

impl Maker {
    fn instant(&mut self) -> Instant {
        Instant::from_micros(self.dice.within(BUSY) as i64)
    }

    fn millis(&mut self, range: std::ops::Range<u64>) -> Duration {
        Duration::from_millis(self.dice.within(range))
    }

    fn client(&mut self) -> usize {
        self.dice.within(1..self.clients as u64 + 1) as usize
    }

    fn station(&mut self) -> usize {
        self.dice.within(0..self.clients as u64 + 1) as usize
    }

    /// A dialogue, as often as not the lecture's; sometimes a long one.
    fn talk(&mut self) {
        let (at, client) = (self.instant(), self.client());
        let len = match self.dice.within(0..10) {
            0..5 => 14,
            5..8 => self.dice.within(0..3000),
            _ => self.dice.within(3000..60_000),
        };
        let (v6, half_close) = (self.dice.chance(500_000), self.dice.chance(500_000));
        let what = Deed::Talk { len, half_close };
        self.operations.push((at, Operation { client, v6, what }));
    }

    fn ask(&mut self) {
        let (at, client) = (self.instant(), self.client());
        let (v6, count) = (self.dice.chance(500_000), self.dice.within(1..20) as u32);
        self.operations.push((at, Operation { client, v6, what: Deed::Ask(count) }));
    }

    fn usual_operations(&mut self) {
        for _ in 0..self.dice.within(3..12) {
            self.talk();
        }
        for _ in 0..self.dice.within(0..4) {
            self.ask();
        }
    }

    /// For the whole time.
    fn always(&mut self, what: What) {
        let lasts = Duration::from_micros(BUSY.end);
        self.faults.push(Fault { from: Instant::ZERO, lasts, what });
    }

    /// A few times, for so long.
    fn sometimes(&mut self, times: u64, lasts: std::ops::Range<u64>, what: fn(&mut Maker) -> What) {
        for _ in 0..self.dice.within(1..times + 1) {
            let (from, lasts, what) = (self.instant(), self.millis(lasts.clone()), what(self));
            self.faults.push(Fault { from, lasts, what });
        }
    }

    fn impair(&mut self, make: impl FnOnce(&mut Dice) -> Impairments) {
        let impairments = make(&mut self.dice);
        self.always(What::Impair(impairments));
    }

    /// So that connections last long enough to be attacked.
    fn slow_down(&mut self) {
        self.impair(|dice| Impairments {
            delay: Duration::from_millis(dice.within(5..150)),
            ..NONE
        });
    }

    fn attack(&mut self, attack: Attack, pause_in_micros: std::ops::Range<u64>) {
        let pause = Duration::from_micros(self.dice.within(pause_in_micros));
        self.always(What::Attack(attack, pause));
    }
}

const NONE: Impairments = Impairments {
    loss: 0,
    corrupt: 0,
    duplicate: 0,
    reorder: 0,
    delay: Duration::ZERO,
    jitter: Duration::ZERO,
    rate: None,
};

/// All of them.
pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "calm",
        about: "nothing goes wrong",
        faults: |maker| maker.slots = Slots::Many,
    },
    Scenario {
        name: "loss",
        about: "frames are lost, up to a third of them",
        faults: |maker| {
            maker.impair(|dice| Impairments { loss: dice.within(0..330_000) as u32, ..NONE })
        },
    },
    Scenario {
        name: "gusts",
        about: "for moments nearly everything is lost",
        faults: |maker| {
            maker.sometimes(8, 10..800, |_| What::Impair(Impairments { loss: 950_000, ..NONE }));
        },
    },
    Scenario {
        name: "corruption",
        about: "bits flip",
        faults: |maker| {
            maker.impair(|dice| Impairments { corrupt: dice.within(0..200_000) as u32, ..NONE });
        },
    },
    Scenario {
        name: "duplicates",
        about: "frames come twice",
        faults: |maker| {
            maker.impair(|dice| Impairments { duplicate: dice.within(0..500_000) as u32, ..NONE });
        },
    },
    Scenario {
        name: "disorder",
        about: "frames overtake each other",
        faults: |maker| {
            maker.impair(|dice| Impairments { reorder: dice.within(0..400_000) as u32, ..NONE });
        },
    },
    Scenario {
        name: "far",
        about: "a long way with a delay that changes",
        faults: |maker| {
            maker.impair(|dice| Impairments {
                delay: Duration::from_millis(dice.within(1..300)),
                jitter: Duration::from_millis(dice.within(0..100)),
                ..NONE
            });
        },
    },
    Scenario {
        name: "narrow",
        about: "a slow cable with a queue that overflows",
        faults: |maker| {
            maker.impair(|dice| Impairments { rate: Some(dice.within(5_000..500_000)), ..NONE });
        },
    },
    Scenario {
        name: "flapping",
        about: "cables are pulled out and put in",
        faults: |maker| maker.sometimes(10, 1..3000, |maker| What::Cut(maker.station())),
    },
    Scenario {
        name: "partition",
        about: "some do not hear the others",
        faults: |maker| {
            maker.sometimes(3, 100..8000, |maker| {
                What::Partition(maker.dice.within(1..maker.clients as u64 + 1) as usize)
            });
        },
    },
    Scenario {
        name: "blackhole",
        about: "nobody answers for a hardware address",
        faults: |maker| maker.sometimes(4, 100..8000, |maker| What::Blackhole(maker.station())),
    },
    Scenario {
        name: "dozing",
        about: "a station polls seldom",
        faults: |maker| {
            maker.sometimes(4, 100..9000, |maker| {
                let (station, grid) = (maker.station(), maker.millis(1..1500));
                What::Doze(station, grid)
            });
        },
    },
    Scenario {
        name: "clocks",
        about: "clocks run wrong, and leap",
        faults: |maker| {
            maker.sometimes(3, 100..9000, |maker| {
                let (station, by) = (maker.station(), maker.dice.within(0..400_000) as i32);
                What::Drift(station, by - 200_000)
            });
            maker.sometimes(3, 1..2, |maker| {
                let (station, by) = (maker.station(), maker.millis(1..40_000));
                What::Leap(station, by)
            });
        },
    },
    Scenario {
        name: "crowd",
        about: "more callers than places",
        faults: |maker| {
            maker.slots = Slots::Few;
            // A fault that does nothing: who is turned away has not ended well.
            maker.always(What::Impair(NONE));
            for _ in 0..maker.dice.within(20..60) {
                maker.talk();
            }
        },
    },
    Scenario {
        name: "flood",
        about: "SYNs from nobody (P3)",
        faults: |maker| maker.attack(Attack::SynFlood, 2_000..50_000),
    },
    Scenario {
        name: "replay",
        about: "frames that were seen come again (P2)",
        faults: |maker| {
            maker.slow_down();
            maker.attack(Attack::Replay, 1_000..50_000);
        },
    },
    Scenario {
        name: "blind",
        about: "segments with guessed numbers (P1, P7, P8, P14)",
        faults: |maker| {
            maker.slow_down();
            maker.attack(Attack::Blind, 1_000..50_000);
        },
    },
    Scenario {
        name: "spoofed",
        about: "datagrams from nobody (P4)",
        faults: |maker| maker.attack(Attack::SpoofedDatagrams, 1_000..50_000),
    },
    Scenario {
        name: "fragments",
        about: "pieces of datagrams",
        faults: |maker| maker.attack(Attack::Fragments, 1_000..50_000),
    },
    Scenario {
        name: "garbage",
        about: "noise, and frames with bytes changed",
        faults: |maker| maker.attack(Attack::Garbage, 1_000..50_000),
    },
    Scenario {
        name: "impossible",
        about: "sources that cannot be, and groups (P9)",
        faults: |maker| maker.attack(Attack::Impossible, 1_000..50_000),
    },
    Scenario {
        name: "everything",
        about: "all of it at once",
        faults: |maker| {
            maker.impair(|dice| Impairments {
                loss: dice.within(0..100_000) as u32,
                corrupt: dice.within(0..50_000) as u32,
                duplicate: dice.within(0..100_000) as u32,
                reorder: dice.within(0..100_000) as u32,
                jitter: Duration::from_millis(dice.within(0..20)),
                ..NONE
            });
            maker.sometimes(4, 1..2000, |maker| What::Cut(maker.station()));
            maker.sometimes(2, 100..3000, |maker| What::Blackhole(maker.station()));
            maker.sometimes(2, 100..3000, |maker| {
                let (station, grid) = (maker.station(), maker.millis(1..500));
                What::Doze(station, grid)
            });
            for attack in
                [Attack::SynFlood, Attack::Replay, Attack::Blind, Attack::SpoofedDatagrams]
            {
                maker.attack(attack, 20_000..400_000);
            }
            for attack in [Attack::Fragments, Attack::Garbage, Attack::Impossible] {
                maker.attack(attack, 20_000..400_000);
            }
        },
    },
];

/// The scenario of this name.
pub fn find(name: &str) -> Option<&'static Scenario> {
    SCENARIOS.iter().find(|scenario| scenario.name == name)
}
