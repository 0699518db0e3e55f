//! A station: a stack, its network card and its clock.

use smolecho::{
    Config, DatagramStorage, DropReason, Event, Listener, Memory, Message, Node, Protocol, Query,
    Storage, Timeouts, Tuple, UdpService,
};
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{IpCidr, IpEndpoint};

use crate::card::Card;
use crate::clock::Clock;
use crate::guest::{self, Guest, GuestMemory};
use crate::memory;
use crate::network::{PATTERN, PORT, address, mac};
use crate::observed::Observed;
use crate::plan::{Action, Mutation, Operation, Plan, Slots};
use crate::usual::{UsualConfig, UsualServer};

/// TCP sockets of the usual server.
const USUAL_SOCKETS: usize = 4;

/// The memory of one station.
pub(crate) enum StationMemory<'a> {
    Few(Box<Storage<'a, 2, 256>>, Box<DatagramStorage<'a, 2, 2, 1472>>),
    Many(Box<Storage<'a, 16, 4096>>, Box<DatagramStorage<'a, 2, 4, 1472>>),
    Guest(Box<GuestMemory<'a>>),
}

impl<'a> StationMemory<'a> {
    /// Memory for this station of the plan.
    pub(crate) fn of(number: usize, plan: &Plan) -> StationMemory<'a> {
        match (number, plan.slots) {
            _ if is_guest(number, plan) => StationMemory::Guest(Box::new(GuestMemory::new())),
            (0, Slots::Few) => StationMemory::Few(Box::default(), Box::default()),
            _ => StationMemory::Many(Box::default(), Box::default()),
        }
    }
}

fn is_guest(number: usize, plan: &Plan) -> bool {
    number > plan.clients || (number > 0 && plan.mutation == Some(Mutation::UsualClient))
}

/// The stack of a station.
pub(crate) enum Stack<'a> {
    Ours(Box<Node<'a>>),
    Usual(Box<UsualServer>),
    Guest(Box<Guest<'a>>),
}

pub(crate) struct Station<'a> {
    pub(crate) stack: Stack<'a>,
    pub(crate) card: Card,
    pub(crate) clock: Clock,
    pub(crate) observed: Vec<Observed>,
    pub(crate) slots: usize,
}

impl<'a> Station<'a> {
    /// A station that was rebooted `boots` times.
    pub(crate) fn new(
        number: usize,
        plan: &Plan,
        boots: u64,
        memory: &'a mut StationMemory<'a>,
    ) -> Self {
        let is_brittle = plan.mutation == Some(Mutation::BrittleCard);
        let mut card = Card { is_brittle, ..Card::default() };
        let entropy = if plan.mutation == Some(Mutation::SameSeed) { 0 } else { boots << 32 };
        let seed = plan.seed.wrapping_mul(31).wrapping_add(number as u64) ^ entropy;
        let cidrs =
            [(false, 16), (true, 64)].map(|(v6, len)| IpCidr::new(address(number, v6), len));
        let (stack, slots) = match (plan.mutation, memory) {
            (Some(mutation), _) if number == 0 && mutation.is_of_the_server() => {
                let config = UsualConfig {
                    mac: mac(0),
                    addresses: &cidrs,
                    seed,
                    port: PORT,
                    connections: USUAL_SOCKETS,
                    buffer: 4096,
                    mutation: Some(mutation),
                };
                let server = UsualServer::new(&config, Instant::ZERO, &mut card);
                (Stack::Usual(Box::new(server)), USUAL_SOCKETS)
            }
            (_, StationMemory::Guest(quarters)) => {
                let guest = Guest::new(number, &cidrs, seed, plan.habits, quarters, &mut card);
                (Stack::Guest(Box::new(guest)), guest::CALLS)
            }
            (_, StationMemory::Few(storage, datagrams)) => {
                let memory = storage.memory().with(datagrams.memory());
                (Stack::Ours(node(number, plan, seed, memory, 1, &mut card)), 2)
            }
            (_, StationMemory::Many(storage, datagrams)) => {
                let memory = storage.memory().with(datagrams.memory());
                (Stack::Ours(node(number, plan, seed, memory, 5, &mut card)), 16)
            }
        };
        Station { stack, card, clock: Clock::RIGHT, observed: Vec::new(), slots }
    }

    /// One poll, at world time `now`.
    pub(crate) fn poll(&mut self, now: Instant) {
        let Station { stack, card, clock, observed, .. } = self;
        let node = match stack {
            Stack::Ours(node) => node,
            Stack::Usual(usual) => return usual.poll(clock.shows(now), card),
            Stack::Guest(guest) => {
                return guest.poll(clock.shows(now), card, &mut |it| observed.push(it));
            }
        };
        memory::without(|| {
            node.poll(clock.shows(now), card, |event| memory::with(|| note(event, observed)));
        });
    }

    /// World time of the next poll; `None` while only a frame can bring work.
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

    /// Begins an operation; `None` if the stack has no room for it, or cannot do it.
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
            Action::Talk { len, half_close } => {
                let message = Message::repeated(&PATTERN, len);
                let message = if half_close { message.half_close() } else { message };
                node.connect(server, message, shows).ok()
            }
            Action::Ask(count) => {
                let query = Query::new(&PATTERN).count(count);
                let query = query.patience(Duration::from_millis(200), 5);
                node.query(server, query).ok()
            }
            Action::Visit(_) => None,
        }
    }
}

/// Keeps the events that the oracle needs.
fn note(event: Event<'_>, observed: &mut Vec<Observed>) {
    match event {
        Event::Closed { tuple, reason, received, sent } => {
            observed.push(Observed::Closed { tuple, reason, received, sent });
        }
        Event::Accepted { tuple } | Event::Connected { tuple } => {
            observed.push(Observed::Opened(tuple));
        }
        Event::Received { protocol: Protocol::Tcp, tuple, .. }
        | Event::Sent { protocol: Protocol::Tcp, tuple, .. }
            if observed.last() != Some(&Observed::Progressed(tuple)) =>
        {
            observed.push(Observed::Progressed(tuple));
        }
        Event::Dropped {
            reason: DropReason::Full | DropReason::NoConnection,
            tuple: Some(tuple),
        } => {
            observed.push(Observed::Refused(tuple));
        }
        Event::Reported { tuple, report } => observed.push(Observed::Reported { tuple, report }),
        _ => {}
    }
}

/// A node. Station 0 serves.
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
    /// Slots without a connection.
    pub(crate) fn free(&self) -> usize {
        match self {
            Stack::Ours(node) => node.occupancy().free,
            Stack::Usual(usual) => usual.free(),
            Stack::Guest(guest) => guest.free(),
        }
    }
}
