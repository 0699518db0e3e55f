//! Servers given as addresses, or as names that are resolved.

use std::net::{SocketAddr, SocketAddrV6, ToSocketAddrs};

use nix::net::if_::if_nametoindex;

use crate::args::scope;
use crate::fault::Fault;

/// All addresses of these targets, without repetitions.
pub(crate) fn resolve(texts: &[String]) -> Result<Vec<SocketAddr>, Fault> {
    let mut targets = Vec::new();
    for text in texts {
        for address in addresses(text)? {
            if address.port() == 0 {
                return Err(Fault::usage(format!(
                    "{text}: one from 1 to 65535 would do as a port"
                )));
            }
            if !targets.contains(&address) {
                targets.push(address);
            }
        }
    }
    Ok(targets)
}

fn addresses(text: &str) -> Result<Vec<SocketAddr>, Fault> {
    let (bare, link) = scope::split(text);
    if let (Ok(SocketAddr::V6(v6)), Some(link)) = (bare.parse(), link) {
        let index = if_nametoindex(link.as_str()).ok().or_else(|| link.parse().ok());
        let index = index.ok_or_else(|| {
            Fault::usage(format!("{text}: there is no interface {link}; see ip link"))
        })?;
        return Ok(vec![SocketAddrV6::new(*v6.ip(), v6.port(), 0, index).into()]);
    }
    if text.rsplit_once(':').is_none_or(|(_, port)| port.parse::<u16>().is_err()) {
        return Err(Fault::usage(format!("{text}: its port is missing; {text}:12345 would do")));
    }
    text.to_socket_addrs().map(Iterator::collect).map_err(|error| {
        Fault::usage(format!(
            "{text}: {error}; an address and a port like 192.168.69.1:12345 or [fdaa::1]:12345 would do"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_address_once() {
        let texts = ["127.0.0.1:7", "[::1]:7", "127.0.0.1:7"].map(String::from);
        let found = resolve(&texts).expect("addresses");
        assert_eq!(found, ["127.0.0.1:7".parse().unwrap(), "[::1]:7".parse().unwrap()]);
    }

    #[test]
    fn bad_targets_are_usage_faults() {
        for bad in ["127.0.0.1", "127.0.0.1:0", "127.0.0.1:x", "::1", "", "[fe80::1%nowhere9]:7"] {
            let fault = resolve(&[bad.into()]).expect_err(bad);
            assert_eq!(fault.status(), 2, "{bad}: {fault}");
        }
    }
}
