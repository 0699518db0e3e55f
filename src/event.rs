//! What happened, as it happens: for a log line, a counter, an LED.

use smoltcp::wire::{IpCidr, IpEndpoint};

use crate::named::named;

/// One thing that happened during a poll, with the bytes still in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event<'e> {
    /// A handshake with one of our listeners is complete: the lecture's `accept`.
    Accepted {
        /// The two ends.
        tuple: Tuple,
    },
    /// Our own handshake is complete: the lecture's `connect` has returned.
    Connected {
        /// The two ends.
        tuple: Tuple,
    },
    /// Bytes were taken from a receive buffer: `recv`, or `recvfrom` for a whole datagram.
    Received {
        /// TCP or UDP.
        protocol: Protocol,
        /// The two ends.
        tuple: Tuple,
        /// The bytes, in order.
        data: &'e [u8],
    },
    /// Bytes were given to a transmit buffer: `send`, or `sendto` for a whole datagram.
    Sent {
        /// TCP or UDP.
        protocol: Protocol,
        /// The two ends.
        tuple: Tuple,
        /// How many.
        bytes: usize,
    },
    /// A connection, or the attempt at one, is over; no event follows for it.
    Closed {
        /// The two ends.
        tuple: Tuple,
        /// How it ended.
        reason: CloseReason,
        /// Bytes received on it.
        received: u64,
        /// Bytes sent on it.
        sent: u64,
    },
    /// A datagram was not answered, or its answer did not leave.
    DatagramDropped {
        /// Why.
        reason: DatagramDropReason,
        /// The two ends.
        tuple: Tuple,
    },
    /// A row of questions is over.
    Reported {
        /// The two ends.
        tuple: Tuple,
        /// How it went.
        report: Report,
    },
    /// The network gave the node an address.
    AddressGained {
        /// The address, with its network's prefix.
        cidr: IpCidr,
    },
    /// An address that the network gave is no longer ours; its connections end.
    AddressLost {
        /// The address, with its network's prefix.
        cidr: IpCidr,
    },
    /// The device has a link. Only the loop for executors tells it, when it begins and at each change.
    LinkUp,
    /// The device has no link: what is sent is lost.
    LinkDown,
    /// A frame was turned away.
    Dropped {
        /// Why.
        reason: DropReason,
        /// The two ends, where the frame had any.
        tuple: Option<Tuple>,
    },
}

/// Who wants to know. By its type and not by a pointer: one that does nothing then costs nothing.
pub(crate) trait Sink: FnMut(Event<'_>) {}

impl<F: FnMut(Event<'_>)> Sink for F {}

/// What carried the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Protocol {
    /// A stream.
    Tcp,
    /// Datagrams.
    Udp,
}

/// The two ends of a connection: RFC 9293's pair of sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tuple {
    /// Ours.
    pub local: IpEndpoint,
    /// The peer's.
    pub remote: IpEndpoint,
}

/// How a row of questions went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Report {
    /// Datagrams sent, those sent again among them.
    pub sent: u32,
    /// Questions answered with what was asked.
    pub answered: u32,
    /// Questions that were never answered.
    pub lost: u32,
    /// Answers to a question that was answered before.
    pub duplicates: u32,
    /// Answers that came after a later question's.
    pub reordered: u32,
    /// Answers that differ from every question.
    pub mismatched: u32,
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
        /// The Ethernet, IP or TCP header is too short or inconsistent.
        Malformed = "malformed",
        /// The frame is neither ARP nor a supported IP version.
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

/// The node's counters. They add up:
/// `frames = delivered + refused`, and
/// `accepted + connected = open + ends that are not of a handshake`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Frames that the device gave us.
    pub frames: u64,
    /// Frames that the stack took in: segments of connections, datagrams, SYNs that got a cookie, ARP,
    /// ICMP, and what it ignores by itself.
    pub delivered: u64,
    /// Connections accepted.
    pub accepted: u64,
    /// Connections that we opened.
    pub connected: u64,
    /// Bytes taken from receive buffers.
    pub bytes_received: u64,
    /// Bytes given to transmit buffers.
    pub bytes_sent: u64,
    /// TIME-WAIT slots that were taken for a new connection before their time.
    pub recycled: u64,
    /// Challenges sent (RFC 5961): answers within a connection to a SYN, an inexact reset, an
    /// acknowledgement of what was not sent, or more than the window has room for.
    pub challenges: u64,
    /// SYNs answered with a cookie (RFC 4987 section 3.6): the backlog was full, or every slot was taken.
    pub cookies_given: u64,
    /// Connections that came of a cookie.
    pub cookies_returned: u64,
    /// Datagrams that came to a bound port.
    pub datagrams_received: u64,
    /// Datagrams given to a socket for sending.
    pub datagrams_sent: u64,
    closed: [u64; CloseReason::ALL.len()],
    dropped: [u64; DropReason::ALL.len()],
    datagrams_dropped: [u64; DatagramDropReason::ALL.len()],
}

impl Stats {
    /// Connections, or attempts, that ended like this.
    pub const fn ended(&self, reason: CloseReason) -> u64 {
        self.closed[reason as usize]
    }

    /// Frames that were turned away for this reason.
    pub const fn dropped(&self, reason: DropReason) -> u64 {
        self.dropped[reason as usize]
    }

    /// Datagrams that were not answered for this reason.
    pub const fn datagrams_dropped(&self, reason: DatagramDropReason) -> u64 {
        self.datagrams_dropped[reason as usize]
    }

    /// Connections that are over, handshakes that failed not among them.
    pub fn closed(&self) -> u64 {
        CloseReason::ALL
            .iter()
            .filter(|reason| !reason.is_handshake())
            .map(|reason| self.ended(*reason))
            .sum()
    }

    /// Frames that were turned away for any reason.
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
