//! Events and counters.

use smoltcp::wire::{EthernetAddress, IpCidr, IpEndpoint};

use crate::named::named;

/// An event during a poll. Received data is borrowed from the stack's buffers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event<'e> {
    /// A listener accepted a connection: the handshake is complete.
    Accepted {
        /// The local and the remote endpoint.
        tuple: Tuple,
    },
    /// A connection opened by [`Node::connect`](crate::Node::connect) is established.
    Connected {
        /// The local and the remote endpoint.
        tuple: Tuple,
    },
    /// Data was read from a receive buffer: `recv` on a stream, `recvfrom` for a whole datagram.
    Received {
        /// The transport protocol.
        protocol: Protocol,
        /// The local and the remote endpoint.
        tuple: Tuple,
        /// The data, in order.
        data: &'e [u8],
    },
    /// Data was written to a transmit buffer: `send` on a stream, `sendto` for a whole datagram.
    Sent {
        /// The transport protocol.
        protocol: Protocol,
        /// The local and the remote endpoint.
        tuple: Tuple,
        /// Its length in bytes.
        bytes: usize,
    },
    /// A connection, or the attempt to open one, has ended; no event follows for it.
    Closed {
        /// The local and the remote endpoint.
        tuple: Tuple,
        /// Why it ended.
        reason: CloseReason,
        /// Bytes received.
        received: u64,
        /// Bytes sent.
        sent: u64,
    },
    /// A datagram was not answered, or its answer could not be sent.
    DatagramDropped {
        /// The reason.
        reason: DatagramDropReason,
        /// The local and the remote endpoint.
        tuple: Tuple,
    },
    /// A [`Query`](crate::Query) has ended.
    Reported {
        /// The local and the remote endpoint.
        tuple: Tuple,
        /// Its counters.
        report: Report,
    },
    /// The node obtained an address by DHCP or SLAAC; or, with conflict detection, no other station has a
    /// configured one.
    AddressGained {
        /// The address, with its network's prefix length.
        cidr: IpCidr,
    },
    /// The node lost an address; the connections on it end.
    AddressLost {
        /// The address, with its network's prefix length.
        cidr: IpCidr,
    },
    /// Another station uses an address that the node has or probes for (RFC 5227, RFC 4862). A probed address
    /// is not used, and probed for again after 60 s. An address in use is defended once;
    /// [`AddressLost`](Event::AddressLost) follows if that fails. Needs
    /// [`Config::conflict_detection`](crate::Config).
    AddressConflict {
        /// The address, with its network's prefix length.
        cidr: IpCidr,
        /// The other station.
        mac: EthernetAddress,
    },
    /// The device's link is up. Only `smolecho::run` reports the link: at its start and at each
    /// change.
    LinkUp,
    /// The device's link is down: frames sent now are lost.
    LinkDown,
    /// A frame was dropped.
    Dropped {
        /// The reason.
        reason: DropReason,
        /// The endpoints, if the frame has ports.
        tuple: Option<Tuple>,
    },
}

/// An event callback; generic, so that an empty one costs nothing.
pub(crate) trait Sink: FnMut(Event<'_>) {}

impl<F: FnMut(Event<'_>)> Sink for F {}

/// A transport protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Protocol {
    /// A byte stream.
    Tcp,
    /// Datagrams.
    Udp,
}

/// A local and a remote endpoint: the 4-tuple that identifies a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tuple {
    /// The node's address and port.
    pub local: IpEndpoint,
    /// The peer's address and port.
    pub remote: IpEndpoint,
}

/// The counters of a [`Query`](crate::Query).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Report {
    /// Datagrams sent, retransmissions included.
    pub sent: u32,
    /// Datagrams answered with the same payload.
    pub answered: u32,
    /// Datagrams that were never answered.
    pub lost: u32,
    /// Answers to a datagram that was already answered.
    pub duplicates: u32,
    /// Answers that arrived after the answer to a later datagram.
    pub reordered: u32,
    /// Answers that match no datagram sent.
    pub mismatched: u32,
    /// The remote host answered that nobody listens on the port (ICMP port unreachable); nothing more was sent.
    pub refused: bool,
}

named! {
    /// Why a connection, or the attempt to open one, ended.
    #[non_exhaustive]
    CloseReason {
        /// Both sides closed, and all data arrived.
        Finished = "finished",
        /// The peer reset the connection.
        Reset = "reset by peer",
        /// The node reset the connection: the peer sent more than
        /// [`TcpService::Once`](crate::TcpService::Once) reads (RFC 1122 section 4.2.2.13).
        Unread = "unread data",
        /// The peer answered our SYN with a reset: its port has no listener.
        ConnectRefused = "connection refused",
        /// The client received bytes that differ from those it sent; the node reset the connection.
        Mismatch = "bytes differ",
        /// The peer closed before the client had received all of its echo.
        Short = "closed early",
        /// The handshake exceeded [`Timeouts::handshake`](crate::Timeouts::handshake).
        HandshakeTimeout = "handshake timeout",
        /// The peer reset the handshake that it had begun.
        HandshakeReset = "handshake reset",
        /// The handshake was dropped for a newer one (RFC 4987 section 3.4), or the program aborted it.
        HandshakeDropped = "handshake dropped",
        /// No data moved for [`Timeouts::idle`](crate::Timeouts::idle).
        IdleTimeout = "idle timeout",
        /// The peer acknowledged nothing for [`Timeouts::stall`](crate::Timeouts::stall).
        StallTimeout = "stall timeout",
        /// The peer answered, and kept its window shut for the persist time.
        PersistTimeout = "persist timeout",
        /// The peer did not close its side within [`Timeouts::fin_wait`](crate::Timeouts::fin_wait).
        FinWaitTimeout = "fin-wait timeout",
        /// Another connection took the slot, because this one had been idle longest.
        IdleEvicted = "idle evicted",
        /// The node lost the connection's local address.
        AddressLost = "address lost",
        /// The program aborted the connection.
        Aborted = "aborted",
    }
}

impl CloseReason {
    /// Whether the connection was never established: no [`Event::Accepted`] or [`Event::Connected`]
    /// precedes this reason.
    pub const fn is_handshake(self) -> bool {
        matches!(
            self,
            Self::ConnectRefused
                | Self::HandshakeTimeout
                | Self::HandshakeReset
                | Self::HandshakeDropped
        )
    }
}

named! {
    /// Why a frame was dropped.
    #[non_exhaustive]
    DropReason {
        /// The Ethernet, IP or TCP header is too short or inconsistent, or UDP over IPv6 has no checksum.
        Malformed = "malformed",
        /// The frame is neither ARP nor a supported IP version, or an IPv6 header in it is not understood.
        UnknownProtocol = "unknown protocol",
        /// The frame is for another hardware address, or the segment for another IP address.
        NotOurs = "not ours",
        /// The source address is unspecified, broadcast, multicast, loopback or the node's own.
        BadSource = "impossible source",
        /// TCP to a broadcast or multicast address (RFC 9293 MUST-57), or a datagram to such an address
        /// and an unbound port.
        Broadcast = "to broadcast",
        /// A fragment of a TCP segment, an IPv6 fragment, or a fragment of a datagram larger than every
        /// receive buffer.
        Fragment = "fragment",
        /// A SYN for an existing connection; answered with a challenge ACK (RFC 5961 section 4).
        InUse = "syn for a connection in use",
        /// A reset whose sequence number is not exactly RCV.NXT (RFC 5961 section 3).
        InexactReset = "inexact reset",
        /// An acknowledgment of data that was never sent (RFC 9293 section 3.10.7.4).
        UnsentAck = "ack of what was not sent",
        /// A FIN beyond the window, or text after a FIN (RFC 9293 section 3.10.7.4).
        Overrun = "beyond the window or a fin",
        /// A SYN whose source already uses [`Config::per_source`](crate::Config::per_source) slots.
        SourceCap = "too many from the source",
        /// A SYN to a port without a listener; answered with a reset.
        NoListener = "no listener",
        /// A segment without a connection. It is answered with a reset (RFC 9293 section 3.10.7.1),
        /// except for a reset, or a segment without control bits to a listener's port.
        NoConnection = "no connection",
        /// A SYN without a free slot. It is answered as [`WhenFull`](crate::WhenFull) says, or not at all
        /// if an idle connection was just reset for it.
        Full = "full",
    }
}

named! {
    /// Why a datagram got no answer.
    #[non_exhaustive]
    DatagramDropReason {
        /// The source port is below [`UdpPolicy::lowest_port`](crate::UdpPolicy::lowest_port), or is one
        /// of the node's bound ports.
        SourcePort = "source port",
        /// The source address is not the unicast address of another host.
        Source = "impossible source",
        /// The destination is a broadcast or multicast address.
        Destination = "broadcast",
        /// The source exceeded [`UdpPolicy::per_source`](crate::UdpPolicy::per_source).
        SourceRate = "rate of the source",
        /// All sources together exceeded [`UdpPolicy::total`](crate::UdpPolicy::total).
        TotalRate = "rate in all",
        /// The answer is larger than smoltcp's fragmentation buffer.
        TooLarge = "too large",
        /// The peer's hardware address was not resolved in time.
        Unreachable = "peer unreachable",
        /// The checksum is wrong, or the datagram is larger than the port's receive buffer.
        Unreadable = "unreadable",
    }
}

/// The node's counters.
///
/// They add up: `frames = delivered + dropped_total()`, and
/// `accepted + connected = Occupancy::open + closed()`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Frames received from the device.
    pub frames: u64,
    /// Frames passed to smoltcp or answered with a SYN cookie: segments, datagrams, ARP, ICMP, and frames
    /// that smoltcp ignores.
    pub delivered: u64,
    /// Connections accepted.
    pub accepted: u64,
    /// Connections opened by the node.
    pub connected: u64,
    /// Payload bytes read from receive buffers, TCP only.
    pub bytes_received: u64,
    /// Payload bytes written to transmit buffers, TCP only.
    pub bytes_sent: u64,
    /// TIME-WAIT slots that were reused early for a new connection.
    pub recycled: u64,
    /// Challenge ACKs sent (RFC 5961): answers within a connection to a SYN, an inexact reset, an
    /// acknowledgment of data that was not sent, or data beyond the window.
    pub challenges: u64,
    /// Segment sizes reduced because a router said that a packet was too big (RFC 1191, RFC 8201).
    pub path_mtus: u64,
    /// SYNs answered with a cookie (RFC 4987 section 3.6).
    pub cookies_given: u64,
    /// Connections accepted from a cookie.
    pub cookies_returned: u64,
    /// Datagrams received on bound ports.
    pub datagrams_received: u64,
    /// Datagrams written to a transmit buffer.
    pub datagrams_sent: u64,
    closed: [u64; CloseReason::ALL.len()],
    dropped: [u64; DropReason::ALL.len()],
    datagrams_dropped: [u64; DatagramDropReason::ALL.len()],
}

impl Stats {
    /// Connections and attempts that ended for this reason.
    pub const fn ended(&self, reason: CloseReason) -> u64 {
        self.closed[reason as usize]
    }

    /// Frames dropped for this reason.
    pub const fn dropped(&self, reason: DropReason) -> u64 {
        self.dropped[reason as usize]
    }

    /// Datagrams not answered for this reason.
    pub const fn datagrams_dropped(&self, reason: DatagramDropReason) -> u64 {
        self.datagrams_dropped[reason as usize]
    }

    /// Connections that have ended, failed handshakes excluded.
    pub fn closed(&self) -> u64 {
        CloseReason::ALL
            .iter()
            .filter(|reason| !reason.is_handshake())
            .map(|reason| self.ended(*reason))
            .sum()
    }

    /// Frames dropped for any reason.
    pub fn dropped_total(&self) -> u64 {
        self.dropped.iter().sum()
    }

    pub(crate) fn count_closed(&mut self, reason: CloseReason) {
        self.closed[reason as usize] += 1;
    }

    pub(crate) fn count_datagram_dropped(&mut self, reason: DatagramDropReason) {
        self.datagrams_dropped[reason as usize] += 1;
    }

    pub(crate) fn count_dropped(&mut self, reason: DropReason) {
        self.dropped[reason as usize] += 1;
    }
}
