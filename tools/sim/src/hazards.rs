//! smoltcp 0.14.0's pitfalls, by their numbers in the README. Each has a scenario in which a node passes, and a
//! mutation without the remedy that the oracle must detect.

use smolecho::TcpService;
use smoltcp::time::Duration;

use crate::cable::{Impairments, NONE};
use crate::plan::{Attack, FaultKind, Habits, Mutation, Slots, Visit};
use crate::scenario::{Scenario, scenario};

/// A pitfall.
pub struct Hazard {
    /// Provokes it.
    pub scenario: Scenario,
    /// Leaves out the remedy.
    pub mutation: Mutation,
    /// The failure that the oracle reports then, for some seed among a few.
    pub finds: &'static str,
}

const fn hazard(mutation: Mutation, finds: &'static str, scenario: Scenario) -> Hazard {
    Hazard { scenario, mutation, finds }
}

const SECOND: Duration = Duration::from_secs(1);

/// P1 to P14.
pub static HAZARDS: &[Hazard] = &[
    hazard(
        Mutation::UsualClient,
        "a panic",
        scenario("p1", "a SYN to a client whose own SYN waits for neighbor discovery", |maker| {
            for client in 1..=maker.plan.clients {
                maker.always(FaultKind::Blackhole(client));
            }
            maker.attack(Attack::BareSyn, 1_000..50_000);
        }),
    ),
    hazard(
        Mutation::UsualServer,
        "a reset that nobody sent",
        scenario("p2", "a SYN is replayed to an established connection", |maker| {
            maker.slow_down();
            maker.attack(Attack::Replay, 1_000..50_000);
        }),
    ),
    hazard(
        Mutation::UsualServer,
        "a slot is not free",
        scenario("p3", "SYNs from unused addresses occupy every listening socket", |maker| {
            maker.attack(Attack::SynFlood, 5_000..500_000)
        }),
    ),
    hazard(
        Mutation::UsualServer,
        "a datagram was lost on a good cable",
        scenario("p4", "answers to unused addresses block all other datagrams", |maker| {
            maker.attack(Attack::SpoofedDatagrams, 1_000..50_000)
        }),
    ),
    hazard(
        Mutation::BrittleCard,
        "a panic",
        scenario("p5", "the link goes down while frames are sent", |maker| {
            maker.sometimes(6, 10..3000, |maker| FaultKind::Cut(maker.station()))
        }),
    ),
    hazard(
        Mutation::TimeoutServer,
        "a reset that nobody sent",
        scenario("p6", "a healthy connection is idle", |maker| {
            maker.invite(1);
            for n in 0..3 {
                let pause = maker.millis(6_000..15_000);
                let visit = Visit { len: 1000, pause, ..Visit::default() };
                maker.visit(SECOND * n, n == 1, visit);
            }
        }),
    ),
    hazard(
        Mutation::UsualServer,
        "a dialogue did not end well on a good cable",
        scenario("p7", "a peer reboots and connects again from the same port", |maker| {
            maker.invite(1);
            for n in 0..3 {
                let pause = maker.millis(1..2000);
                let visit = Visit { len: 1000, pause, restarts: true, ..Visit::default() };
                maker.visit(SECOND * n, n == 1, visit);
            }
        }),
    ),
    hazard(
        Mutation::UsualServer,
        "a reset that nobody sent",
        scenario("p8", "RSTs within the window with an inexact sequence number", |maker| {
            maker.invite(1);
            maker.attack(Attack::InexactReset, 10_000..200_000);
            for n in 0..6 {
                let pause = maker.millis(500..3000);
                let visit = Visit { len: 1000, pause, ..Visit::default() };
                maker.visit(SECOND * n, n % 2 == 1, visit);
            }
        }),
    ),
    hazard(
        Mutation::UsualServer,
        "a slot is not free",
        scenario("p9", "SYNs to multicast, and from impossible addresses", |maker| {
            maker.attack(Attack::Impossible, 1_000..50_000)
        }),
    ),
    hazard(
        Mutation::WideServer,
        "a dialogue did not end well on a good cable",
        scenario("p10", "a FIN right behind a full window", |maker| {
            maker.invite(3);
            for _ in 0..6 {
                let (at, v6) = (maker.millis(0..5000), maker.dice.chance(500_000));
                let reads = Some((maker.dice.within(500..3000) as usize, maker.millis(1..20)));
                let len = maker.dice.within(60_000..120_000);
                let visit = Visit { len, half_close: true, reads, ..Visit::default() };
                maker.visit(at, v6, visit);
            }
        }),
    ),
    hazard(
        Mutation::SameSeed,
        "an initial sequence number came again",
        scenario("p11", "the server reboots repeatedly", |maker| {
            maker.sometimes(4, 1..2, |_| FaultKind::Reboot(0))
        }),
    ),
    hazard(
        Mutation::PatientServer,
        "a dialogue did not end well on a good cable",
        scenario(
            "p12",
            "a server that closes first, and more clients in 10 s than slots",
            |maker| {
                maker.plan.flow = TcpService::Once;
                maker.plan.slots = Slots::Few;
                for n in 0..8 {
                    maker.say_hello(SECOND * n);
                }
            },
        ),
    ),
    hazard(
        Mutation::UsualServer,
        "the echo comes in crumbs",
        scenario(
            "p13",
            "a peer with a tiny MSS resets, and the next peer inherits the MSS",
            |maker| {
                maker.invite(1);
                maker.plan.habits = Habits { plain: true, ..Habits::USUAL };
                maker.attack(Attack::HangUp, 10_000..100_000);
                for n in 0..8 {
                    let visit = Visit { len: 3000, ..Visit::default() };
                    maker.visit(SECOND * n, false, visit);
                }
            },
        ),
    ),
    hazard(
        Mutation::UsualServer,
        "a dialogue did not end well on a good cable",
        scenario("p14", "ACKs beyond SND.NXT, to a server with data queued", |maker| {
            maker.invite(1);
            maker.plan.habits = Habits { buffer: 500, ..Habits::USUAL };
            // Such an ACK removes data that waits for a window.
            maker.impair(|dice| Impairments {
                delay: Duration::from_millis(dice.within(10..80)),
                ..NONE
            });
            maker.attack(Attack::UnsentAck, 5_000..100_000);
            for n in 0..4 {
                let visit = Visit { len: 8000, ..Visit::default() };
                maker.visit(SECOND * n, n % 2 == 1, visit);
            }
        }),
    ),
];
