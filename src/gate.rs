//! What a frame is, before smoltcp sees it: a segment of some connection, something for all, or
//! nothing that belongs here.
//!
//! The gate reads headers and decides nothing about connections. It checks lengths, never checksums:
//! smoltcp does that, and a frame that only the gate believed in leaves no trace.

use smoltcp::wire::{
    EthernetAddress, EthernetFrame, EthernetProtocol, IpAddress, IpCidr, IpEndpoint, IpProtocol,
    Ipv4Packet, TcpPacket, TcpSeqNumber, UdpPacket,
};
#[cfg(feature = "proto-ipv6")]
use smoltcp::wire::{Icmpv6Message, Ipv6Packet};

use crate::event::{DropReason, Tuple};
#[cfg(feature = "proto-ipv6")]
use crate::ipv6::upper_layer;

/// The port of a DHCP client (RFC 2131 section 4.1).
const DHCP_CLIENT: u16 = 68;

/// What a frame turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FrameClass {
    /// A TCP segment, to whatever address.
    Segment(Header),
    /// A UDP datagram, with its two ends.
    Datagram(Tuple),
    /// A fragment of a UDP datagram, and where it ends in it.
    Fragment(usize),
    /// A UDP datagram for a DHCP client's port.
    Dhcp(Tuple),
    /// Somebody tells a hardware address: whoever waits for one may go on.
    Neighbor,
    /// A router speaks.
    #[cfg(feature = "proto-ipv6")]
    Router,
    /// Whatever else smoltcp answers or ignores by itself.
    Other,
    /// Not to be passed on.
    Drop(DropReason),
}

/// The part of a TCP segment that says where it belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) tuple: Tuple,
    pub(crate) control: Control,
    pub(crate) seq: TcpSeqNumber,
    pub(crate) ack: TcpSeqNumber,
}

/// What a segment's control bits ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Control {
    /// A SYN without an ACK: a connection.
    Syn,
    /// A RST: its end.
    Rst,
    /// A SYN with an ACK: the answer to ours.
    SynAck,
    /// Everything else, within a connection.
    Ack,
    /// The same with a FIN.
    Fin,
    /// None of SYN, RST and ACK: no connection has such a segment.
    NoFlags,
}

/// Who we are.
pub(crate) struct LocalAddresses<'a> {
    pub(crate) mac: EthernetAddress,
    pub(crate) addresses: &'a [IpCidr],
}

impl LocalAddresses<'_> {
    /// Reads a frame as far as its TCP ports.
    pub(crate) fn classify(&self, frame: &[u8]) -> FrameClass {
        let Ok(ethernet) = EthernetFrame::new_checked(frame) else {
            return FrameClass::Drop(DropReason::Malformed);
        };
        let to = ethernet.dst_addr();
        if to != self.mac && !to.is_broadcast() && !to.is_multicast() {
            return FrameClass::Drop(DropReason::NotOurs);
        }
        let is_for_all = to != self.mac;
        match ethernet.ethertype() {
            EthernetProtocol::Arp => FrameClass::Neighbor,
            EthernetProtocol::Ipv4 => self.classify_ipv4(ethernet.payload(), is_for_all),
            #[cfg(feature = "proto-ipv6")]
            EthernetProtocol::Ipv6 => self.classify_ipv6(ethernet.payload(), is_for_all),
            _ => FrameClass::Drop(DropReason::UnknownProtocol),
        }
    }

    fn classify_ipv4(&self, packet: &[u8], is_for_all: bool) -> FrameClass {
        let Ok(ip) = Ipv4Packet::new_checked(packet) else {
            return FrameClass::Drop(DropReason::Malformed);
        };
        let (from, to) = (ip.src_addr(), ip.dst_addr());
        // RFC 1122 section 3.3.6: what is for one host does not come in a frame for all.
        if is_for_all && self.has(&to.into()) {
            return FrameClass::Drop(DropReason::Broadcast);
        }
        let is_fragment = ip.more_frags() || ip.frag_offset() != 0;
        match ip.next_header() {
            // smoltcp takes the fragment for the whole where it cannot put one together.
            _ if is_fragment && cfg!(not(feature = "ipv4-fragmentation")) => {
                FrameClass::Drop(DropReason::Fragment)
            }
            IpProtocol::Tcp if is_fragment => FrameClass::Drop(DropReason::Fragment),
            IpProtocol::Tcp => classify_tcp(from, to, ip.payload()),
            IpProtocol::Udp if is_fragment => {
                FrameClass::Fragment(usize::from(ip.frag_offset()) + ip.payload().len())
            }
            IpProtocol::Udp => classify_udp(from, to, ip.payload()),
            _ => FrameClass::Other,
        }
    }

    #[cfg(feature = "proto-ipv6")]
    fn classify_ipv6(&self, packet: &[u8], is_for_all: bool) -> FrameClass {
        let Ok(ip) = Ipv6Packet::new_checked(packet) else {
            return FrameClass::Drop(DropReason::Malformed);
        };
        let (from, to) = (ip.src_addr(), ip.dst_addr());
        if is_for_all && self.has(&to.into()) {
            return FrameClass::Drop(DropReason::Broadcast);
        }
        let Some((protocol, start)) = upper_layer(&ip) else {
            return FrameClass::Drop(DropReason::Malformed);
        };
        let payload = &ip.payload()[start..];
        let message = payload.first().map(|message| Icmpv6Message::from(*message));
        match protocol {
            IpProtocol::Tcp => classify_tcp(from, to, payload),
            IpProtocol::Udp => classify_udp(from, to, payload),
            IpProtocol::Ipv6Frag => FrameClass::Drop(DropReason::Fragment),
            IpProtocol::Icmpv6
                if matches!(
                    message,
                    Some(Icmpv6Message::NeighborSolicit | Icmpv6Message::NeighborAdvert)
                ) =>
            {
                FrameClass::Neighbor
            }
            IpProtocol::Icmpv6 if message == Some(Icmpv6Message::RouterAdvert) => {
                FrameClass::Router
            }
            _ => FrameClass::Other,
        }
    }

    /// Why there is nobody here to take a segment to this address; `None` if it is ours.
    pub(crate) fn drop_reason(&self, address: &IpAddress) -> Option<DropReason> {
        if self.has(address) {
            return None;
        }
        // RFC 9293 MUST-57: a SYN to a broadcast or multicast address is dropped, not answered.
        let is_for_all = address.is_multicast() || self.is_broadcast(address);
        Some(if is_for_all { DropReason::Broadcast } else { DropReason::NotOurs })
    }

    /// RFC 1122 section 3.2.1.3, RFC 9293 MUST-63: the sources that no host can have.
    pub(crate) fn is_possible_peer(&self, from: &IpAddress, to: &IpAddress) -> bool {
        from.is_unicast()
            && !self.is_broadcast(from)
            && !self.has(from)
            && (!is_loopback(from) || is_loopback(to))
    }

    pub(crate) fn has(&self, address: &IpAddress) -> bool {
        self.addresses.iter().any(|own| own.address() == *address)
    }

    fn is_broadcast(&self, address: &IpAddress) -> bool {
        address.is_broadcast()
            || self.addresses.iter().any(|own| match own {
                IpCidr::Ipv4(own) => own.broadcast().map(IpAddress::Ipv4) == Some(*address),
                #[cfg(feature = "proto-ipv6")]
                IpCidr::Ipv6(_) => false,
            })
    }
}

fn classify_tcp<A: Into<IpAddress>>(from: A, to: A, segment: &[u8]) -> FrameClass {
    let Ok(tcp) = TcpPacket::new_checked(segment) else {
        return FrameClass::Drop(DropReason::Malformed);
    };
    let (local, remote) = (tcp.dst_port(), tcp.src_port());
    if local == 0 || remote == 0 {
        return FrameClass::Drop(DropReason::Malformed);
    }
    FrameClass::Segment(Header {
        tuple: Tuple {
            local: IpEndpoint::new(to.into(), local),
            remote: IpEndpoint::new(from.into(), remote),
        },
        control: match (tcp.rst(), tcp.syn(), tcp.ack()) {
            (true, _, _) => Control::Rst,
            (_, true, false) => Control::Syn,
            (_, true, true) => Control::SynAck,
            (_, _, true) if tcp.fin() => Control::Fin,
            (_, _, true) => Control::Ack,
            _ => Control::NoFlags,
        },
        seq: tcp.seq_number(),
        ack: tcp.ack_number(),
    })
}

fn classify_udp<A: Into<IpAddress>>(from: A, to: A, datagram: &[u8]) -> FrameClass {
    let Ok(udp) = UdpPacket::new_checked(datagram) else {
        return FrameClass::Drop(DropReason::Malformed);
    };
    let tuple = Tuple {
        local: IpEndpoint::new(to.into(), udp.dst_port()),
        remote: IpEndpoint::new(from.into(), udp.src_port()),
    };
    if udp.dst_port() == DHCP_CLIENT {
        FrameClass::Dhcp(tuple)
    } else {
        FrameClass::Datagram(tuple)
    }
}

fn is_loopback(address: &IpAddress) -> bool {
    match address {
        IpAddress::Ipv4(v4) => v4.is_loopback(),
        #[cfg(feature = "proto-ipv6")]
        IpAddress::Ipv6(v6) => v6.is_loopback(),
    }
}
