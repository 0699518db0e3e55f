//! What becomes of a frame of a neighbour.

#[cfg(feature = "proto-ipv6")]
use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{EthernetAddress, IpCidr, Ipv4Address};

use super::message::ARP_FRAME;

/// Room for a message to smoltcp or from it: a neighbour advertisement with a few options more than usual.
pub(crate) type Buffer = [u8; if cfg!(feature = "proto-ipv6") { 128 } else { ARP_FRAME }];

/// What becomes of a frame.
pub(crate) enum Reaction<'b> {
    /// smoltcp takes it.
    Deliver,
    /// smoltcp takes this in its place.
    Retell(&'b [u8]),
    /// It gets this answer, and smoltcp does not see it.
    Answer(&'b [u8]),
}

/// A station's view of a frame with ARP or neighbour discovery.
pub(crate) struct Station<'a> {
    pub(crate) mac: EthernetAddress,
    pub(crate) own: &'a [IpCidr],
    #[cfg(feature = "proto-ipv6")]
    pub(crate) checksums: &'a ChecksumCapabilities,
    /// The name for the sender of this frame, if it is a router outside the network: see
    /// `addresses::off_link`.
    pub(crate) alias: Option<Ipv4Address>,
}
