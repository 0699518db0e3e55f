//! One of our nodes, its network card and its clock.

use std::collections::VecDeque;

use smolecho::phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smolecho::{
    Config, DatagramStorage, End, Event, Listener, Memory, Message, Node, Query, Refusal, Report,
    Service, Storage, Tuple,
};
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{EthernetAddress, IpAddress, IpCidr, IpEndpoint};

use crate::plan::{Deed, Operation, Plan, Server};
use crate::usual::{self, Usual};

/// Where the server serves.
pub(crate) const PORT: u16 = 12_345;

/// Frames that a network card holds.
const CARD: usize = 64;

/// What everybody says, again and again: a length without a common factor with any segment's.
const PATTERN: [u8; 251] = {
    let mut pattern = [0; 251];
    let mut i = 0;
    while i < pattern.len() {
        pattern[i] = (i * 7 + 3) as u8;
        i += 1;
    }
    pattern
};

/// The memory of one station.
pub(crate) enum Room<'a> {
    Few(Box<Storage<'a, 2, 256>>, Box<DatagramStorage<'a, 2, 2, 1472>>),
    Many(Box<Storage<'a, 16, 4096>>, Box<DatagramStorage<'a, 2, 4, 1472>>),
}

impl<'a> Room<'a> {
    pub(crate) fn few() -> Room<'a> {
        Room::Few(Box::default(), Box::default())
    }

    pub(crate) fn many() -> Room<'a> {
        Room::Many(Box::default(), Box::default())
    }

    fn memory(&'a mut self) -> Memory<'a> {
        match self {
            Room::Few(storage, datagrams) => storage.memory().with(datagrams.memory()),
            Room::Many(storage, datagrams) => storage.memory().with(datagrams.memory()),
        }
    }
}

/// Something that an oracle wants to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Happened {
    Opened(Tuple),
    Closed {
        tuple: Tuple,
        end: End,
        received: u64,
        sent: u64,
    },
    /// A segment was answered with a reset, or might have been.
    TurnedAway(Tuple),
    Reported {
        tuple: Tuple,
        report: Report,
    },
}

/// What runs at a station.
// One of the two in all but a few tests, and never moved.
#[allow(clippy::large_enum_variant)]
pub(crate) enum Stack<'a> {
    Ours(Node<'a>),
    Usual(Usual),
}

pub(crate) struct Station<'a> {
    pub(crate) stack: Stack<'a>,
    pub(crate) card: Card,
    pub(crate) clock: Clock,
    pub(crate) happened: Vec<Happened>,
    pub(crate) slots: usize,
}

pub(crate) fn mac(station: usize) -> EthernetAddress {
    EthernetAddress([2, 0, 0, 0, 0, station as u8 + 1])
}

/// Stations first, then addresses where nobody is.
pub(crate) fn address(station: usize, v6: bool) -> IpAddress {
    let host = station as u16 + 1;
    if v6 {
        IpAddress::v6(0xfd07, 0, 0, 0, 0, 0, 0, host)
    } else {
        IpAddress::v4(10, 7, (host >> 8) as u8, host as u8)
    }
}

impl<'a> Station<'a> {
    pub(crate) fn new(number: usize, plan: &Plan, room: &'a mut Room<'a>) -> Station<'a> {
        let seed = plan.seed.wrapping_mul(31).wrapping_add(number as u64);
        let cidrs =
            [(false, 16), (true, 64)].map(|(v6, len)| IpCidr::new(address(number, v6), len));
        let (clock, happened) = (Clock::RIGHT, Vec::new());
        if let (0, Server::Usual { careless }) = (number, plan.server) {
            let mut card = Card::default();
            let stack = Stack::Usual(Usual::new(&cidrs, seed, careless, &mut card));
            return Station { stack, card, clock, happened, slots: usual::SOCKETS };
        }
        let mut config = Config::new(mac(number).0, seed);
        config.timeouts = plan.timeouts;
        for cidr in cidrs {
            config = config.address(cidr).expect("room for two addresses");
        }
        let slots = if matches!(room, Room::Few(..)) { 2 } else { 16 };
        let mut card = Card::default();
        let mut node = Node::new(&config, room.memory(), &mut card, Instant::ZERO)
            .expect("a good configuration");
        if number == 0 {
            let backlog = if slots == 2 { 1 } else { 5 };
            node.listen(Listener::new(PORT, backlog)).expect("a free port");
            node.bind(PORT, Service::Echo).expect("a free port");
        }
        Station { stack: Stack::Ours(node), card, clock, happened, slots }
    }

    /// One poll, at this instant of the world.
    pub(crate) fn poll(&mut self, now: Instant) {
        let Station { stack, card, clock, happened, .. } = self;
        let node = match stack {
            Stack::Ours(node) => node,
            Stack::Usual(usual) => return usual.poll(clock.shows(now), card),
        };
        node.poll(clock.shows(now), card, |event| match event {
            Event::Closed { tuple, end, received, sent } => {
                happened.push(Happened::Closed { tuple, end, received, sent });
            }
            Event::Accepted { tuple } | Event::Connected { tuple } => {
                happened.push(Happened::Opened(tuple));
            }
            Event::Refused {
                refusal: Refusal::Full | Refusal::NoConnection,
                tuple: Some(tuple),
            } => {
                happened.push(Happened::TurnedAway(tuple));
            }
            Event::Reported { tuple, report } => {
                happened.push(Happened::Reported { tuple, report })
            }
            _ => {}
        });
    }

    /// When it wants to be polled again, as the world counts.
    pub(crate) fn due(&mut self, now: Instant) -> Option<Instant> {
        let shows = self.clock.shows(now);
        let at = match &mut self.stack {
            Stack::Ours(node) => node.poll_at(shows),
            Stack::Usual(usual) => usual.poll_at(shows),
        }?;
        Some(self.clock.when_it_shows(at, now))
    }

    /// Begins it, unless the client has no room for it.
    pub(crate) fn begin(&mut self, operation: Operation, now: Instant) -> Option<Tuple> {
        let Stack::Ours(node) = &mut self.stack else { return None };
        let server = IpEndpoint::new(address(0, operation.v6), PORT);
        match operation.what {
            Deed::Talk { len, half_close } => {
                let message = Message::repeated(&PATTERN, len);
                let message = if half_close { message.half_close() } else { message };
                node.connect(server, message, self.clock.shows(now)).ok()
            }
            Deed::Ask(count) => {
                let query = Query::new(&PATTERN).count(count);
                let query = query.patience(Duration::from_millis(200), 5);
                node.query(server, query).ok()
            }
        }
    }
}

impl Stack<'_> {
    /// Places for connections that nobody has.
    pub(crate) fn free(&self) -> usize {
        match self {
            Stack::Ours(node) => node.occupancy().free,
            Stack::Usual(usual) => usual.listening(),
        }
    }
}

/// A clock that may run fast or slow, and leap forward. It never shows less than it showed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    /// When the rate was last changed, and what it showed then.
    since: Instant,
    showed: Instant,
    millionths: i32,
}

impl Clock {
    const RIGHT: Clock = Clock { since: Instant::ZERO, showed: Instant::ZERO, millionths: 0 };

    pub(crate) fn shows(&self, now: Instant) -> Instant {
        let elapsed = (now - self.since).total_micros();
        let drift = elapsed as i128 * i128::from(self.millionths) / 1_000_000;
        self.showed + Duration::from_micros((i128::from(elapsed) + drift).max(0) as u64)
    }

    /// The first instant of the world, from now on, at which it shows that or more.
    fn when_it_shows(&self, at: Instant, now: Instant) -> Instant {
        let shows = self.shows(now);
        if at <= shows {
            return now;
        }
        let left = i128::from((at - shows).total_micros());
        // Rounded up, and a microsecond for the rounding down above.
        let left = left * 1_000_000 / i128::from(1_000_000 + self.millionths) + 2;
        now + Duration::from_micros(left as u64)
    }

    pub(crate) fn leap(&mut self, now: Instant, by: Duration) {
        self.set(now, self.millionths);
        self.showed += by;
    }

    pub(crate) fn set(&mut self, now: Instant, millionths: i32) {
        self.showed = self.shows(now);
        self.since = now;
        self.millionths = millionths;
    }
}

/// A network card: what has arrived, and what is to leave.
#[derive(Default)]
pub(crate) struct Card {
    arrived: VecDeque<Vec<u8>>,
    pub(crate) leaving: Vec<Vec<u8>>,
}

impl Card {
    /// A frame arrives, or finds no room.
    pub(crate) fn push(&mut self, frame: Vec<u8>) {
        if self.arrived.len() < CARD {
            self.arrived.push_back(frame);
        }
    }
}

impl Device for Card {
    type RxToken<'t> = Arrived;
    type TxToken<'t> = Leaving<'t>;

    fn receive(&mut self, _: Instant) -> Option<(Arrived, Leaving<'_>)> {
        let frame = self.arrived.pop_front()?;
        Some((Arrived(frame), Leaving(&mut self.leaving)))
    }

    fn transmit(&mut self, _: Instant) -> Option<Leaving<'_>> {
        (self.leaving.len() < CARD).then_some(Leaving(&mut self.leaving))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = 1514;
        capabilities
    }
}

pub(crate) struct Arrived(Vec<u8>);

impl RxToken for Arrived {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(&self.0)
    }
}

pub(crate) struct Leaving<'t>(&'t mut Vec<Vec<u8>>);

impl TxToken for Leaving<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        let mut frame = vec![0; len];
        let result = f(&mut frame);
        self.0.push(frame);
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_shows_at_the_instant_that_it_names() {
        for millionths in [-500, 0, 1, 500, 200_000] {
            let mut clock = Clock::RIGHT;
            clock.set(Instant::from_secs(3), millionths);
            clock.leap(Instant::from_secs(5), Duration::from_secs(7));
            let now = Instant::from_millis(5_123);
            let at = clock.shows(now) + Duration::from_micros(1_234_567);
            let when = clock.when_it_shows(at, now);
            assert!(clock.shows(when) >= at, "{millionths}");
            assert!(clock.shows(when - Duration::from_micros(4)) <= at, "{millionths}");
        }
    }
}
