//! An ARP packet, or a message of neighbour discovery, that smoltcp does not make.

use smoltcp::phy::TxToken;
use smoltcp::wire::{ArpPacket, ArpRepr, EthernetAddress, EthernetFrame, EthernetProtocol};
#[cfg(feature = "proto-ipv6")]
use smoltcp::{
    phy::ChecksumCapabilities,
    wire::{Icmpv6Packet, Icmpv6Repr, IpProtocol, Ipv6Address, Ipv6Packet, Ipv6Repr, NdiscRepr},
};

/// It, and who sends it to whom.
pub(crate) struct Message {
    pub(super) from: EthernetAddress,
    pub(super) to: EthernetAddress,
    pub(super) body: Body,
}

pub(super) enum Body {
    Arp(ArpRepr),
    #[cfg(feature = "proto-ipv6")]
    Ndisc {
        from: Ipv6Address,
        to: Ipv6Address,
        repr: NdiscRepr<'static>,
    },
}

/// A target and a link-layer address: no message here is longer.
#[cfg(feature = "proto-ipv6")]
const MAX_BODY: usize = 40 + 24 + 8;
#[cfg(not(feature = "proto-ipv6"))]
const MAX_BODY: usize = 28;

impl Message {
    pub(crate) const MAX_LEN: usize = EthernetFrame::<&[u8]>::buffer_len(MAX_BODY);

    pub(crate) fn send(&self, token: Option<impl TxToken>) {
        if let Some(token) = token {
            token.consume(self.len(), |buffer| self.write(buffer));
        }
    }

    /// Bytes of its frame.
    pub(crate) fn len(&self) -> usize {
        EthernetFrame::<&[u8]>::buffer_len(match &self.body {
            Body::Arp(arp) => arp.buffer_len(),
            #[cfg(feature = "proto-ipv6")]
            Body::Ndisc { repr, .. } => 40 + repr.buffer_len(),
        })
    }

    /// Writes its frame, [`len`](Self::len) bytes.
    pub(crate) fn write(&self, buffer: &mut [u8]) {
        let mut frame = EthernetFrame::new_unchecked(buffer);
        frame.set_src_addr(self.from);
        frame.set_dst_addr(self.to);
        match self.body {
            Body::Arp(arp) => {
                frame.set_ethertype(EthernetProtocol::Arp);
                arp.emit(&mut ArpPacket::new_unchecked(frame.payload_mut()));
            }
            #[cfg(feature = "proto-ipv6")]
            Body::Ndisc { from, to, repr } => {
                frame.set_ethertype(EthernetProtocol::Ipv6);
                let ip = Ipv6Repr {
                    src_addr: from,
                    dst_addr: to,
                    next_header: IpProtocol::Icmpv6,
                    payload_len: repr.buffer_len(),
                    // RFC 4861 section 7.1: no router has passed it on.
                    hop_limit: 255,
                };
                let mut packet = Ipv6Packet::new_unchecked(frame.payload_mut());
                ip.emit(&mut packet);
                Icmpv6Repr::Ndisc(repr).emit(
                    &from,
                    &to,
                    &mut Icmpv6Packet::new_unchecked(packet.payload_mut()),
                    &ChecksumCapabilities::default(),
                );
            }
        }
    }
}
