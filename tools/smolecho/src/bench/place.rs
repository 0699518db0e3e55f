//! The addresses and ports of a server.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};
use smoltcp::wire::IpEndpoint;

use crate::load::scene::Load;
use crate::node::defaults::ADDRESSES;

pub(super) const PORT: u16 = 12345;

/// Ports of the small services.
pub(super) const DISCARD: u16 = 9;
pub(super) const CHARGEN: u16 = 19;

/// The TAP or veth between client and server.
pub(super) const LINK: &str = "bench0";

/// The echo service, and the ports of the small services if it has them.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Places {
    pub(super) echo: SocketAddr,
    pub(super) discard: Option<u16>,
    pub(super) chargen: Option<u16>,
}

impl Places {
    pub(super) fn of_peers() -> Places {
        let echo = IpEndpoint::new(ADDRESSES[0].address(), PORT).into();
        Places { echo, discard: Some(DISCARD), chargen: Some(CHARGEN) }
    }

    /// The address that a load is for; `None` if there is no such service.
    pub(super) fn of(&self, load: Load) -> Option<SocketAddr> {
        let port = match load {
            Load::Discard => self.discard?,
            Load::Chargen => self.chargen?,
            _ => self.echo.port(),
        };
        let mut place = self.echo;
        place.set_port(port);
        Some(place)
    }
}
