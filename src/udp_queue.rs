//! UDP sockets: one receives for each bound port, and one sends for each waiting datagram.
//!
//! smoltcp's transmit queue is first in, first out: a datagram whose peer does not answer ARP would delay
//! all behind it. Here each datagram waits in a transmit slot of its own. If all are in use, the datagram
//! that has waited longest is dropped.

use core::mem;

use smoltcp::iface::{SocketHandle, SocketSet, SocketStorage};
use smoltcp::phy::PacketMeta;
use smoltcp::socket::udp::{PacketBuffer, PacketMetadata, Socket, UdpMetadata};
use smoltcp::time::{Duration, Instant};

use crate::client::udp::UdpExchange;
use crate::config::UdpService;
use crate::event::Tuple;

/// How long a datagram waits for its peer's hardware address: three solicitations, one a second (RFC 4861
/// section 10; smoltcp sends ARP requests at the same rate).
const PATIENCE: Duration = Duration::from_secs(3);

/// A port that can be bound.
pub(crate) struct Port<'a> {
    pub(crate) handle: SocketHandle,
    pub(crate) role: PortRole<'a>,
}

/// The use of a port.
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

/// Room for one outgoing datagram.
pub(crate) struct TxSlot<'a> {
    pub(crate) sockets: SocketSet<'a>,
    handle: SocketHandle,
    waiting: Option<Waiting>,
    /// Requests sent for its peer's hardware address.
    pub(crate) neighbor_probes: u8,
    /// Its last datagram did not leave at once.
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

    /// The end of the wait; `None` if it is empty.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.since().map(|since| since + PATIENCE)
    }

    /// Drops the waiting datagram and returns its two ends.
    pub(crate) fn clear(&mut self) -> Option<Tuple> {
        self.socket().close();
        self.waiting.take().map(|waiting| waiting.tuple)
    }

    /// Queues a datagram of `len` bytes, from the local end of the tuple to the remote one.
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

    /// Ends the second in which smoltcp keeps a socket silent that has waited for a hardware address: the
    /// next datagram may be for another peer. A new place in the set has no such memory.
    pub(crate) fn clear_silence(&mut self) {
        if mem::take(&mut self.has_waited) {
            let socket = self.sockets.remove(self.handle);
            self.handle = self.sockets.add(socket);
        }
    }

    /// After an egress: the datagram that has left.
    pub(crate) fn take_sent(&mut self) -> Option<Waiting> {
        self.has_waited = !self.socket().can_send();
        if self.has_waited { None } else { self.waiting.take() }
    }

    /// The capacity in bytes.
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
