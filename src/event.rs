//! What happened, as it happens: for a log line, a counter, an LED.

use smoltcp::wire::{EthernetAddress, IpCidr, IpEndpoint};

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
    /// The network gave the node an address, or one of the configuration's was found to be free.
    AddressGained {
        /// The address, with its network's prefix.
        cidr: IpCidr,
    },
    /// An address is no longer ours; its connections end.
    AddressLost {
        /// The address, with its network's prefix.
        cidr: IpCidr,
    },
    /// Another station uses an address that is ours, or is to be (RFC 5227, RFC 4862): one that is not in use yet
    /// is not taken, and tried again after a minute. One that is in use is defended once; if that is of no avail
    /// [`AddressLost`](Event::AddressLost) follows. With [`Config::conflict_detection`](crate::Config).
    AddressConflict {
        /// The address, with its network's prefix.
        cidr: IpCidr,
        /// The other station.
        mac: EthernetAddress,
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

macro_rules! counted {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[cfg_attr(feature = "defmt", derive(defmt::Format))]
        #[non_exhaustive]
        pub enum $name { $($(#[$variant_doc])* $variant,)* }

        impl $name {
            /// Every variant, in the order in which they are counted.
            pub const ALL: &'static [$name] = &[$($name::$variant,)*];

            /// A short name for logs and JSON.
            pub const fn name(self) -> &'static str {
                match self { $($name::$variant => $text,)* }
            }
        }
    };
}

counted! {
    /// How a connection, or the attempt at one, ended.
    CloseReason {
        /// Both sides closed and everything arrived.
        Finished = "finished",
        /// The peer reset it.
        Reset = "reset by peer",
        /// We reset it: the peer sent more than flow `once` takes (RFC 1122 section 4.2.2.13).
        Unread = "unread data",
        /// Our SYN was answered with a reset: nobody listens there.
        ConnectRefused = "connection refused",
        /// What came back is not what was sent.
        Mismatch = "bytes differ",
        /// The peer closed before everything had come back.
        Short = "closed early",
        /// The handshake did not end in time.
        HandshakeTimeout = "handshake timeout",
        /// The peer gave up its handshake with a reset.
        HandshakeReset = "handshake reset",
        /// The handshake gave way: to a newer one (RFC 4987 section 3.4) or to the program's end.
        HandshakeDropped = "handshake dropped",
        /// No byte either way for the idle time.
        IdleTimeout = "idle timeout",
        /// The peer acknowledged nothing for the stall time.
        StallTimeout = "stall timeout",
        /// The peer did not close its side in time.
        FinWaitTimeout = "fin-wait timeout",
        /// It was quiet longest when another connection needed its slot.
        IdleEvicted = "idle evicted",
        /// The node no longer has the connection's local address.
        AddressLost = "address lost",
        /// The program ended it.
        Aborted = "aborted",
    }
}

impl CloseReason {
    /// The ends that come before a connection exists: they follow no accept and no connect.
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

counted! {
    /// Why a frame was turned away.
    DropReason {
        /// Too short or inconsistent in its Ethernet, IP or TCP header.
        Malformed = "malformed",
        /// Not ARP, not an IP version that we speak.
        UnknownProtocol = "unknown protocol",
        /// For another station's hardware address, or a segment for another's IP address.
        NotOurs = "not ours",
        /// A source that cannot be: unspecified, broadcast, multicast, loopback or our own.
        BadSource = "impossible source",
        /// To a broadcast or multicast address: TCP (RFC 9293 MUST-57), or to a port that nobody has bound.
        Broadcast = "to broadcast",
        /// A fragment of TCP, whose ports cannot be told; of IPv6; or of more than any port has room for.
        Fragment = "fragment",
        /// A SYN for a connection that exists (RFC 5961 section 4).
        InUse = "syn for a connection in use",
        /// A reset that does not have the very next sequence number (RFC 5961 section 3).
        InexactReset = "inexact reset",
        /// An acknowledgement of what was never sent (RFC 9293 section 3.10.7.4).
        UnsentAck = "ack of what was not sent",
        /// A FIN beyond the window, or text behind a FIN (RFC 9293 section 3.10.7.4).
        Overrun = "beyond the window or a fin",
        /// A SYN from a source that has as many slots as it may.
        SourceCap = "too many from the source",
        /// A SYN to a port without a listener; answered with a reset.
        NoListener = "no listener",
        /// A segment for no connection; answered with a reset (RFC 9293 section 3.10.7.1), unless it is one,
        /// or has no control bit and comes to a listener.
        NoConnection = "no connection",
        /// A SYN and no slot for it; answered as [`WhenFull`](crate::WhenFull) says, or not at all where an idle
        /// connection has just given way.
        Full = "full",
    }
}

counted! {
    /// Why a datagram was not answered.
    DatagramDropReason {
        /// From a port of our own, or one so low that a service may answer the answer.
        SourcePort = "source port",
        /// From an address that no single other host has.
        Source = "impossible source",
        /// To a broadcast or multicast address.
        Destination = "broadcast",
        /// More than one source may ask.
        SourceRate = "rate of the source",
        /// More than all may ask.
        TotalRate = "rate in all",
        /// Larger than the stack's buffer for what it must send in fragments.
        TooLarge = "too large",
        /// The peer's hardware address could not be found.
        Unreachable = "peer unreachable",
        /// A wrong checksum, or larger than the port's memory.
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
