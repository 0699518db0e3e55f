//! Each mistake in a configuration has its own error, before anything runs.

use crate::rig::{Family, NODE_MAC, Port, memory};
use smolecho::config::MAX_WAIT;
use smolecho::smoltcp::config::IFACE_MAX_ADDR_COUNT;
use smolecho::smoltcp::time::{Duration, Instant};
use smolecho::smoltcp::wire::{EthernetAddress, IpAddress, IpCidr};
use smolecho::storage::IndexRecord;
use smolecho::{
    Config, ConfigError, ListenError, Listener, Memory, Node, Rate, Timeouts, UdpPolicy,
};

fn config() -> Config {
    Config::new(NODE_MAC.0, 1).address(IpCidr::new(Family::V4.node(), 16)).unwrap()
}

fn addresses<const N: usize>(addresses: [IpCidr; N]) -> Config {
    let config = Config::new(NODE_MAC.0, 1);
    addresses.into_iter().fold(config, |config, address| config.address(address).unwrap())
}

fn gateways<const N: usize>(gateways: [IpAddress; N]) -> Config {
    Config { gateways: gateways.into_iter().collect(), ..config() }
}

fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> IpCidr {
    IpCidr::new(IpAddress::v4(a, b, c, d), prefix)
}

fn made(config: &Config, memory: Memory<'static>, mtu: usize) -> Option<ConfigError> {
    let error =
        Node::new(config, memory, &mut Port { mtu, ..Port::default() }, Instant::ZERO).err()?;
    assert!(error.to_string().len() > 10, "{error:?} has no message");
    Some(error)
}

#[track_caller]
fn check(config: &Config, expected: impl Into<Option<ConfigError>>) {
    assert_eq!(made(config, memory(1, 64, 64, 64), 1514), expected.into());
}

#[test]
fn hardware_addresses() {
    for mac in [[0; 6], [0xff; 6], [1, 0, 0x5e, 0, 0, 1], [0x33, 0x33, 0, 0, 0, 1]] {
        let config = Config { mac: EthernetAddress(mac), ..config() };
        check(&config, ConfigError::HardwareAddress);
    }
    check(&config(), None);
}

#[test]
fn addresses_of_no_host() {
    let v6 = |first, last| IpCidr::new(IpAddress::v6(first, 0, 0, 0, 0, 0, 0, last), 64);
    for address in [
        v4(0, 0, 0, 0, 24),
        v4(255, 255, 255, 255, 24),
        v4(224, 0, 0, 1, 24),
        v4(192, 168, 69, 0, 24),
        v4(192, 168, 69, 255, 24),
        v4(10, 0, 0, 3, 30),
        v6(0, 0),
        v6(0xff02, 1),
    ] {
        check(&addresses([address]), ConfigError::Address(address));
    }
    // RFC 3021, a host route, and ordinary addresses that end in .0.
    for address in
        [v4(10, 0, 0, 0, 31), v4(10, 0, 0, 1, 31), v4(10, 0, 0, 0, 32), v4(10, 0, 1, 0, 16)]
    {
        check(&addresses([address]), None);
    }
    check(&addresses([v4(127, 0, 0, 1, 8)]), None);
    check(&addresses([v6(0xfe80, 1), v4(10, 0, 0, 1, 8)]), None);
    check(&addresses([]), None);
}

#[test]
fn clashing_and_too_many_addresses() {
    let same = [v4(10, 0, 0, 1, 8), v4(10, 0, 0, 1, 24)];
    check(&addresses(same), ConfigError::Twice(same[0].address()));
    let nine = (1..=9)
        .try_fold(Config::new(NODE_MAC.0, 1), |config, n| config.address(v4(10, 0, 0, n, 8)));
    assert_eq!(nine.err(), Some(ConfigError::TooManyAddresses));
    if IFACE_MAX_ADDR_COUNT < 8 {
        let eight = addresses([1, 2, 3, 4, 5, 6, 7, 8].map(|n| v4(10, 0, 0, n, 8)));
        check(&eight, ConfigError::TooManyAddresses);
    }
}

/// The address table must have a free place for each address that can be learned; without one the node
/// would try again in every poll.
#[test]
fn no_room_for_what_is_learned() {
    let given = |n: u8| {
        let none = Config::new(NODE_MAC.0, 1);
        (1..=n).fold(none, |config, n| config.address(v4(10, 0, 0, n, 8)).unwrap())
    };
    let table = IFACE_MAX_ADDR_COUNT as u8;
    // The link-local address and the router's prefix; the lease.
    for (dhcpv4, slaac, learned) in [(false, true, 2), (true, false, 1), (true, true, 3)] {
        check(&Config { dhcpv4, slaac, ..given(table - learned) }, None);
        let full = Config { dhcpv4, slaac, ..given(table - learned + 1) };
        check(&full, ConfigError::TooManyAddresses);
    }
}

/// Found by the fuzzer: such an instant overflows.
#[test]
fn longer_than_a_year() {
    let too_long = MAX_WAIT + Duration::from_micros(1);
    for wait in [too_long, Duration::MAX] {
        let timeouts = Timeouts { time_wait: Some(wait), ..Timeouts::DEFAULT };
        check(&Config { timeouts, ..config() }, ConfigError::Wait);
        check(&Config { keep_alive: Some(wait), ..config() }, ConfigError::Wait);
    }
    check(&Config { keep_alive: Some(MAX_WAIT), ..config() }, None);
    check(&Config { keep_alive: Some(Duration::ZERO), ..config() }, ConfigError::Wait);
}

#[test]
fn rates_that_answer_nobody() {
    for (per_second, burst) in [(1, 0), (0, 1), (0, 0)] {
        let rate = Some(Rate { per_second, burst });
        for (per_source, total) in [(rate, None), (None, rate)] {
            let udp_policy = UdpPolicy { per_source, total, ..UdpPolicy::DEFAULT };
            check(&Config { udp_policy, ..config() }, ConfigError::Rate);
        }
    }
    let least = Some(Rate { per_second: 1, burst: 1 });
    let udp_policy = UdpPolicy { per_source: least, total: least, ..UdpPolicy::DEFAULT };
    check(&Config { udp_policy, ..config() }, None);
}

#[test]
fn gateways_out_of_reach() {
    let (near, far) = (IpAddress::v4(10, 7, 0, 254), IpAddress::v4(192, 0, 2, 1));
    check(&gateways([near]), None);
    check(&gateways([far]), ConfigError::Gateway(far));
    let other = IpAddress::v4(10, 7, 0, 253);
    check(&gateways([near, other]), ConfigError::Gateway(other));
    let other_family = Family::V6.far();
    check(&gateways([other_family]), ConfigError::Gateway(other_family));
}

/// Found by the fuzzer: smoltcp panics when the gateway is no host's address.
#[test]
fn gateways_that_are_no_host() {
    let everywhere = |gateway| {
        let config = addresses([v4(10, 7, 0, 1, 0)]);
        Config { gateways: [gateway].into_iter().collect(), ..config }
    };
    for gateway in [v4(0, 0, 0, 0, 0), v4(255, 255, 255, 255, 0), v4(224, 0, 0, 1, 0)] {
        let gateway = gateway.address();
        check(&everywhere(gateway), ConfigError::Gateway(gateway));
    }
    check(&everywhere(IpAddress::v4(192, 0, 2, 1)), None);
    for gateway in [IpAddress::v4(10, 7, 0, 0), IpAddress::v4(10, 7, 255, 255)] {
        check(&gateways([gateway]), ConfigError::Gateway(gateway));
    }
}

#[test]
fn frames_too_small_for_tcp() {
    for mtu in [0, 10, 14, 589] {
        let error = made(&config(), memory(1, 64, 64, 64), mtu);
        assert_eq!(error, Some(ConfigError::Mtu(mtu)));
    }
    for mtu in [590, 1514, 65_535] {
        assert_eq!(made(&config(), memory(1, 64, 64, 64), mtu), None);
    }
}

#[test]
fn memory_that_cannot_work() {
    let check = |memory, expected| assert_eq!(made(&config(), memory, 1514), expected);
    check(memory(0, 64, 64, 64), Some(ConfigError::Slots(0)));
    check(memory(65_535, 1, 1, 1), Some(ConfigError::Slots(65_535)));
    check(memory(1, 0, 64, 64), Some(ConfigError::Buffer(0)));
    check(memory(1, 64, 0, 64), Some(ConfigError::Buffer(0)));
    check(memory(1, 65_536, 64, 64), Some(ConfigError::Buffer(65_536)));
    check(memory(1, 64, 64, 0), Some(ConfigError::Scratch));
    check(memory(2, 65_535, 1 << 20, 1), None);
}

#[test]
fn indexes_of_another_length() {
    for n in [0, 1, 3] {
        let index = vec![IndexRecord::EMPTY; n].leak();
        let memory = Memory { index, ..memory(2, 64, 64, 64) };
        assert_eq!(made(&config(), memory, 1514), Some(ConfigError::Slots(2)));
    }
}

#[test]
fn ports_that_cannot_be_listened_on() {
    let mut node =
        Node::new(&config(), memory(1, 64, 64, 64), &mut Port::default(), Instant::ZERO).unwrap();
    assert_eq!(node.listen(Listener::new(0, 5)), Err(ListenError::Port));
    assert_eq!(node.listen(Listener::new(7, 0)), Err(ListenError::Backlog));
    assert_eq!(node.listen(Listener::new(7, 1)), Ok(()));
    assert_eq!(node.listen(Listener::new(7, 5)), Err(ListenError::InUse));
    for port in [65_535, 12345, 1] {
        assert_eq!(node.listen(Listener::new(port, u16::MAX)), Ok(()));
    }
    assert_eq!(node.listen(Listener::new(8, 1)), Err(ListenError::TooMany));
}
