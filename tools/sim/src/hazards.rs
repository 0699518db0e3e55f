//! What smoltcp 0.14.0 falls over when it is left alone, by the numbers of the README: a scenario in which
//! the product holds, and a mutation without the remedy in which the oracle finds it out.

use smolecho::TcpService;
use smoltcp::time::Duration;

use crate::cable::Impairments;
use crate::plan::{Attack, Habits, Mutation, Slots, Visit, What};
use crate::scenario::{NONE, Scenario};

/// One of them.
pub struct Hazard {
    /// Where it lurks.
    pub scenario: Scenario,
    /// Without the remedy.
    pub mutation: Mutation,
    /// What the oracle says then, of some seed among a few.
    pub finds: &'static str,
}

const SECOND: Duration = Duration::from_secs(1);

/// P1 to P14.
pub static HAZARDS: &[Hazard] = &[
    Hazard {
        scenario: Scenario {
            name: "p1",
            about: "a bare SYN to a client whose own waits for a hardware address",
            make: |maker| {
                for client in 1..=maker.plan.clients {
                    maker.always(What::Blackhole(client));
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
            about: "a SYN that was seen comes again, for a connection that is up",
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
            about: "SYNs from nobody park the listening sockets",
            make: |maker| maker.attack(Attack::SynFlood, 5_000..500_000),
        },
        mutation: Mutation::UsualServer,
        finds: "a slot is not free",
    },
    Hazard {
        scenario: Scenario {
            name: "p4",
            about: "datagrams from nobody stand before everybody's answers",
            make: |maker| maker.attack(Attack::SpoofedDatagrams, 1_000..50_000),
        },
        mutation: Mutation::UsualServer,
        finds: "a datagram was lost on a good cable",
    },
    Hazard {
        scenario: Scenario {
            name: "p5",
            about: "the link is down while something is to leave",
            make: |maker| maker.sometimes(6, 10..3000, |maker| What::Cut(maker.station())),
        },
        mutation: Mutation::BrittleCard,
        finds: "a panic",
    },
    Hazard {
        scenario: Scenario {
            name: "p6",
            about: "somebody rests, and is well",
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
            about: "a peer that has lost its memory calls again from the same port",
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
            about: "resets within the window that have not the exact number",
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
            about: "SYNs to groups, and from addresses that cannot be",
            make: |maker| maker.attack(Attack::Impossible, 1_000..50_000),
        },
        mutation: Mutation::UsualServer,
        finds: "a slot is not free",
    },
    Hazard {
        scenario: Scenario {
            name: "p10",
            about: "a full window with the FIN right behind it",
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
            about: "the server boots again and again",
            make: |maker| maker.sometimes(4, 1..2, |_| What::Reboot(0)),
        },
        mutation: Mutation::SameSeed,
        finds: "an initial sequence number came again",
    },
    Hazard {
        scenario: Scenario {
            name: "p12",
            about: "a server that closes first, and more callers in 10 s than it has slots",
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
            about: "who hangs up leaves the next peer his tiny segments",
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
            about: "acknowledgements of what was never sent, to a server that has more to send",
            make: |maker| {
                maker.invite(1);
                maker.plan.habits = Habits { buffer: 500, ..Habits::USUAL };
                // What waits for a window is what such an acknowledgement takes away.
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
