//! smoltcp 0.14.0's pitfalls, by their numbers in the README. Each has a scenario in which a node passes, and a
//! mutation without the remedy that the oracle must detect.

use smolecho::TcpService;
use smoltcp::time::Duration;

use crate::cable::Impairments;
use crate::plan::{Attack, FaultKind, Habits, Mutation, Slots, Visit};
use crate::scenario::{NONE, Scenario};

/// A pitfall.
pub struct Hazard {
    /// Provokes it.
    pub scenario: Scenario,
    /// Leaves out the remedy.
    pub mutation: Mutation,
    /// The failure that the oracle reports then, for some seed among a few.
    pub finds: &'static str,
}

const SECOND: Duration = Duration::from_secs(1);

/// P1 to P14.
pub static HAZARDS: &[Hazard] = &[
    Hazard {
        scenario: Scenario {
            name: "p1",
            about: "a SYN to a client whose own SYN waits for neighbor discovery",
            make: |maker| {
                for client in 1..=maker.plan.clients {
                    maker.always(FaultKind::Blackhole(client));
                }
                maker.attack(Attack::BareSyn, 1_000..50_000);
            },
        },
        mutation: Mutation::UsualClient,
        finds: "a panic",
    },
    Hazard {
        scenario: Scenario {
            name: "p2",
            about: "a SYN is replayed to an established connection",
            make: |maker| {
                maker.slow_down();
                maker.attack(Attack::Replay, 1_000..50_000);
            },
        },
        mutation: Mutation::UsualServer,
        finds: "a reset that nobody sent",
    },
    Hazard {
        scenario: Scenario {
            name: "p3",
            about: "SYNs from unused addresses occupy every listening socket",
            make: |maker| maker.attack(Attack::SynFlood, 5_000..500_000),
        },
        mutation: Mutation::UsualServer,
        finds: "a slot is not free",
    },
    Hazard {
        scenario: Scenario {
            name: "p4",
            about: "answers to unused addresses block all other datagrams",
            make: |maker| maker.attack(Attack::SpoofedDatagrams, 1_000..50_000),
        },
        mutation: Mutation::UsualServer,
        finds: "a datagram was lost on a good cable",
    },
    Hazard {
        scenario: Scenario {
            name: "p5",
            about: "the link goes down while frames are sent",
            make: |maker| maker.sometimes(6, 10..3000, |maker| FaultKind::Cut(maker.station())),
        },
        mutation: Mutation::BrittleCard,
        finds: "a panic",
    },
    Hazard {
        scenario: Scenario {
            name: "p6",
            about: "a healthy connection is idle",
            make: |maker| {
                maker.invite(1);
                for n in 0..3 {
                    let pause = maker.millis(6_000..15_000);
                    let visit = Visit { len: 1000, pause, ..Visit::default() };
                    maker.visit(SECOND * n, n == 1, visit);
                }
            },
        },
        mutation: Mutation::TimeoutServer,
        finds: "a reset that nobody sent",
    },
    Hazard {
        scenario: Scenario {
            name: "p7",
            about: "a peer reboots and connects again from the same port",
            make: |maker| {
                maker.invite(1);
                for n in 0..3 {
                    let pause = maker.millis(1..2000);
                    let visit = Visit { len: 1000, pause, restarts: true, ..Visit::default() };
                    maker.visit(SECOND * n, n == 1, visit);
                }
            },
        },
        mutation: Mutation::UsualServer,
        finds: "a dialogue did not end well on a good cable",
    },
    Hazard {
        scenario: Scenario {
            name: "p8",
            about: "RSTs within the window with an inexact sequence number",
            make: |maker| {
                maker.invite(1);
                maker.attack(Attack::InexactReset, 10_000..200_000);
                for n in 0..6 {
                    let pause = maker.millis(500..3000);
                    let visit = Visit { len: 1000, pause, ..Visit::default() };
                    maker.visit(SECOND * n, n % 2 == 1, visit);
                }
            },
        },
        mutation: Mutation::UsualServer,
        finds: "a reset that nobody sent",
    },
    Hazard {
        scenario: Scenario {
            name: "p9",
            about: "SYNs to multicast, and from impossible addresses",
            make: |maker| maker.attack(Attack::Impossible, 1_000..50_000),
        },
        mutation: Mutation::UsualServer,
        finds: "a slot is not free",
    },
    Hazard {
        scenario: Scenario {
            name: "p10",
            about: "a FIN right behind a full window",
            make: |maker| {
                maker.invite(3);
                for _ in 0..6 {
                    let (at, v6) = (maker.millis(0..5000), maker.dice.chance(500_000));
                    let reads = Some((maker.dice.within(500..3000) as usize, maker.millis(1..20)));
                    let len = maker.dice.within(60_000..120_000);
                    let visit = Visit { len, half_close: true, reads, ..Visit::default() };
                    maker.visit(at, v6, visit);
                }
            },
        },
        mutation: Mutation::WideServer,
        finds: "a dialogue did not end well on a good cable",
    },
    Hazard {
        scenario: Scenario {
            name: "p11",
            about: "the server reboots repeatedly",
            make: |maker| maker.sometimes(4, 1..2, |_| FaultKind::Reboot(0)),
        },
        mutation: Mutation::SameSeed,
        finds: "an initial sequence number came again",
    },
    Hazard {
        scenario: Scenario {
            name: "p12",
            about: "a server that closes first, and more clients in 10 s than slots",
            make: |maker| {
                maker.plan.flow = TcpService::Once;
                maker.plan.slots = Slots::Few;
                for n in 0..8 {
                    maker.say_hello(SECOND * n);
                }
            },
        },
        mutation: Mutation::PatientServer,
        finds: "a dialogue did not end well on a good cable",
    },
    Hazard {
        scenario: Scenario {
            name: "p13",
            about: "a peer with a tiny MSS resets, and the next peer inherits the MSS",
            make: |maker| {
                maker.invite(1);
                maker.plan.habits = Habits { plain: true, ..Habits::USUAL };
                maker.attack(Attack::HangUp, 10_000..100_000);
                for n in 0..8 {
                    let visit = Visit { len: 3000, ..Visit::default() };
                    maker.visit(SECOND * n, false, visit);
                }
            },
        },
        mutation: Mutation::UsualServer,
        finds: "the echo comes in crumbs",
    },
    Hazard {
        scenario: Scenario {
            name: "p14",
            about: "ACKs beyond SND.NXT, to a server with data queued",
            make: |maker| {
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
            },
        },
        mutation: Mutation::UsualServer,
        finds: "a dialogue did not end well on a good cable",
    },
];
