//! One of our nodes, its network card and its clock.

use std::collections::VecDeque;

use smolecho::phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smolecho::{
    CloseReason, Config, DatagramStorage, DropReason, Event, Listener, Memory, Message, Node,
    Protocol, Query, Report, Storage, Timeouts, Tuple, UdpService,
};
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{EthernetAddress, IpAddress, IpCidr, IpEndpoint};

use crate::guest::{self, Guest, Quarters};
use crate::memory;
use crate::plan::{Deed, Mutation, Operation, Plan, Slots};
use crate::usual::{self, Usual};

/// Where the server serves.
pub(crate) const PORT: u16 = 12_345;

/// Frames that a network card holds.
pub(crate) const CARD: usize = 64;

/// What everybody says, again and again: a length without a common factor with any segment's.
pub(crate) const PATTERN: [u8; 251] = {
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
    Guest(Box<Quarters<'a>>),
}

impl<'a> Room<'a> {
    /// What a station of this plan needs.
    pub(crate) fn of(number: usize, plan: &Plan) -> Room<'a> {
        match (number, plan.slots) {
            _ if is_guest(number, plan) => Room::Guest(Box::new(Quarters::new())),
            (0, Slots::Few) => Room::Few(Box::default(), Box::default()),
            _ => Room::Many(Box::default(), Box::default()),
        }
    }
}

fn is_guest(number: usize, plan: &Plan) -> bool {
    number > plan.clients || (number > 0 && plan.mutation == Some(Mutation::UsualClient))
}

/// Something that an oracle wants to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Happened {
    Opened(Tuple),
    /// A byte came in, or was given to be sent.
    GotOn(Tuple),
    Closed {
        tuple: Tuple,
        end: CloseReason,
        received: u64,
        sent: u64,
    },
    /// A segment was answered with a reset, or might have been.
    TurnedAway(Tuple),
    /// A guest has lost its memory of it.
    Forgotten(Tuple),
    Reported {
        tuple: Tuple,
        report: Report,
    },
}

/// What runs at a station.
pub(crate) enum Stack<'a> {
    Ours(Box<Node<'a>>),
    Usual(Usual),
    Guest(Guest<'a>),
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
    /// As it is after its boots, of which there were so many before.
    pub(crate) fn new(number: usize, plan: &Plan, boots: u64, room: &'a mut Room<'a>) -> Self {
        let mut card =
            Card { is_brittle: plan.mutation == Some(Mutation::BrittleCard), ..Card::NEW };
        let entropy = if plan.mutation == Some(Mutation::SameSeed) { 0 } else { boots << 32 };
        let seed = plan.seed.wrapping_mul(31).wrapping_add(number as u64) ^ entropy;
        let cidrs =
            [(false, 16), (true, 64)].map(|(v6, len)| IpCidr::new(address(number, v6), len));
        let (stack, slots) = match (plan.mutation, room) {
            (Some(mutation), _) if number == 0 && mutation.is_of_the_server() => {
                (Stack::Usual(Usual::new(&cidrs, seed, mutation, &mut card)), usual::SOCKETS)
            }
            (_, Room::Guest(quarters)) => {
                let guest = Guest::new(number, &cidrs, seed, plan.habits, quarters, &mut card);
                (Stack::Guest(guest), guest::PLACES)
            }
            (_, Room::Few(storage, datagrams)) => {
                let memory = storage.memory().with(datagrams.memory());
                (Stack::Ours(node(number, plan, seed, memory, 1, &mut card)), 2)
            }
            (_, Room::Many(storage, datagrams)) => {
                let memory = storage.memory().with(datagrams.memory());
                (Stack::Ours(node(number, plan, seed, memory, 5, &mut card)), 16)
            }
        };
        Station { stack, card, clock: Clock::RIGHT, happened: Vec::new(), slots }
    }

    /// One poll, at this instant of the world.
    pub(crate) fn poll(&mut self, now: Instant) {
        let Station { stack, card, clock, happened, .. } = self;
        let node = match stack {
            Stack::Ours(node) => node,
            Stack::Usual(usual) => return usual.poll(clock.shows(now), card),
            Stack::Guest(guest) => {
                return guest.poll(clock.shows(now), card, &mut |it| happened.push(it));
            }
        };
        memory::without(|| {
            node.poll(clock.shows(now), card, |event| memory::with(|| note(event, happened)));
        });
    }

    /// When it wants to be polled again, as the world counts.
    pub(crate) fn due(&mut self, now: Instant) -> Option<Instant> {
        let shows = self.clock.shows(now);
        let at = match &mut self.stack {
            Stack::Ours(node) => {
                let mut at = None;
                memory::without(|| at = node.poll_at(shows));
                at
            }
            Stack::Usual(usual) => usual.poll_at(shows),
            Stack::Guest(guest) => guest.poll_at(shows),
        }?;
        Some(self.clock.when_it_shows(at, now))
    }

    /// Begins it, unless the client has no room for it.
    pub(crate) fn begin(&mut self, operation: Operation, now: Instant) -> Option<Tuple> {
        let (server, shows) =
            (IpEndpoint::new(address(0, operation.v6), PORT), self.clock.shows(now));
        let node = match &mut self.stack {
            Stack::Ours(node) => node,
            Stack::Usual(_) => return None,
            Stack::Guest(guest) => {
                let visit = operation.what.as_visit()?;
                return guest.begin(server, visit, shows);
            }
        };
        match operation.what {
            Deed::Talk { len, half_close } => {
                let message = Message::repeated(&PATTERN, len);
                let message = if half_close { message.half_close() } else { message };
                node.connect(server, message, shows).ok()
            }
            Deed::Ask(count) => {
                let query = Query::new(&PATTERN).count(count);
                let query = query.patience(Duration::from_millis(200), 5);
                node.query(server, query).ok()
            }
            Deed::Visit(_) => None,
        }
    }
}

/// What an oracle wants to know of it.
fn note(event: Event<'_>, happened: &mut Vec<Happened>) {
    match event {
        Event::Closed { tuple, reason, received, sent } => {
            happened.push(Happened::Closed { tuple, end: reason, received, sent });
        }
        Event::Accepted { tuple } | Event::Connected { tuple } => {
            happened.push(Happened::Opened(tuple));
        }
        Event::Received { protocol: Protocol::Tcp, tuple, .. }
        | Event::Sent { protocol: Protocol::Tcp, tuple, .. }
            if happened.last() != Some(&Happened::GotOn(tuple)) =>
        {
            happened.push(Happened::GotOn(tuple));
        }
        Event::Dropped {
            reason: DropReason::Full | DropReason::NoConnection,
            tuple: Some(tuple),
        } => {
            happened.push(Happened::TurnedAway(tuple));
        }
        Event::Reported { tuple, report } => happened.push(Happened::Reported { tuple, report }),
        _ => {}
    }
}

/// The product; the first of them serves.
fn node<'a>(
    number: usize,
    plan: &Plan,
    seed: u64,
    memory: Memory<'a>,
    backlog: u16,
    card: &mut Card,
) -> Box<Node<'a>> {
    let mut config = Config::new(mac(number).0, seed);
    config.timeouts = match plan.mutation {
        Some(Mutation::Impatient) => halved(plan.timeouts),
        _ => plan.timeouts,
    };
    for (v6, len) in [(false, 16), (true, 64)] {
        let cidr = IpCidr::new(address(number, v6), len);
        config = config.address(cidr).expect("room for two addresses");
    }
    let node = Node::new(&config, memory, card, Instant::ZERO).expect("a good configuration");
    let mut node = Box::new(node);
    if number == 0 {
        node.listen(Listener::new(PORT, backlog).service(plan.flow)).expect("a free port");
        node.bind(PORT, UdpService::Echo).expect("a free port");
    }
    node
}

fn halved(Timeouts { handshake, idle, stall, persist, fin_wait, time_wait }: Timeouts) -> Timeouts {
    let [handshake, idle, stall, persist, fin_wait, time_wait] =
        [handshake, idle, stall, persist, fin_wait, time_wait]
            .map(|limit| limit.map(|limit| limit / 2));
    Timeouts { handshake, idle, stall, persist, fin_wait, time_wait }
}

impl Stack<'_> {
    /// Places for connections that nobody has.
    pub(crate) fn free(&self) -> usize {
        match self {
            Stack::Ours(node) => node.occupancy().free,
            Stack::Usual(usual) => usual.listening(),
            Stack::Guest(guest) => guest.free(),
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
        if self.millionths == 0 {
            return self.showed + (now - self.since);
        }
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
pub(crate) struct Card {
    arrived: VecDeque<Vec<u8>>,
    pub(crate) leaving: Vec<Vec<u8>>,
    /// Frames that the stack took since somebody looked.
    pub(crate) taken: usize,
    /// Whether its cable is in.
    pub(crate) is_up: bool,
    /// Whether it cannot bear that.
    is_brittle: bool,
}

impl Card {
    const NEW: Card = Card {
        arrived: VecDeque::new(),
        leaving: Vec::new(),
        taken: 0,
        is_up: true,
        is_brittle: false,
    };

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
        self.taken += 1;
        Some((Arrived(frame), Leaving(self)))
    }

    fn transmit(&mut self, _: Instant) -> Option<Leaving<'_>> {
        (self.leaving.len() < CARD).then_some(Leaving(self))
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

pub(crate) struct Leaving<'t>(&'t mut Card);

impl TxToken for Leaving<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        let mut frame = memory::with(|| vec![0; len]);
        let result = f(&mut frame);
        assert!(self.0.is_up || !self.0.is_brittle, "the link is down");
        memory::with(|| self.0.leaving.push(frame));
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
