//! Parsers for option values. An error says which value would do.

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use smolecho::UdpPolicy;
use smoltcp::wire::{EthernetAddress, IpAddress, IpCidr, IpEndpoint};

use super::scope::{self, Scoped};

/// The longest time limit. A longer one is a mistake, because `off` exists.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);

/// A limit; `None` is `off`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limit<T>(pub(crate) Option<T>);

impl Limit<Duration> {
    pub(crate) fn for_stack(self) -> Option<smoltcp::time::Duration> {
        self.0.map(Into::into)
    }
}

pub(crate) fn limit(text: &str) -> Result<Limit<Duration>, String> {
    if text == "off" {
        return Ok(Limit(None));
    }
    match humantime::parse_duration(text) {
        Ok(limit) if limit > LONGEST => Err("longer than a year; off means no limit".into()),
        Ok(limit) if limit >= Duration::from_micros(1) => Ok(Limit(Some(limit))),
        _ => Err("a time like 10s, 5m, 250ms, or off would do".into()),
    }
}

/// A time limit that cannot be `off`.
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

/// Parses a percentage into parts per million.
pub(crate) fn percent(text: &str) -> Result<u32, String> {
    match text.trim_end_matches('%').parse::<f64>() {
        Ok(percent) if (0.0..=100.0).contains(&percent) => Ok((percent * 10_000.0).round() as u32),
        _ => Err("a number from 0 to 100, such as 0.5, would do".into()),
    }
}

/// A time that may be zero.
pub(crate) fn delay(text: &str) -> Result<Duration, String> {
    const LONGEST_DELAY: Duration = Duration::from_secs(60);
    match humantime::parse_duration(text) {
        _ if text == "0" => Ok(Duration::ZERO),
        Ok(delay) if delay <= LONGEST_DELAY => Ok(delay),
        _ => Err("a time like 20ms, up to 1m, would do".into()),
    }
}

/// Bytes per second.
pub(crate) fn rate(text: &str) -> Result<Limit<u64>, String> {
    limited(text, 1..=u64::MAX, "bytes per second, such as 125000, or off, would do")
}

/// A number of connections.
pub(crate) fn cap(text: &str) -> Result<Limit<u16>, String> {
    limited(text, 1..=u16::MAX, "a number from 1 to 65535, or off, would do")
}

/// Datagrams per second.
pub(crate) fn udp_rate(text: &str) -> Result<Limit<u32>, String> {
    limited(text, 1..=1_000_000_000, "a number from 1 to 1000000000, or off, would do")
}

fn limited<T: FromStr + PartialOrd>(
    text: &str,
    range: RangeInclusive<T>,
    hint: &str,
) -> Result<Limit<T>, String> {
    match text.parse() {
        _ if text == "off" => Ok(Limit(None)),
        Ok(number) if range.contains(&number) => Ok(Limit(Some(number))),
        _ => Err(hint.to_owned()),
    }
}

impl Limit<u32> {
    /// The library's policy with this rate per source and twice this rate in total; each burst is the rate of
    /// 100 ms.
    pub(crate) fn udp_policy(self) -> UdpPolicy {
        let rate = |per_second: u32| smolecho::Rate { per_second, burst: (per_second / 10).max(1) };
        UdpPolicy {
            per_source: self.0.map(rate),
            total: self.0.map(|per_second| rate(2 * per_second)),
            ..UdpPolicy::DEFAULT
        }
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
        Ok(_) => Err("port 0 is reserved; a port from 1 to 65535 would do".into()),
        Err(_) => Err(match bare.parse::<IpAddr>() {
            Ok(IpAddr::V4(v4)) => format!("its port is missing; {v4}:12345 would do"),
            Ok(IpAddr::V6(_)) => format!("its port is missing; [{text}]:12345 would do"),
            Err(_) => "an address and a port like 192.168.69.100:12345 or [fdaa::100]:12345 \
                       would do; names are not resolved"
                .into(),
        }),
    }
}

pub(crate) fn mac(text: &str) -> Result<EthernetAddress, String> {
    match text.parse::<EthernetAddress>() {
        Ok(mac) if mac.is_unicast() && mac != EthernetAddress([0; 6]) => Ok(mac),
        Ok(_) => Err("not a unicast address; 02:00:00:00:00:01 would do".into()),
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
    fn the_default_rate_is_the_librarys() {
        assert_eq!(udp_rate("500000").map(Limit::udp_policy), Ok(UdpPolicy::DEFAULT));
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
