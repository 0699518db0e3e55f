//! What a message of a neighbour says about addresses.

use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{ArpOperation, EthernetAddress, EthernetFrame, EthernetProtocol, IpAddress};

use super::arp::Arp;

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

impl Heard {
    /// Reads a frame; `None` if it says nothing of the kind, or is not valid.
    pub(crate) fn read(frame: &[u8], checksums: &ChecksumCapabilities) -> Option<Heard> {
        let frame = EthernetFrame::new_checked(frame).ok()?;
        match frame.ethertype() {
            EthernetProtocol::Arp => Heard::of_arp(&Arp::read(frame.payload())?),
            #[cfg(all(feature = "proto-ipv6", feature = "conflict-detection"))]
            EthernetProtocol::Ipv6 => super::ndisc::heard(&frame, checksums),
            _ => {
                let _ = checksums; // ARP has none.
                None
            }
        }
    }

    fn of_arp(arp: &Arp) -> Option<Heard> {
        let Arp { operation, mac, sender, target } = *arp;
        let is_request = operation == ArpOperation::Request;
        let is_probe = sender.is_unspecified();
        if is_probe && !is_request {
            return None;
        }
        let address = if is_probe { target } else { sender }.into();
        Some(Heard {
            address,
            mac,
            is_probe,
            #[cfg(feature = "dhcpv4")]
            is_told: !is_request || target == sender,
        })
    }
}
