//! The general scenarios.

use smolecho::TcpService;
use smoltcp::time::Duration;

use crate::cable::{Impairments, NONE};
use crate::plan::{Attack, FaultKind, Slots, Visit};
use crate::scenario::{Scenario, scenario};

/// Every scenario that is not a hazard's.
pub(crate) static SCENARIOS: &[Scenario] = &[
    scenario("calm", "no faults", |maker| {
        maker.plan.slots = Slots::Many;
        maker.play_ping_pong();
    }),
    scenario("loss", "up to a third of all frames is lost", |maker| {
        maker.impair(|dice| Impairments { loss: dice.within(0..330_000) as u32, ..NONE });
        maker.play_ping_pong();
    }),
    scenario("gusts", "bursts in which 95 % of the frames are lost", |maker| {
        maker.sometimes(8, 10..800, |_| FaultKind::Impair(Impairments { loss: 950_000, ..NONE }));
    }),
    scenario("corruption", "bits are flipped", |maker| {
        maker.impair(|dice| Impairments { corrupt: dice.within(0..200_000) as u32, ..NONE });
    }),
    scenario("duplicates", "frames arrive twice", |maker| {
        maker.impair(|dice| Impairments { duplicate: dice.within(0..500_000) as u32, ..NONE });
    }),
    scenario("disorder", "frames are reordered", |maker| {
        maker.impair(|dice| Impairments { reorder: dice.within(0..400_000) as u32, ..NONE });
    }),
    scenario("far", "high latency with jitter", |maker| {
        maker.impair(|dice| Impairments {
            delay: Duration::from_millis(dice.within(1..300)),
            jitter: Duration::from_millis(dice.within(0..100)),
            ..NONE
        });
    }),
    scenario("narrow", "a slow cable whose queue overflows", |maker| {
        maker.impair(|dice| Impairments { rate: Some(dice.within(5_000..500_000)), ..NONE });
    }),
    scenario("flapping", "cables are unplugged and plugged in", |maker| {
        maker.sometimes(10, 1..3000, |maker| FaultKind::Cut(maker.station()))
    }),
    scenario("partition", "the network is partitioned", |maker| {
        maker.sometimes(3, 100..8000, |maker| {
            FaultKind::Partition(maker.dice.within(1..maker.plan.clients as u64 + 1) as usize)
        });
    }),
    scenario("blackhole", "ARP and neighbor discovery are lost", |maker| {
        maker.sometimes(4, 100..8000, |maker| FaultKind::Blackhole(maker.station()))
    }),
    scenario("dozing", "a station polls rarely", |maker| {
        maker.sometimes(4, 100..9000, |maker| {
            let (station, grid) = (maker.station(), maker.millis(1..1500));
            FaultKind::Doze(station, grid)
        });
    }),
    scenario("clocks", "clocks drift and jump", |maker| {
        maker.sometimes(3, 100..9000, |maker| {
            let (station, by) = (maker.station(), maker.dice.within(0..400_000) as i32);
            FaultKind::Drift(station, by - 200_000)
        });
        maker.sometimes(3, 1..2, |maker| {
            let (station, by) = (maker.station(), maker.millis(1..40_000));
            FaultKind::Leap(station, by)
        });
    }),
    scenario("crowd", "more clients than slots", |maker| {
        maker.plan.slots = Slots::Few;
        // A fault without effect: a refused client does not finish, and may not count as a failure.
        maker.always(FaultKind::Narrow(1514));
        for _ in 0..maker.dice.within(20..60) {
            maker.talk();
        }
    }),
    scenario("flood", "SYNs from unused addresses (P3)", |maker| {
        maker.attack(Attack::SynFlood, 2_000..50_000)
    }),
    scenario("replay", "replayed frames (P2)", |maker| {
        maker.slow_down();
        maker.attack(Attack::Replay, 1_000..50_000);
    }),
    scenario("blind", "segments with guessed sequence numbers (P1, P7, P8, P14)", |maker| {
        maker.slow_down();
        maker.attack(Attack::Blind, 1_000..50_000);
    }),
    scenario("spoofed", "datagrams from unused addresses (P4)", |maker| {
        maker.attack(Attack::SpoofedDatagrams, 1_000..50_000)
    }),
    scenario("fragments", "incomplete fragments of datagrams", |maker| {
        maker.attack(Attack::Fragments, 1_000..50_000)
    }),
    scenario("garbage", "random bytes, and frames with bytes changed", |maker| {
        maker.attack(Attack::Garbage, 1_000..50_000)
    }),
    scenario("impossible", "impossible source addresses, and multicast (P9)", |maker| {
        maker.attack(Attack::Impossible, 1_000..50_000)
    }),
    scenario("slowloris", "an attacker opens connections and sends little or nothing", |maker| {
        if maker.dice.chance(300_000) {
            maker.plan.flow = TcpService::Once;
        }
        maker.attack(Attack::Hold(24), 1_000..50_000);
    }),
    scenario("windows", "windows that close and shrink", |maker| {
        maker.slow_down();
        maker.attack(Attack::Windows, 1_000..50_000);
        maker.invite(2);
        maker.plan.habits.buffer = maker.dice.within(300..4097) as usize;
        maker.usual_operations();
        for _ in 0..maker.dice.within(2..6) {
            let (at, v6) = (maker.millis(0..8_000), maker.dice.chance(500_000));
            let (len, half_close) = (maker.dice.within(10_000..40_000), maker.dice.chance(500_000));
            maker.visit(at, v6, Visit { len, half_close, ..Visit::default() });
        }
    }),
    scenario(
        "habits",
        "peers that pause, read slowly, close their window and reconnect from the same port",
        |maker| {
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
    ),
    scenario("reboots", "stations reboot", |maker| {
        maker.sometimes(4, 1..2, |maker| FaultKind::Reboot(maker.station()))
    }),
    scenario("tight", "large frames are lost", |maker| {
        maker.sometimes(4, 100..4000, |maker| {
            FaultKind::Narrow(maker.dice.within(60..1514) as usize)
        });
    }),
    scenario("everything", "all of these at once", |maker| {
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
        for attack in [Attack::SynFlood, Attack::Replay, Attack::Blind, Attack::SpoofedDatagrams] {
            maker.attack(attack, 20_000..400_000);
        }
        for attack in [Attack::Fragments, Attack::Garbage, Attack::Impossible] {
            maker.attack(attack, 20_000..400_000);
        }
        for attack in [Attack::Hold(6), Attack::Windows] {
            maker.attack(attack, 20_000..400_000);
        }
        maker.play_ping_pong();
    }),
];
