//! The values of options: each parser says what would do.

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::time::Duration;

use smolecho::UdpPolicy;
use smoltcp::wire::{EthernetAddress, IpAddress, IpCidr, IpEndpoint};

use crate::scope::{self, Scoped};

/// The longest time limit: beyond it nobody means a number, and `off` is there.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);

/// A time limit, or `off`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limit(pub(crate) Option<Duration>);

impl Limit {
    pub(crate) fn for_stack(self) -> Option<smoltcp::time::Duration> {
        self.0.map(Into::into)
    }
}

pub(crate) fn limit(text: &str) -> Result<Limit, String> {
    if text == "off" {
        return Ok(Limit(None));
    }
    match humantime::parse_duration(text) {
        Ok(limit) if limit > LONGEST => Err("longer than a year; off waits for ever".into()),
        Ok(limit) if limit >= Duration::from_micros(1) => Ok(Limit(Some(limit))),
        _ => Err("a time like 10s, 5m, 250ms, or off would do".into()),
    }
}

/// A time limit that there must be.
pub(crate) fn deadline(text: &str) -> Result<Duration, String> {
    limit(text)
        .ok()
        .and_then(|limit| limit.0)
        .ok_or_else(|| "a time like 10s or 250ms would do".into())
}

pub(crate) fn number(
    range: RangeInclusive<u16>,
) -> impl Fn(&str) -> Result<u16, String> + Clone + Send + Sync + 'static {
    move |text| match text.parse() {
        Ok(number) if range.contains(&number) => Ok(number),
        _ => Err(format!("a number from {} to {} would do", range.start(), range.end())),
    }
}

/// Of a million.
pub(crate) fn percent(text: &str) -> Result<u32, String> {
    match text.trim_end_matches('%').parse::<f64>() {
        Ok(percent) if (0.0..=100.0).contains(&percent) => Ok((percent * 10_000.0).round() as u32),
        _ => Err("a number from 0 to 100, such as 0.5, would do".into()),
    }
}

/// A time that may be nothing.
pub(crate) fn delay(text: &str) -> Result<Duration, String> {
    const LONGEST_DELAY: Duration = Duration::from_secs(60);
    match humantime::parse_duration(text) {
        _ if text == "0" => Ok(Duration::ZERO),
        Ok(delay) if delay <= LONGEST_DELAY => Ok(delay),
        _ => Err("a time like 20ms, up to 1m, would do".into()),
    }
}

/// Bytes a second, or `off`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rate(pub(crate) Option<u64>);

pub(crate) fn rate(text: &str) -> Result<Rate, String> {
    match text.parse() {
        _ if text == "off" => Ok(Rate(None)),
        Ok(rate @ 1..) => Ok(Rate(Some(rate))),
        _ => Err("bytes a second, such as 125000, or off, would do".into()),
    }
}

/// At most so many, or `off`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cap(pub(crate) Option<u16>);

pub(crate) fn cap(text: &str) -> Result<Cap, String> {
    match text.parse() {
        _ if text == "off" => Ok(Cap(None)),
        Ok(number @ 1..) => Ok(Cap(Some(number))),
        _ => Err("a number from 1 to 65535, or off, would do".into()),
    }
}

/// Datagrams a second, or `off`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct UdpRate(Option<u32>);

impl UdpRate {
    /// The library's manners with this rate for one source and twice of it in all; after a pause a
    /// tenth of a second's share comes at once.
    pub(crate) fn udp_policy(self) -> UdpPolicy {
        let rate = |per_second: u32| smolecho::Rate { per_second, burst: (per_second / 10).max(1) };
        UdpPolicy {
            per_source: self.0.map(rate),
            total: self.0.map(|per_second| rate(2 * per_second)),
            ..UdpPolicy::DEFAULT
        }
    }
}

pub(crate) fn udp_rate(text: &str) -> Result<UdpRate, String> {
    const MOST: u32 = 1_000_000_000;
    match text.parse() {
        _ if text == "off" => Ok(UdpRate(None)),
        Ok(number @ 1..=MOST) => Ok(UdpRate(Some(number))),
        _ => Err(format!("a number from 1 to {MOST}, or off, would do")),
    }
}

pub(crate) fn seed(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("a number from 0 to {} would do", u64::MAX))
}

pub(crate) fn cidr(text: &str) -> Result<IpCidr, String> {
    match text.parse::<IpAddr>() {
        Ok(IpAddr::V4(_)) => Err(format!("its prefix length is missing; {text}/24 would do")),
        Ok(IpAddr::V6(_)) => Err(format!("its prefix length is missing; {text}/64 would do")),
        Err(_) => text.parse().map_err(|()| {
            "an address and its prefix length like 192.168.69.1/24 or fdaa::1/64 would do".into()
        }),
    }
}

pub(crate) fn gateway(text: &str) -> Result<Scoped<IpAddress>, String> {
    let (bare, scope) = scope::split(text);
    bare.parse::<IpAddr>()
        .map(|address| Scoped { address: address.into(), scope })
        .map_err(|_| "an address like 192.168.69.100 or fdaa::100 would do".into())
}

pub(crate) fn endpoint(text: &str) -> Result<Scoped<IpEndpoint>, String> {
    let (bare, scope) = scope::split(text);
    match bare.parse::<SocketAddr>() {
        Ok(peer) if peer.port() != 0 => Ok(Scoped { address: peer.into(), scope }),
        Ok(_) => Err("port 0 is no port; one from 1 to 65535 would do".into()),
        Err(_) => Err(match bare.parse::<IpAddr>() {
            Ok(IpAddr::V4(v4)) => format!("its port is missing; {v4}:12345 would do"),
            Ok(IpAddr::V6(_)) => format!("its port is missing; [{text}]:12345 would do"),
            Err(_) => "an address and a port like 192.168.69.100:12345 or [fdaa::100]:12345 \
                       would do; names are not looked up"
                .into(),
        }),
    }
}

pub(crate) fn mac(text: &str) -> Result<EthernetAddress, String> {
    match text.parse::<EthernetAddress>() {
        Ok(mac) if mac.is_unicast() && mac != EthernetAddress([0; 6]) => Ok(mac),
        Ok(_) => Err("the address of no single station; 02:00:00:00:00:01 would do".into()),
        Err(()) => Err("an address like 02:00:00:00:00:01 would do".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits() {
        for (text, micros) in [("10s", 10_000_000), ("5m", 300_000_000), ("250ms", 250_000)] {
            let limit = limit(text).map(|limit| limit.0);
            assert_eq!(limit, Ok(Some(Duration::from_micros(micros))), "{text}");
        }
        assert!(matches!(limit("off"), Ok(Limit(None))));
        for bad in ["", "0", "0s", "10", "-1s", "1ns", "soon", "1000000years", "99999999999999999s"]
        {
            assert!(limit(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn endpoints() {
        for good in ["192.168.69.100:12345", "[fdaa::100]:1", "[fe80::1%eth0]:1", "[::1]:1"] {
            assert!(endpoint(good).is_ok(), "{good}");
        }
        for bad in ["", "12345", "192.168.69.100", "192.168.69.100:0", "fdaa::100", "localhost:1"] {
            assert!(endpoint(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_usual_rates_are_the_librarys() {
        assert_eq!(udp_rate("500000").map(UdpRate::udp_policy), Ok(UdpPolicy::DEFAULT));
        for bad in ["", "0", "-1", "1000000001", "fast"] {
            assert!(udp_rate(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn cidrs() {
        assert!(cidr("192.168.69.1/24").is_ok());
        assert!(cidr("fdaa::1/64").is_ok());
        for bad in ["", "192.168.69.1", "192.168.69.1/33", "fdaa::1", "fdaa::1/129", "/24", "a/b"] {
            assert!(cidr(bad).is_err(), "{bad}");
        }
    }
}
