//! The node under test, and a record of its events.

use smolecho::node::Occupancy;
use smolecho::phy::Device;
use smolecho::smoltcp::time::Instant;
use smolecho::smoltcp::wire::{EthernetAddress, IpCidr};
use smolecho::{CloseReason, DatagramDropReason, DropReason, Event, Node, Report, Stats, Tuple};

use super::Station;

/// An [`Event`] that outlives its poll, without the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happened {
    Accepted(Tuple),
    Connected(Tuple),
    Closed { tuple: Tuple, end: CloseReason, received: u64, sent: u64 },
    Dropped(DropReason, Option<Tuple>),
    DatagramDropped(DatagramDropReason, Tuple),
    Reported(Tuple, Report),
    Gained(IpCidr),
    Lost(IpCidr),
    Conflict(IpCidr, EthernetAddress),
}

/// A node and its events.
pub struct Ours {
    pub node: Node<'static>,
    pub log: Vec<Happened>,
    /// The instant of each entry of the log.
    pub times: Vec<Instant>,
}

/// A callback that appends to the log.
pub fn log(log: &mut Vec<Happened>) -> impl FnMut(Event<'_>) {
    |event| match event {
        Event::Accepted { tuple } => log.push(Happened::Accepted(tuple)),
        Event::Connected { tuple } => log.push(Happened::Connected(tuple)),
        Event::Closed { tuple, reason: end, received, sent } => {
            log.push(Happened::Closed { tuple, end, received, sent });
        }
        Event::Dropped { reason, tuple } => log.push(Happened::Dropped(reason, tuple)),
        Event::DatagramDropped { reason, tuple } => {
            log.push(Happened::DatagramDropped(reason, tuple));
        }
        Event::Reported { tuple, report } => log.push(Happened::Reported(tuple, report)),
        Event::AddressGained { cidr } => log.push(Happened::Gained(cidr)),
        Event::AddressLost { cidr } => log.push(Happened::Lost(cidr)),
        Event::AddressConflict { cidr, mac } => log.push(Happened::Conflict(cidr, mac)),
        _ => {}
    }
}

impl Ours {
    pub fn new(node: Node<'static>) -> Self {
        Ours { node, log: Vec::new(), times: Vec::new() }
    }

    pub fn stats(&self) -> &Stats {
        self.node.stats()
    }

    pub fn ended(&self, end: CloseReason) -> u64 {
        self.stats().ended(end)
    }

    pub fn dropped(&self, reason: DropReason) -> u64 {
        self.stats().dropped(reason)
    }

    /// The reasons of all closed connections, in order.
    pub fn ends(&self) -> Vec<CloseReason> {
        let end = |event: &Happened| match event {
            Happened::Closed { end, .. } => Some(*end),
            _ => None,
        };
        self.log.iter().filter_map(end).collect()
    }

    /// The addresses gained, lost and in conflict, in order.
    pub fn changes(&self) -> Vec<Happened> {
        let is_change = |event: &&Happened| {
            matches!(event, Happened::Gained(_) | Happened::Lost(_) | Happened::Conflict(..))
        };
        self.log.iter().filter(is_change).copied().collect()
    }
}

impl Station for Ours {
    fn poll(&mut self, now: Instant, device: &mut impl Device) {
        self.node.poll(now, device, log(&mut self.log));
        self.times.resize(self.log.len(), now);
    }

    fn poll_at(&mut self, now: Instant) -> Option<Instant> {
        self.node.poll_at(now)
    }
}

/// The sums that the documentation of [`Stats`] promises at any moment.
#[track_caller]
pub fn check_sums(stats: &Stats, pool: Occupancy) {
    assert_eq!(stats.frames, stats.delivered + stats.dropped_total(), "frames: {stats:?}");
    let begun = stats.accepted + stats.connected;
    assert_eq!(begun, pool.open as u64 + stats.closed(), "connections: {stats:?} {pool:?}");
}
