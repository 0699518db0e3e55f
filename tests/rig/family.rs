//! The two IP versions, and the addresses of the test network.

use smolecho::smoltcp::wire::{IpAddress, IpCidr, IpEndpoint};

use super::PORT;

/// The IP version of a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    V4,
    V6,
}

impl Family {
    fn on_link(self, host: u16) -> IpAddress {
        match self {
            Family::V4 => {
                let [high, low] = host.to_be_bytes();
                IpAddress::v4(10, 7, high, low)
            }
            Family::V6 => IpAddress::v6(0xfd00, 0, 0, 0, 0, 0, 0, host),
        }
    }

    pub fn cidr(self, host: u16) -> IpCidr {
        IpCidr::new(self.on_link(host), if self == Family::V4 { 16 } else { 64 })
    }

    pub fn node(self) -> IpAddress {
        self.on_link(1)
    }

    pub fn far(self) -> IpAddress {
        self.on_link(2)
    }

    /// A neighbour that is neither the node nor the far end.
    pub fn stranger(self, n: u16) -> IpAddress {
        self.on_link(1000 + n)
    }

    /// The node's address and listening port.
    pub fn server(self) -> IpEndpoint {
        IpEndpoint::new(self.node(), PORT)
    }
}

/// Two tests of each function: one over IPv4, one over IPv6.
macro_rules! in_both_families {
    ($($name:ident),* $(,)?) => {
        mod v4 { $(#[test] fn $name() { super::$name(crate::rig::Family::V4) })* }
        mod v6 { $(#[test] fn $name() { super::$name(crate::rig::Family::V6) })* }
    };
}
pub(crate) use in_both_families;
