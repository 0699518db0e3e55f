//! The network of a trial: an interface, its two addresses of each family, and the way to open it.

use std::{
    fmt, io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::atomic::{AtomicU8, Ordering},
};

use smolecho::{phy::tap::Tap, smoltcp::wire::IpCidr};

use crate::rig::Family;

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Family::V4 => "ipv4",
            Family::V6 => "ipv6",
        })
    }
}

/// The two TAP devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opening {
    /// Whole frames.
    Plain,
    /// With checksums and segmentation left to the kernel.
    Offload,
}

impl Opening {
    pub(crate) fn open(self, name: &str) -> io::Result<Tap> {
        match self {
            Opening::Plain => Tap::open(name),
            Opening::Offload => Tap::open_offload(name),
        }
    }
}

impl fmt::Display for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Opening::Plain => "plain",
            Opening::Offload => "offload",
        })
    }
}

/// The network of one trial, on an interface of its own.
#[derive(Clone, Debug)]
pub(crate) struct Network {
    pub(crate) interface: String,
    pub(crate) number: u8,
}

impl Network {
    const NODE: u8 = 1;
    const HOST: u8 = 2;
    const NOBODY: u8 = 99;

    pub(crate) fn new() -> Network {
        static NEXT: AtomicU8 = AtomicU8::new(1);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Network { interface: format!("echo{number}"), number }
    }

    /// The node's address.
    pub(crate) fn node(&self, family: Family) -> IpAddr {
        self.address(family, Self::NODE)
    }

    /// The kernel's address.
    pub(crate) fn host(&self, family: Family) -> IpAddr {
        self.address(family, Self::HOST)
    }

    /// The node's hardware address.
    pub(crate) fn node_mac(&self) -> [u8; 6] {
        [2, 0, 0, 0, 0, self.number]
    }

    /// An address without a station.
    pub(crate) fn nobody(&self, family: Family) -> IpAddr {
        self.address(family, Self::NOBODY)
    }

    /// Whether the network is the one of this address and prefix.
    pub(crate) fn is_in(&self, cidr: IpCidr) -> bool {
        let family = if matches!(cidr, IpCidr::Ipv4(_)) { Family::V4 } else { Family::V6 };
        cidr.contains_addr(&self.host(family).into())
    }

    pub(crate) fn address(&self, family: Family, station: u8) -> IpAddr {
        match family {
            Family::V4 => Ipv4Addr::new(10, 69, self.number, station).into(),
            Family::V6 => {
                Ipv6Addr::new(0xfd69, 0, 0, self.number.into(), 0, 0, 0, station.into()).into()
            }
        }
    }
}
