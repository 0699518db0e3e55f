//! What is to happen in a run.

use smolecho::Timeouts;
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
    /// What serves.
    pub server: Server,
    /// Its slots, if it is ours.
    pub slots: Slots,
    /// Everybody's deadlines.
    pub timeouts: Timeouts,
    /// What clients do, and when.
    pub operations: Vec<(Instant, Operation)>,
    /// What goes wrong, and when.
    pub faults: Vec<Fault>,
}

/// What runs at station 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Server {
    /// The product.
    Ours,
    /// The usual sockets over smoltcp, without the product's remedies: the oracles must find that.
    Usual {
        /// Takes more than it can send back.
        careless: bool,
    },
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
}

impl Plan {
    /// When the last fault is over.
    pub fn healed_at(&self) -> Instant {
        let last = self.operations.iter().map(|(at, _)| *at);
        let faults = self.faults.iter().map(|fault| fault.from + fault.lasts);
        faults.chain(last).max().unwrap_or(Instant::ZERO)
    }

    /// Whether nothing at all goes wrong.
    pub fn is_calm(&self) -> bool {
        self.faults.is_empty()
    }
}
