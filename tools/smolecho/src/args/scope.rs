//! `%scope`: which link an address is on, where the address does not say (RFC 4007 section 11). The
//! stack is on one link alone, so there is nothing to choose, only something to get wrong.

use std::fmt;
use std::net::SocketAddr;

use nix::net::if_::if_nametoindex;
use smoltcp::wire::{IpAddress, IpEndpoint};

use crate::fault::Fault;

/// An address, and the link that stands behind its `%`.
#[derive(Clone, Debug)]
pub(crate) struct Scoped<A> {
    pub(crate) address: A,
    pub(crate) scope: Option<String>,
}

impl Scoped<IpEndpoint> {
    /// As this host's programs write it: a link-local address is of no use without its link.
    pub(crate) fn on(link: &str, address: IpEndpoint) -> Self {
        let is_of_link = matches!(address.addr, IpAddress::Ipv6(v6) if v6.is_unicast_link_local());
        Scoped { address, scope: is_of_link.then(|| link.to_owned()) }
    }
}

impl<A: Into<IpEndpoint>> From<A> for Scoped<IpEndpoint> {
    fn from(address: A) -> Self {
        Scoped { address: address.into(), scope: None }
    }
}

impl fmt::Display for Scoped<IpEndpoint> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.scope {
            None => SocketAddr::from(self.address).fmt(f),
            Some(scope) => write!(f, "[{}%{scope}]:{}", self.address.addr, self.address.port),
        }
    }
}

impl fmt::Display for Scoped<IpAddress> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(f)?;
        self.scope.iter().try_for_each(|scope| write!(f, "%{scope}"))
    }
}

/// The address without its scope, and the scope.
pub(crate) fn split(text: &str) -> (String, Option<String>) {
    let Some((address, rest)) = text.split_once('%') else {
        return (text.to_owned(), None);
    };
    let (scope, rest) = rest.split_at(rest.find(']').unwrap_or(rest.len()));
    (format!("{address}{rest}"), Some(scope.to_owned()))
}

/// That the scope, if there is one, is the TAP: by its name, or by its index if it has one already.
/// `option` is where it was given, with a space behind.
pub(crate) fn check<A>(
    option: &str,
    place: &Scoped<A>,
    tap: &str,
    creates: bool,
) -> Result<(), Fault>
where
    Scoped<A>: fmt::Display,
{
    let Some(scope) = place.scope.as_deref().filter(|scope| *scope != tap) else {
        return Ok(());
    };
    let problem = match scope.parse::<u32>() {
        Ok(_) if creates => format!("{tap} is still to be made and has no index yet"),
        Ok(index) if if_nametoindex(tap) == Ok(index) => return Ok(()),
        _ => format!("the stack is on {tap} alone"),
    };
    Err(Fault::usage(format!("{option}{place}: {problem}; %{tap} would do")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_is_what_stands_behind_the_percent_sign() {
        for (text, address, scope) in [
            ("[fe80::1%eth0]:7", "[fe80::1]:7", Some("eth0")),
            ("fe80::1%3", "fe80::1", Some("3")),
            ("[fe80::1]:7", "[fe80::1]:7", None),
            ("[fe80::1%]:7", "[fe80::1]:7", Some("")),
        ] {
            assert_eq!(split(text), (address.to_owned(), scope.map(str::to_owned)), "{text}");
        }
    }
}
