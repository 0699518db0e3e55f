//! What is to happen in a run.

use std::num::NonZeroU64;

use smolecho::{TcpService, Timeouts};
use smoltcp::time::{Duration, Instant};

use crate::cable::Impairments;

/// A run, before it is run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The scenario that it is one of.
    pub scenario: &'static str,
    /// What everything follows from that is not written here.
    pub seed: u64,
    /// Stations beside the server, which is station 0.
    pub clients: usize,
    /// Stations behind those: smoltcp's own sockets, with habits.
    pub guests: usize,
    /// Those habits.
    pub habits: Habits,
    /// What is left out, to see that it is missed.
    pub mutation: Option<Mutation>,
    /// The server's slots.
    pub slots: Slots,
    /// What the server does with a connection.
    pub flow: TcpService,
    /// Everybody's deadlines.
    pub timeouts: Timeouts,
    /// What clients do, and when.
    pub operations: Vec<(Instant, Operation)>,
    /// What goes wrong, and when.
    pub faults: Vec<Fault>,
}

/// A remedy that is left out, at the station that needs it: the oracles must find that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutation {
    /// The usual sockets over smoltcp serve, instead of the product.
    UsualServer,
    /// They take more than they can send back, as smoltcp's own example does.
    CarelessServer,
    /// They have smoltcp's `set_timeout` in place of deadlines.
    TimeoutServer,
    /// They close first, and listen again when TIME-WAIT is over.
    PatientServer,
    /// Their receive buffers are larger than the product's may be.
    WideServer,
    /// The usual sockets call, instead of the product.
    UsualClient,
    /// A network card gives up when its link is down, as smoltcp's TAP device does.
    BrittleCard,
    /// A node has the same seed at every boot.
    SameSeed,
    /// A node's deadlines are half of what it is told.
    Impatient,
}

impl Mutation {
    pub(crate) fn is_of_the_server(self) -> bool {
        !matches!(
            self,
            Mutation::UsualClient
                | Mutation::BrittleCard
                | Mutation::SameSeed
                | Mutation::Impatient
        )
    }
}

/// What guests do, all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Habits {
    /// Bytes of their receive buffers.
    pub buffer: usize,
    /// They say nothing of their largest segment (RFC 9293 MUST-15).
    pub plain: bool,
}

impl Habits {
    /// Those of anybody.
    pub const USUAL: Habits = Habits { buffer: 4096, plain: false };
}

/// What a guest does with one connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Visit {
    /// Bytes that it says.
    pub len: u64,
    /// It waits for the echo of so many before it says the next; otherwise it says all at once.
    pub piece: Option<NonZeroU64>,
    /// Closes its side behind the last byte.
    pub half_close: bool,
    /// How long it rests when half is back.
    pub pause: Duration,
    /// So many bytes at a time, and how long between two reads.
    pub reads: Option<(usize, Duration)>,
    /// Loses its memory after that rest, and calls again from the same port.
    pub restarts: bool,
}

/// How large the server's pool is: memory is fixed at compile time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slots {
    /// 2 slots, buffers of 256 bytes, backlog of 1.
    Few,
    /// 16 slots, buffers of 4,096 bytes, backlog of 5.
    Many,
}

/// One thing that a client does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Which station.
    pub client: usize,
    /// Over IPv6 instead of IPv4.
    pub v6: bool,
    /// What.
    pub what: Deed,
}

/// What a client can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Connects, speaks, reads it back, closes.
    Talk {
        /// Bytes.
        len: u64,
        /// Closes its side behind the last byte, not when all came back.
        half_close: bool,
    },
    /// Asks with so many datagrams.
    Ask(u32),
    /// What only a guest does.
    Visit(Visit),
}

impl Deed {
    /// As a guest would do it.
    pub(crate) fn as_visit(self) -> Option<Visit> {
        match self {
            Deed::Talk { len, half_close } => Some(Visit { len, half_close, ..Visit::default() }),
            Deed::Visit(visit) => Some(visit),
            Deed::Ask(_) => None,
        }
    }
}

/// Something that goes wrong for a while.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fault {
    /// From when on.
    pub from: Instant,
    /// For how long.
    pub lasts: Duration,
    /// What.
    pub what: What,
}

/// What can go wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum What {
    /// All cables are bad.
    Impair(Impairments),
    /// A station's cable is out.
    Cut(usize),
    /// Stations below this number and the others do not hear each other.
    Partition(usize),
    /// ARP and neighbor discovery from and to a station are lost.
    Blackhole(usize),
    /// A station looks at its device that seldom.
    Doze(usize, Duration),
    /// A station loses its memory and starts anew, once.
    Reboot(usize),
    /// Frames of more than so many bytes do not get through.
    Narrow(usize),
    /// A station's clock leaps forward, once.
    Leap(usize, Duration),
    /// A station's clock runs so many millionths fast, or slow.
    Drift(usize, i32),
    /// Somebody sends hostile frames, one each time this has passed.
    Attack(Attack, Duration),
}

/// What an attacker does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attack {
    /// SYNs from addresses where nobody is.
    SynFlood,
    /// Frames that were seen come again.
    Replay,
    /// Segments within a connection, with numbers that are guessed: RST, SYN, FIN, data.
    Blind,
    /// Datagrams from addresses where nobody is.
    SpoofedDatagrams,
    /// Pieces of datagrams.
    Fragments,
    /// Frames that were seen, with bytes changed, and frames of nothing but noise.
    Garbage,
    /// SYNs to groups, and from addresses that cannot be.
    Impossible,
    /// A SYN within a handshake that a client has begun.
    BareSyn,
    /// A reset within the window that has not the exact number.
    InexactReset,
    /// An acknowledgement of what the server has not sent.
    UnsentAck,
    /// A SYN with a tiny largest segment, and at once the reset that ends its handshake.
    HangUp,
    /// Connections, so many at once, on which little or nothing is said: slowloris.
    Hold(usize),
    /// Acknowledgements that were seen, with a window that is shut, or shrinks.
    Windows,
}

/// A delay that no deadline feels.
const SHORT: Duration = Duration::from_millis(80);

impl Plan {
    /// When the last fault is over.
    pub fn healed_at(&self) -> Instant {
        let last = self.operations.iter().map(|(at, _)| *at);
        let faults = self.faults.iter().map(|fault| fault.from + fault.lasts);
        faults.chain(last).max().unwrap_or(Instant::ZERO)
    }

    /// How often a station loses its memory.
    pub(crate) fn reboots(&self, number: usize) -> usize {
        self.faults.iter().filter(|fault| fault.what == What::Reboot(number)).count()
    }

    /// Whether everybody must be served from the beginning: nothing goes wrong, but what a good server does
    /// not let them feel.
    pub fn is_calm(&self) -> bool {
        let is_felt = |what| match what {
            What::Attack(attack, _) => {
                !matches!(attack, Attack::HangUp | Attack::InexactReset | Attack::UnsentAck)
            }
            // Nobody minds a short way, where there is room for all who are on it.
            What::Impair(Impairments { delay, .. })
                if delay < SHORT && self.slots == Slots::Many =>
            {
                what != What::Impair(Impairments { delay, ..Impairments::default() })
            }
            _ => true,
        };
        !self.faults.iter().any(|fault| is_felt(fault.what))
    }
}
