//! `%scope`: the link of an address that is only valid on one link (RFC 4007 section 11). The stack has one
//! link, so a scope can only name the TAP.

use std::fmt;
use std::net::SocketAddr;

use nix::net::if_::if_nametoindex;
use smoltcp::wire::{IpAddress, IpEndpoint};

use crate::fault::Fault;

/// An address, and the scope behind its `%`.
#[derive(Clone, Debug)]
pub(crate) struct Scoped<A> {
    pub(crate) address: A,
    pub(crate) scope: Option<String>,
}

impl Scoped<IpEndpoint> {
    /// The address as host programs write it: a link-local address needs its scope.
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

/// Splits `text` into the address and the scope.
pub(crate) fn split(text: &str) -> (String, Option<String>) {
    let Some((address, rest)) = text.split_once('%') else {
        return (text.to_owned(), None);
    };
    let (scope, rest) = rest.split_at(rest.find(']').unwrap_or(rest.len()));
    (format!("{address}{rest}"), Some(scope.to_owned()))
}

/// Checks that the scope, if given, is the TAP's name or index. A TAP that is still to be created (`creates`)
/// has no index. `option` is the option's name and a space.
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
        Ok(_) if creates => format!("{tap} does not exist yet and has no index yet"),
        Ok(index) if if_nametoindex(tap) == Ok(index) => return Ok(()),
        _ => format!("the stack is on {tap} only"),
    };
    Err(Fault::usage(format!("{option}{place}: {problem}; %{tap} would do")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_follows_the_percent_sign() {
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
