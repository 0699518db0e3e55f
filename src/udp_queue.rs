//! Where datagrams come in, and where their answers wait.
//!
//! One socket receives for each bound port; others send. smoltcp's queue is first in, first out: an
//! answer whose peer cannot be found would hold up all that are behind it. Here each waits in a sender
//! of its own, and when all senders wait the one that has waited longest gives up its place.

use core::mem;

use smoltcp::iface::{SocketHandle, SocketSet, SocketStorage};
use smoltcp::phy::PacketMeta;
use smoltcp::socket::udp::{PacketBuffer, PacketMetadata, Socket, UdpMetadata};
use smoltcp::time::{Duration, Instant};

use crate::client::udp::UdpExchange;
use crate::config::UdpService;
use crate::event::Tuple;

/// How long an answer waits for its peer's hardware address: three questions, one a second
/// (RFC 4861 section 10; smoltcp asks for IPv4 at the same rate).
const PATIENCE: Duration = Duration::from_secs(3);

/// A port that can be bound.
pub(crate) struct Port<'a> {
    pub(crate) handle: SocketHandle,
    pub(crate) role: PortRole<'a>,
}

/// What a port is for.
#[derive(Clone, Copy)]
pub(crate) enum PortRole<'a> {
    Unbound,
    Serve(UdpService),
    Ask(Tuple, UdpExchange<'a>),
}

impl<'a> Port<'a> {
    /// An unbound port that receives one datagram at a time.
    pub(crate) fn new(
        sockets: &mut SocketSet<'a>,
        metadata: &'a mut [PacketMetadata],
        payload: &'a mut [u8],
    ) -> Self {
        let (rx, tx) = (PacketBuffer::new(metadata, payload), nothing());
        Port { handle: sockets.add(Socket::new(rx, tx)), role: PortRole::Unbound }
    }
}

/// Room for one datagram that is to leave.
pub(crate) struct TxSlot<'a> {
    pub(crate) sockets: SocketSet<'a>,
    handle: SocketHandle,
    waiting: Option<Waiting>,
    /// How often its peer's hardware address was asked for.
    pub(crate) neighbor_probes: u8,
    /// What stood in it last did not leave at once.
    has_waited: bool,
}

/// A datagram that has not left.
#[derive(Clone, Copy)]
pub(crate) struct Waiting {
    pub(crate) tuple: Tuple,
    pub(crate) len: usize,
    since: Instant,
}

impl<'a> TxSlot<'a> {
    pub(crate) fn new(
        storage: &'a mut [SocketStorage<'a>],
        metadata: &'a mut [PacketMetadata],
        payload: &'a mut [u8],
    ) -> Self {
        let mut sockets = SocketSet::new(storage);
        let (rx, tx) = (nothing(), PacketBuffer::new(metadata, payload));
        let handle = sockets.add(Socket::new(rx, tx));
        TxSlot { sockets, handle, waiting: None, neighbor_probes: 0, has_waited: false }
    }

    pub(crate) fn tuple(&self) -> Option<Tuple> {
        self.waiting.map(|waiting| waiting.tuple)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_none()
    }

    pub(crate) fn since(&self) -> Option<Instant> {
        self.waiting.map(|waiting| waiting.since)
    }

    /// Until when it may wait; `None` when nothing does.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.since().map(|since| since + PATIENCE)
    }

    /// Gives up what waits, and says what it was.
    pub(crate) fn clear(&mut self) -> Option<Tuple> {
        self.socket().close();
        self.waiting.take().map(|waiting| waiting.tuple)
    }

    /// Puts a datagram of `len` bytes in: from our end of the tuple to the peer's.
    pub(crate) fn put(
        &mut self,
        tuple: Tuple,
        len: usize,
        now: Instant,
        fill: impl FnOnce(&mut [u8]),
    ) -> Option<()> {
        self.clear_silence();
        self.neighbor_probes = 0;
        let socket = self.socket();
        socket.close();
        // RFC 1122 section 4.1.3.5: from the address and the port that the question was sent to.
        socket.bind(tuple.local.port).ok()?;
        let metadata = UdpMetadata {
            endpoint: tuple.remote,
            local_address: Some(tuple.local.addr),
            meta: PacketMeta::default(),
        };
        fill(socket.send(len, metadata).ok()?);
        self.waiting = Some(Waiting { tuple, len, since: now });
        Some(())
    }

    /// A new place in the set, if that is needed: smoltcp keeps the place of a socket that waited for a
    /// hardware address silent for a second, whoever the next datagram is for.
    pub(crate) fn clear_silence(&mut self) {
        if mem::take(&mut self.has_waited) {
            let socket = self.sockets.remove(self.handle);
            self.handle = self.sockets.add(socket);
        }
    }

    /// After an egress: what has left.
    pub(crate) fn take_sent(&mut self) -> Option<Waiting> {
        self.has_waited = !self.socket().can_send();
        if self.has_waited { None } else { self.waiting.take() }
    }

    /// Bytes of the largest datagram that it holds.
    #[cfg(feature = "client")]
    pub(crate) fn capacity(&self) -> usize {
        self.sockets.get::<Socket<'a>>(self.handle).payload_send_capacity()
    }

    fn socket(&mut self) -> &mut Socket<'a> {
        self.sockets.get_mut(self.handle)
    }
}

fn nothing<'a>() -> PacketBuffer<'a> {
    PacketBuffer::new(&mut [][..], &mut [][..])
}
