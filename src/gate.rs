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

use crate::event::{Refusal, Tuple};
#[cfg(feature = "proto-ipv6")]
use crate::ipv6::upper_layer;

/// The port of a DHCP client (RFC 2131 section 4.1).
const DHCP_CLIENT: u16 = 68;

/// What a frame turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// A TCP segment, to whatever address.
    Segment(Header),
    /// A UDP datagram, with its two ends.
    Datagram(Tuple),
    /// A fragment of a UDP datagram, and where it ends in it.
    Fragment(usize),
    /// A UDP datagram for a DHCP client's port.
    Lease(Tuple),
    /// Somebody tells a hardware address: whoever waits for one may go on.
    Neighbor,
    /// A router speaks.
    #[cfg(feature = "proto-ipv6")]
    Router,
    /// Whatever else smoltcp answers or ignores by itself.
    Other,
    /// Not to be passed on.
    Refused(Refusal),
}

/// The part of a TCP segment that says where it belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) tuple: Tuple,
    pub(crate) kind: Kind,
    pub(crate) seq: TcpSeqNumber,
    pub(crate) ack: TcpSeqNumber,
}

/// What a segment's control bits ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A SYN without an ACK: a connection.
    Open,
    /// A RST: its end.
    Reset,
    /// A SYN with an ACK: the answer to ours.
    Answer,
    /// Everything else, within a connection.
    Within,
    /// The same with a FIN.
    Last,
    /// None of SYN, RST and ACK: no connection has such a segment.
    Bare,
}

/// Who we are.
pub(crate) struct Own<'a> {
    pub(crate) mac: EthernetAddress,
    pub(crate) addresses: &'a [IpCidr],
}

impl Own<'_> {
    /// Reads a frame as far as its TCP ports.
    pub(crate) fn see(&self, frame: &[u8]) -> Seen {
        let Ok(ethernet) = EthernetFrame::new_checked(frame) else {
            return Seen::Refused(Refusal::Malformed);
        };
        let to = ethernet.dst_addr();
        if to != self.mac && !to.is_broadcast() && !to.is_multicast() {
            return Seen::Refused(Refusal::NotOurs);
        }
        let is_for_all = to != self.mac;
        match ethernet.ethertype() {
            EthernetProtocol::Arp => Seen::Neighbor,
            EthernetProtocol::Ipv4 => self.see_ipv4(ethernet.payload(), is_for_all),
            #[cfg(feature = "proto-ipv6")]
            EthernetProtocol::Ipv6 => self.see_ipv6(ethernet.payload(), is_for_all),
            _ => Seen::Refused(Refusal::UnknownProtocol),
        }
    }

    fn see_ipv4(&self, packet: &[u8], is_for_all: bool) -> Seen {
        let Ok(ip) = Ipv4Packet::new_checked(packet) else {
            return Seen::Refused(Refusal::Malformed);
        };
        let (from, to) = (ip.src_addr(), ip.dst_addr());
        // RFC 1122 section 3.3.6: what is for one host does not come in a frame for all.
        if is_for_all && self.has(&to.into()) {
            return Seen::Refused(Refusal::Broadcast);
        }
        let is_fragment = ip.more_frags() || ip.frag_offset() != 0;
        match ip.next_header() {
            // smoltcp takes the fragment for the whole where it cannot put one together.
            _ if is_fragment && cfg!(not(feature = "ipv4-fragmentation")) => {
                Seen::Refused(Refusal::Fragment)
            }
            IpProtocol::Tcp if is_fragment => Seen::Refused(Refusal::Fragment),
            IpProtocol::Tcp => see_tcp(from, to, ip.payload()),
            IpProtocol::Udp if is_fragment => {
                Seen::Fragment(usize::from(ip.frag_offset()) + ip.payload().len())
            }
            IpProtocol::Udp => see_udp(from, to, ip.payload()),
            _ => Seen::Other,
        }
    }

    #[cfg(feature = "proto-ipv6")]
    fn see_ipv6(&self, packet: &[u8], is_for_all: bool) -> Seen {
        let Ok(ip) = Ipv6Packet::new_checked(packet) else {
            return Seen::Refused(Refusal::Malformed);
        };
        let (from, to) = (ip.src_addr(), ip.dst_addr());
        if is_for_all && self.has(&to.into()) {
            return Seen::Refused(Refusal::Broadcast);
        }
        let Some((protocol, start)) = upper_layer(&ip) else {
            return Seen::Refused(Refusal::Malformed);
        };
        let payload = &ip.payload()[start..];
        let message = payload.first().map(|message| Icmpv6Message::from(*message));
        match protocol {
            IpProtocol::Tcp => see_tcp(from, to, payload),
            IpProtocol::Udp => see_udp(from, to, payload),
            IpProtocol::Ipv6Frag => Seen::Refused(Refusal::Fragment),
            IpProtocol::Icmpv6 if message == Some(Icmpv6Message::NeighborAdvert) => Seen::Neighbor,
            IpProtocol::Icmpv6 if message == Some(Icmpv6Message::RouterAdvert) => Seen::Router,
            _ => Seen::Other,
        }
    }

    /// Why there is nobody here to take a segment to this address; `None` if it is ours.
    pub(crate) fn refuses(&self, address: &IpAddress) -> Option<Refusal> {
        if self.has(address) {
            return None;
        }
        // RFC 9293 MUST-57: a SYN to a broadcast or multicast address is dropped, not answered.
        let is_for_all = address.is_multicast() || self.is_broadcast(address);
        Some(if is_for_all { Refusal::Broadcast } else { Refusal::NotOurs })
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

fn see_tcp<A: Into<IpAddress>>(from: A, to: A, segment: &[u8]) -> Seen {
    let Ok(tcp) = TcpPacket::new_checked(segment) else {
        return Seen::Refused(Refusal::Malformed);
    };
    let (local, remote) = (tcp.dst_port(), tcp.src_port());
    if local == 0 || remote == 0 {
        return Seen::Refused(Refusal::Malformed);
    }
    Seen::Segment(Header {
        tuple: Tuple {
            local: IpEndpoint::new(to.into(), local),
            remote: IpEndpoint::new(from.into(), remote),
        },
        kind: match (tcp.rst(), tcp.syn(), tcp.ack()) {
            (true, _, _) => Kind::Reset,
            (_, true, false) => Kind::Open,
            (_, true, true) => Kind::Answer,
            (_, _, true) if tcp.fin() => Kind::Last,
            (_, _, true) => Kind::Within,
            _ => Kind::Bare,
        },
        seq: tcp.seq_number(),
        ack: tcp.ack_number(),
    })
}

fn see_udp<A: Into<IpAddress>>(from: A, to: A, datagram: &[u8]) -> Seen {
    let Ok(udp) = UdpPacket::new_checked(datagram) else {
        return Seen::Refused(Refusal::Malformed);
    };
    let tuple = Tuple {
        local: IpEndpoint::new(to.into(), udp.dst_port()),
        remote: IpEndpoint::new(from.into(), udp.src_port()),
    };
    if udp.dst_port() == DHCP_CLIENT { Seen::Lease(tuple) } else { Seen::Datagram(tuple) }
}

fn is_loopback(address: &IpAddress) -> bool {
    match address {
        IpAddress::Ipv4(v4) => v4.is_loopback(),
        #[cfg(feature = "proto-ipv6")]
        IpAddress::Ipv6(v6) => v6.is_loopback(),
    }
}
