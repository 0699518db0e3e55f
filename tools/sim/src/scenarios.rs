//! The general scenarios.

use smolecho::TcpService;
use smoltcp::time::Duration;

use crate::cable::Impairments;
use crate::plan::{Attack, FaultKind, Slots, Visit};
use crate::scenario::{NONE, Scenario};

/// Every scenario that is not a hazard's.
pub(crate) static SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "calm",
        about: "no faults",
        make: |maker| {
            maker.plan.slots = Slots::Many;
            maker.play_ping_pong();
        },
    },
    Scenario {
        name: "loss",
        about: "up to a third of all frames is lost",
        make: |maker| {
            maker.impair(|dice| Impairments { loss: dice.within(0..330_000) as u32, ..NONE });
            maker.play_ping_pong();
        },
    },
    Scenario {
        name: "gusts",
        about: "bursts in which 95 % of the frames are lost",
        make: |maker| {
            maker.sometimes(8, 10..800, |_| {
                FaultKind::Impair(Impairments { loss: 950_000, ..NONE })
            });
        },
    },
    Scenario {
        name: "corruption",
        about: "bits are flipped",
        make: |maker| {
            maker.impair(|dice| Impairments { corrupt: dice.within(0..200_000) as u32, ..NONE });
        },
    },
    Scenario {
        name: "duplicates",
        about: "frames arrive twice",
        make: |maker| {
            maker.impair(|dice| Impairments { duplicate: dice.within(0..500_000) as u32, ..NONE });
        },
    },
    Scenario {
        name: "disorder",
        about: "frames are reordered",
        make: |maker| {
            maker.impair(|dice| Impairments { reorder: dice.within(0..400_000) as u32, ..NONE });
        },
    },
    Scenario {
        name: "far",
        about: "high latency with jitter",
        make: |maker| {
            maker.impair(|dice| Impairments {
                delay: Duration::from_millis(dice.within(1..300)),
                jitter: Duration::from_millis(dice.within(0..100)),
                ..NONE
            });
        },
    },
    Scenario {
        name: "narrow",
        about: "a slow cable whose queue overflows",
        make: |maker| {
            maker.impair(|dice| Impairments { rate: Some(dice.within(5_000..500_000)), ..NONE });
        },
    },
    Scenario {
        name: "flapping",
        about: "cables are unplugged and plugged in",
        make: |maker| maker.sometimes(10, 1..3000, |maker| FaultKind::Cut(maker.station())),
    },
    Scenario {
        name: "partition",
        about: "the network is partitioned",
        make: |maker| {
            maker.sometimes(3, 100..8000, |maker| {
                FaultKind::Partition(maker.dice.within(1..maker.plan.clients as u64 + 1) as usize)
            });
        },
    },
    Scenario {
        name: "blackhole",
        about: "ARP and neighbor discovery are lost",
        make: |maker| maker.sometimes(4, 100..8000, |maker| FaultKind::Blackhole(maker.station())),
    },
    Scenario {
        name: "dozing",
        about: "a station polls rarely",
        make: |maker| {
            maker.sometimes(4, 100..9000, |maker| {
                let (station, grid) = (maker.station(), maker.millis(1..1500));
                FaultKind::Doze(station, grid)
            });
        },
    },
    Scenario {
        name: "clocks",
        about: "clocks drift and jump",
        make: |maker| {
            maker.sometimes(3, 100..9000, |maker| {
                let (station, by) = (maker.station(), maker.dice.within(0..400_000) as i32);
                FaultKind::Drift(station, by - 200_000)
            });
            maker.sometimes(3, 1..2, |maker| {
                let (station, by) = (maker.station(), maker.millis(1..40_000));
                FaultKind::Leap(station, by)
            });
        },
    },
    Scenario {
        name: "crowd",
        about: "more clients than slots",
        make: |maker| {
            maker.plan.slots = Slots::Few;
            // A fault without effect: a refused client does not finish, and may not count as a failure.
            maker.always(FaultKind::Narrow(1514));
            for _ in 0..maker.dice.within(20..60) {
                maker.talk();
            }
        },
    },
    Scenario {
        name: "flood",
        about: "SYNs from unused addresses (P3)",
        make: |maker| maker.attack(Attack::SynFlood, 2_000..50_000),
    },
    Scenario {
        name: "replay",
        about: "replayed frames (P2)",
        make: |maker| {
            maker.slow_down();
            maker.attack(Attack::Replay, 1_000..50_000);
        },
    },
    Scenario {
        name: "blind",
        about: "segments with guessed sequence numbers (P1, P7, P8, P14)",
        make: |maker| {
            maker.slow_down();
            maker.attack(Attack::Blind, 1_000..50_000);
        },
    },
    Scenario {
        name: "spoofed",
        about: "datagrams from unused addresses (P4)",
        make: |maker| maker.attack(Attack::SpoofedDatagrams, 1_000..50_000),
    },
    Scenario {
        name: "fragments",
        about: "incomplete fragments of datagrams",
        make: |maker| maker.attack(Attack::Fragments, 1_000..50_000),
    },
    Scenario {
        name: "garbage",
        about: "random bytes, and frames with bytes changed",
        make: |maker| maker.attack(Attack::Garbage, 1_000..50_000),
    },
    Scenario {
        name: "impossible",
        about: "impossible source addresses, and multicast (P9)",
        make: |maker| maker.attack(Attack::Impossible, 1_000..50_000),
    },
    Scenario {
        name: "slowloris",
        about: "an attacker opens connections and sends little or nothing",
        make: |maker| {
            if maker.dice.chance(300_000) {
                maker.plan.flow = TcpService::Once;
            }
            maker.attack(Attack::Hold(24), 1_000..50_000);
        },
    },
    Scenario {
        name: "windows",
        about: "windows that close and shrink",
        make: |maker| {
            maker.slow_down();
            maker.attack(Attack::Windows, 1_000..50_000);
            maker.invite(2);
            maker.plan.habits.buffer = maker.dice.within(300..4097) as usize;
            maker.usual_operations();
            for _ in 0..maker.dice.within(2..6) {
                let (at, v6) = (maker.millis(0..8_000), maker.dice.chance(500_000));
                let (len, half_close) =
                    (maker.dice.within(10_000..40_000), maker.dice.chance(500_000));
                maker.visit(at, v6, Visit { len, half_close, ..Visit::default() });
            }
        },
    },
    Scenario {
        name: "habits",
        about: "peers that pause, read slowly, close their window and reconnect from the same port",
        make: |maker| {
            maker.plan.guests = 1 + maker.dice.within(0..3) as usize;
            maker.plan.habits.buffer = maker.dice.within(300..4097) as usize;
            maker.usual_operations();
            for _ in 0..maker.dice.within(2..8) {
                let at = maker.millis(0..10_000);
                let slow = (maker.dice.within(200..2000) as usize, maker.millis(1..200));
                let visit = Visit {
                    len: maker.dice.within(0..20_000),
                    piece: None,
                    half_close: maker.dice.chance(500_000),
                    pause: maker.millis(0..12_000),
                    reads: maker.dice.chance(600_000).then_some(slow),
                    restarts: maker.dice.chance(200_000),
                };
                let v6 = maker.dice.chance(500_000);
                maker.visit(at, v6, visit);
            }
            maker.sometimes(3, 1..2000, |maker| FaultKind::Cut(maker.station()));
        },
    },
    Scenario {
        name: "reboots",
        about: "stations reboot",
        make: |maker| maker.sometimes(4, 1..2, |maker| FaultKind::Reboot(maker.station())),
    },
    Scenario {
        name: "tight",
        about: "large frames are lost",
        make: |maker| {
            maker.sometimes(4, 100..4000, |maker| {
                FaultKind::Narrow(maker.dice.within(60..1514) as usize)
            });
        },
    },
    Scenario {
        name: "everything",
        about: "all of these at once",
        make: |maker| {
            maker.impair(|dice| Impairments {
                loss: dice.within(0..100_000) as u32,
                corrupt: dice.within(0..50_000) as u32,
                duplicate: dice.within(0..100_000) as u32,
                reorder: dice.within(0..100_000) as u32,
                jitter: Duration::from_millis(dice.within(0..20)),
                ..NONE
            });
            maker.sometimes(4, 1..2000, |maker| FaultKind::Cut(maker.station()));
            maker.sometimes(2, 100..3000, |maker| FaultKind::Blackhole(maker.station()));
            maker.sometimes(2, 100..3000, |maker| {
                let (station, grid) = (maker.station(), maker.millis(1..500));
                FaultKind::Doze(station, grid)
            });
            for attack in
                [Attack::SynFlood, Attack::Replay, Attack::Blind, Attack::SpoofedDatagrams]
            {
                maker.attack(attack, 20_000..400_000);
            }
            for attack in [Attack::Fragments, Attack::Garbage, Attack::Impossible] {
                maker.attack(attack, 20_000..400_000);
            }
            for attack in [Attack::Hold(6), Attack::Windows] {
                maker.attack(attack, 20_000..400_000);
            }
            maker.play_ping_pong();
        },
    },
];
