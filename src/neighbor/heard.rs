//! What a message of a neighbour says about an address.

use smoltcp::wire::{EthernetAddress, IpAddress};

/// An address, and the station that has it or probes for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Heard {
    pub(crate) address: IpAddress,
    pub(crate) mac: EthernetAddress,
    pub(crate) is_probe: bool,
    /// An ARP reply or an announcement, and no request for another's address.
    #[cfg(feature = "dhcpv4")]
    pub(crate) is_told: bool,
}
