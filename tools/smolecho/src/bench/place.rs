//! Where the services of a server are.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};
use smoltcp::wire::IpEndpoint;

use crate::load::scene::Load;
use crate::node::defaults::ADDRESSES;

pub(super) const PORT: u16 = 12345;

/// The small services of our server.
pub(super) const DISCARD: u16 = 9;
pub(super) const CHARGEN: u16 = 19;

/// The interface between the two, whatever its kind.
pub(super) const LINK: &str = "bench0";

/// Where the services are.
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

    /// Where a load goes, if there is such a service.
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
