//! The plan of a run: its stations, what clients do, and its faults.

use std::num::NonZeroU64;

use smolecho::{TcpService, Timeouts};
use smoltcp::time::{Duration, Instant};

use crate::cable::Impairments;

/// Everything that a run depends on.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Name of its scenario.
    pub scenario: &'static str,
    /// Seed of every random choice during the run.
    pub seed: u64,
    /// Number of clients. The server is station 0, the clients are stations 1 and up.
    pub clients: usize,
    /// Number of guests: clients over smoltcp's own sockets, the stations after the clients.
    pub guests: usize,
    /// How guests behave.
    pub habits: Habits,
    /// A remedy that is left out, to verify that the oracle then reports a failure.
    pub mutation: Option<Mutation>,
    /// The server's slots.
    pub slots: Slots,
    /// The server's TCP service.
    pub flow: TcpService,
    /// Deadlines of every node.
    pub timeouts: Timeouts,
    /// What clients and guests do, by time.
    pub operations: Vec<(Instant, Operation)>,
    /// Faults and attacks.
    pub faults: Vec<Fault>,
}

/// A remedy that a station lacks. The oracle must find it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutation {
    /// The server is the usual loop over smoltcp's sockets instead of a node.
    UsualServer,
    /// That, and it receives more than it can send back, as smoltcp's example does.
    CarelessServer,
    /// That, with smoltcp's `set_timeout` as its deadline.
    TimeoutServer,
    /// That, and it closes first and listens again after TIME-WAIT.
    PatientServer,
    /// That, with receive buffers of more than 65,535 bytes.
    WideServer,
    /// Clients use smoltcp's sockets instead of a node.
    UsualClient,
    /// Network cards panic when their link is down, as smoltcp's TAP device does.
    BrittleCard,
    /// Nodes have the same seed at every boot.
    SameSeed,
    /// Nodes have half of the plan's deadlines.
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

/// The behaviour of all guests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Habits {
    /// Receive buffer in bytes.
    pub buffer: usize,
    /// Their SYNs have no MSS option (RFC 9293 MUST-15).
    pub plain: bool,
}

impl Habits {
    /// 4,096 bytes, and an MSS option.
    pub const USUAL: Habits = Habits { buffer: 4096, plain: false };
}

/// One connection of a guest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Visit {
    /// Bytes to send.
    pub len: u64,
    /// Sends pieces of this many bytes, each after the echo of the last; `None` sends everything at once.
    pub piece: Option<NonZeroU64>,
    /// Sends FIN after the last byte, not after the last echo.
    pub half_close: bool,
    /// Pause after half of the echo.
    pub pause: Duration,
    /// Bytes of each read, and the pause between two reads; `None` reads at once.
    pub reads: Option<(usize, Duration)>,
    /// After the pause it loses the connection's state and connects again from the same port.
    pub restarts: bool,
}

/// Size of the server's pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slots {
    /// 2 slots, buffers of 256 bytes, a backlog of 1.
    Few,
    /// 16 slots, buffers of 4,096 bytes, a backlog of 5.
    Many,
}

/// One action of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Number of its station.
    pub client: usize,
    /// Over IPv6 instead of IPv4.
    pub v6: bool,
    /// The action.
    pub what: Action,
}

/// What a client does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Connects, sends, receives the echo, closes.
    Talk {
        /// Bytes to send.
        len: u64,
        /// Sends FIN after the last byte, not after the last echo.
        half_close: bool,
    },
    /// Sends this many datagrams, each after the answer to the last.
    Ask(u32),
    /// A connection of a guest.
    Visit(Visit),
}

impl Action {
    /// The same action of a guest; `None` for datagrams.
    pub(crate) fn as_visit(self) -> Option<Visit> {
        match self {
            Action::Talk { len, half_close } => Some(Visit { len, half_close, ..Visit::default() }),
            Action::Visit(visit) => Some(visit),
            Action::Ask(_) => None,
        }
    }
}

/// A fault for a limited time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fault {
    /// Virtual time of its start.
    pub from: Instant,
    /// Its duration.
    pub lasts: Duration,
    /// The fault.
    pub what: FaultKind,
}

/// A fault.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum FaultKind {
    /// Every cable has these impairments.
    Impair(Impairments),
    /// A station's cable is unplugged.
    Cut(usize),
    /// No frame passes between the stations below this number and the others.
    Partition(usize),
    /// A station's ARP and neighbor discovery are lost, both ways.
    Blackhole(usize),
    /// A station polls only at multiples of this duration.
    Doze(usize, Duration),
    /// A station reboots once.
    Reboot(usize),
    /// Frames of more than this many bytes are lost.
    Narrow(usize),
    /// A station's clock jumps forward once.
    Leap(usize, Duration),
    /// A station's clock is fast by this many parts per million; slow if negative.
    Drift(usize, i32),
    /// An attacker sends a frame at this interval.
    Attack(Attack, Duration),
}

/// The frames of an attacker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attack {
    /// SYNs from unused addresses.
    SynFlood,
    /// Frames that were sent before.
    Replay,
    /// Segments of an existing connection with guessed sequence numbers: RST, SYN, FIN, data.
    Blind,
    /// Datagrams from unused addresses.
    SpoofedDatagrams,
    /// IPv4 fragments of datagrams.
    Fragments,
    /// Frames that were sent before, with bytes changed, and random bytes.
    Garbage,
    /// SYNs and datagrams to multicast, or from addresses that no single host has.
    Impossible,
    /// A SYN to a client in SYN-SENT, from the server's address.
    BareSyn,
    /// An RST within the window whose sequence number is not RCV.NXT.
    InexactReset,
    /// An ACK beyond SND.NXT.
    UnsentAck,
    /// A SYN with an MSS of 64 bytes, then an RST that ends its handshake.
    HangUp,
    /// Slowloris: at most this many connections with little or no data.
    Hold(usize),
    /// ACKs that were sent before, with a window of zero or a smaller one.
    Windows,
}

/// A delay that is short beside every deadline.
const SHORT: Duration = Duration::from_millis(80);

impl Plan {
    /// The end of the last fault, or the start of the last operation if that is later.
    pub fn healed_at(&self) -> Instant {
        let last = self.operations.iter().map(|(at, _)| *at);
        let faults = self.faults.iter().map(|fault| fault.from + fault.lasts);
        faults.chain(last).max().unwrap_or(Instant::ZERO)
    }

    /// How often a station reboots.
    pub(crate) fn reboots(&self, number: usize) -> usize {
        self.faults.iter().filter(|fault| fault.what == FaultKind::Reboot(number)).count()
    }

    /// Whether every client must be served from the start: the plan has only faults that a correct server hides
    /// from its clients.
    pub fn is_calm(&self) -> bool {
        let is_felt = |what| match what {
            FaultKind::Attack(attack, _) => {
                !matches!(attack, Attack::HangUp | Attack::InexactReset | Attack::UnsentAck)
            }
            // A short delay is harmless while every client has a slot.
            FaultKind::Impair(Impairments { delay, .. })
                if delay < SHORT && self.slots == Slots::Many =>
            {
                what != FaultKind::Impair(Impairments { delay, ..Impairments::default() })
            }
            _ => true,
        };
        !self.faults.iter().any(|fault| is_felt(fault.what))
    }
}
