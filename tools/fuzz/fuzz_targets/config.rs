//! Any configuration, and any call on its node: it fails with an error, or works.
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use smolecho::{
    Config, DatagramStorage, Listener, Message, Node, Query, Rate, Storage, TcpService, Timeouts,
    UdpPolicy, UdpService, WhenFull,
};
use smolecho_sim::card::Card;
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{IpAddress, IpCidr, IpEndpoint, Ipv4Address, Ipv6Address};

#[derive(Arbitrary, Debug)]
struct Input {
    mac: [u8; 6],
    seed: u64,
    addresses: Vec<(Address, u8)>,
    gateways: Vec<Address>,
    dhcpv4: bool,
    slaac: bool,
    timeouts: [Option<u64>; 6],
    keep_alive: Option<u64>,
    per_source: Option<u16>,
    rates: [Option<(u32, u32)>; 2],
    lowest_port: u16,
    calls: Vec<(Call, u32)>,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Address {
    V4([u8; 4]),
    V6([u8; 16]),
}

impl From<Address> for IpAddress {
    fn from(address: Address) -> IpAddress {
        match address {
            Address::V4(bytes) => IpAddress::Ipv4(Ipv4Address::from(bytes)),
            Address::V6(bytes) => IpAddress::Ipv6(Ipv6Address::from(bytes)),
        }
    }
}

#[derive(Arbitrary, Debug)]
enum Call {
    Listen(u16, u16, u8, bool),
    Bind(u16, u8),
    Connect(Address, u16, u32),
    Query(Address, u16, u32, u64, u8),
    Finish,
    Abort,
    Poll,
}

fn config(input: &Input) -> Option<Config> {
    let mut config = Config::new(input.mac, input.seed);
    for (address, prefix) in &input.addresses {
        let address = IpAddress::from(*address);
        let most = if matches!(address, IpAddress::Ipv4(_)) { 32 } else { 128 };
        config = config.address(IpCidr::new(address, prefix % (most + 1))).ok()?;
    }
    for gateway in input.gateways.iter().take(2) {
        let _ = config.gateways.push((*gateway).into());
    }
    let [handshake, idle, stall, persist, fin_wait, time_wait] =
        input.timeouts.map(|micros| micros.map(Duration::from_micros));
    let [per_source, total] =
        input.rates.map(|rate| rate.map(|(per_second, burst)| Rate { per_second, burst }));
    Some(Config {
        dhcpv4: input.dhcpv4,
        slaac: input.slaac,
        timeouts: Timeouts { handshake, idle, stall, persist, fin_wait, time_wait },
        keep_alive: input.keep_alive.map(Duration::from_micros),
        per_source: input.per_source,
        udp_policy: UdpPolicy { lowest_port: input.lowest_port, per_source, total },
        ..config
    })
}

fuzz_target!(|input: Input| {
    let Some(config) = config(&input) else { return };
    let checked = config.check();
    let mut storage = Storage::<2, 64>::new();
    let mut datagrams = DatagramStorage::<1, 1, 64>::new();
    let (mut card, mut now) = (Card::default(), Instant::ZERO);
    card.capacity = usize::MAX;
    let memory = storage.memory().with(datagrams.memory());
    let made = Node::new(&config, memory, &mut card, now);
    if let Err(error) = checked {
        assert_eq!(made.err(), Some(error), "Node::new and Config::check disagree");
        return;
    }
    let Ok(mut node) = made else { return };
    for (call, millis) in &input.calls {
        match *call {
            Call::Listen(port, backlog, flow, silent) => {
                let flow = [
                    TcpService::Stream,
                    TcpService::Once,
                    TcpService::Discard,
                    TcpService::Chargen,
                ][usize::from(flow % 4)];
                let when_full = if silent { WhenFull::Silence } else { WhenFull::Reset };
                let _ = node.listen(Listener { port, backlog, service: flow, when_full });
            }
            Call::Bind(port, service) => {
                let services = [UdpService::Echo, UdpService::Discard, UdpService::Chargen];
                let _ = node.bind(port, services[usize::from(service % 3)]);
            }
            Call::Connect(to, port, len) => {
                let message = Message::repeated(b"hello", len.into());
                let _ = node.connect(IpEndpoint::new(to.into(), port), message, now);
            }
            Call::Query(to, port, count, wait, tries) => {
                let query =
                    Query::new(b"hello").count(count).patience(Duration::from_micros(wait), tries);
                let _ = node.query(IpEndpoint::new(to.into(), port), query);
            }
            Call::Finish => node.finish(now),
            Call::Abort => node.abort(now, &mut card, |_| {}),
            Call::Poll => {}
        }
        node.poll(now, &mut card, |_| {});
        card.tx.clear();
        assert!(node.poll_at(now).is_none_or(|at| at >= now), "poll_at is in the past");
        now += Duration::from_millis((*millis).into());
    }
});
