//! Every byte of RAM that the crate owns.
//!
//! ```text
//! connections:  CONNECTIONS × (2 × BUFFER + PER_CONNECTION) + SCRATCH
//! datagrams:    (PORTS + SENDERS) × (SIZE + PER_DATAGRAM)
//! and the Node: size_of::<Node>()
//! ```
//!
//! [`PER_CONNECTION`] and [`PER_DATAGRAM`] are what sockets and records take; they depend on the
//! target and the features alone. `size_of` of [`Storage`] and [`DatagramStorage`] are these sums, up
//! to the padding between their parts. Nothing is allocated later.

use core::mem::{ManuallyDrop, size_of};

use heapless::Vec;
use smoltcp::iface::{SocketSet, SocketStorage};
use smoltcp::socket::udp::PacketMetadata;

pub use crate::pool::index::IndexRecord;
pub use crate::pool::slot::Slot;
use crate::udp_queue::{Port, TxSlot};

/// Bytes of a [`Storage`]'s scratch buffer: the largest piece that an echo moves at once. A piece ends where
/// the receive buffer does, too.
pub const SCRATCH: usize = 256;

/// Bytes that each connection takes beside its two buffers.
pub const PER_CONNECTION: usize =
    size_of::<Slot<'static>>() + size_of::<SocketStorage<'static>>() + size_of::<IndexRecord>();

/// The memory of a node with so many connections, each with a receive and a transmit buffer of
/// `BUFFER` bytes.
///
/// It is all zeros until a node uses it, so a `static` of it costs no flash. A board keeps it in a
/// `static_cell::ConstStaticCell` and takes it from there, without `unsafe`; on a host a local
/// variable that outlives the node, or a leaked box, does as well.
///
/// ```
/// use smolecho::Storage;
///
/// let mut storage = Storage::<4, 1024>::new();
/// let memory = storage.memory();
/// ```
pub struct Storage<'a, const CONNECTIONS: usize, const BUFFER: usize> {
    rx: [[u8; BUFFER]; CONNECTIONS],
    tx: [[u8; BUFFER]; CONNECTIONS],
    // Nothing in these needs dropping; a Vec that could be dropped might not be lent for its own lifetime.
    sockets: ManuallyDrop<Vec<[SocketStorage<'a>; 1], CONNECTIONS>>,
    slots: ManuallyDrop<Vec<Slot<'a>, CONNECTIONS>>,
    index: [IndexRecord; CONNECTIONS],
    scratch: [u8; SCRATCH],
}

impl<'a, const CONNECTIONS: usize, const BUFFER: usize> Storage<'a, CONNECTIONS, BUFFER> {
    /// Empty memory. More than 65,534 connections, none, or a buffer that is not 1 to 65,535 bytes
    /// do not compile.
    pub const fn new() -> Self {
        const {
            assert!(CONNECTIONS >= 1 && CONNECTIONS <= crate::pool::index::MAX_SLOTS);
            assert!(BUFFER >= 1 && BUFFER <= MAX_BUFFER);
        }
        Storage {
            rx: [[0; BUFFER]; CONNECTIONS],
            tx: [[0; BUFFER]; CONNECTIONS],
            sockets: ManuallyDrop::new(Vec::new()),
            slots: ManuallyDrop::new(Vec::new()),
            index: [IndexRecord::EMPTY; CONNECTIONS],
            scratch: [0; SCRATCH],
        }
    }

    /// Lends all of it to a node.
    pub fn memory(&'a mut self) -> Memory<'a> {
        self.sockets.clear();
        self.slots.clear();
        for _ in 0..CONNECTIONS {
            let _ = self.sockets.push([SocketStorage::EMPTY]);
        }
        let buffers = self.rx.iter_mut().zip(self.tx.iter_mut());
        for (socket, (rx, tx)) in self.sockets.iter_mut().zip(buffers) {
            let _ = self.slots.push(Slot::new(socket, rx, tx));
        }
        Memory {
            slots: &mut self.slots,
            index: &mut self.index,
            scratch: &mut self.scratch,
            datagrams: DatagramMemory::none(),
        }
    }
}

impl<const CONNECTIONS: usize, const BUFFER: usize> Default for Storage<'_, CONNECTIONS, BUFFER> {
    fn default() -> Self {
        Self::new()
    }
}

/// The largest receive buffer: past it smoltcp scales its window and rounds it down, the window's
/// right edge moves back, and a full-duplex transfer can hang (held by the long transfers of `tests/tap`).
pub const MAX_BUFFER: usize = 65_535;

/// Borrowed memory, its sizes no longer in the type: what a [`Node`](crate::Node) works on.
///
/// [`Storage::memory`] makes one; a program that learns its sizes at run time fills it by hand, with
/// as many records of each kind as slots.
pub struct Memory<'a> {
    /// One for each connection.
    pub slots: &'a mut [Slot<'a>],
    /// One for each slot.
    pub index: &'a mut [IndexRecord],
    /// Where a piece of data stands between two buffers; as large as the pieces should be.
    pub scratch: &'a mut [u8],
    /// Memory for datagrams, or [`DatagramMemory::none`].
    pub datagrams: DatagramMemory<'a>,
}

impl<'a> Memory<'a> {
    /// The same with memory for datagrams.
    pub fn with(mut self, datagrams: DatagramMemory<'a>) -> Self {
        self.datagrams = datagrams;
        self
    }
}

/// Bytes that each port and each sender takes beside its datagram.
pub const PER_DATAGRAM: usize = size_of::<SocketStorage<'static>>()
    + size_of::<[PacketMetadata; 1]>()
    + if size_of::<Port<'static>>() > size_of::<TxSlot<'static>>() {
        size_of::<Port<'static>>()
    } else {
        size_of::<TxSlot<'static>>()
    };

/// The memory for datagrams of up to `SIZE` bytes: so many ports that can be bound, and so many
/// answers that may wait until their peer's hardware address is known.
///
/// ```
/// use smolecho::{DatagramStorage, Storage};
///
/// let mut storage = Storage::<4, 1024>::new();
/// let mut datagrams = DatagramStorage::<1, 2, 1472>::new();
/// let memory = storage.memory().with(datagrams.memory());
/// ```
pub struct DatagramStorage<'a, const PORTS: usize, const SENDERS: usize, const SIZE: usize> {
    rx: [[u8; SIZE]; PORTS],
    tx: [[u8; SIZE]; SENDERS],
    rx_metadata: ManuallyDrop<Vec<[PacketMetadata; 1], PORTS>>,
    tx_metadata: ManuallyDrop<Vec<[PacketMetadata; 1], SENDERS>>,
    rx_sockets: ManuallyDrop<Vec<SocketStorage<'a>, PORTS>>,
    tx_sockets: ManuallyDrop<Vec<[SocketStorage<'a>; 1], SENDERS>>,
    ports: ManuallyDrop<Vec<Port<'a>, PORTS>>,
    tx_slots: ManuallyDrop<Vec<TxSlot<'a>, SENDERS>>,
}

impl<'a, const PORTS: usize, const SENDERS: usize, const SIZE: usize>
    DatagramStorage<'a, PORTS, SENDERS, SIZE>
{
    /// Empty memory. No port, no sender, or a size that no datagram has do not compile.
    pub const fn new() -> Self {
        const {
            assert!(PORTS >= 1 && SENDERS >= 1);
            assert!(SIZE >= 1 && SIZE <= MAX_DATAGRAM);
        }
        DatagramStorage {
            rx: [[0; SIZE]; PORTS],
            tx: [[0; SIZE]; SENDERS],
            rx_metadata: ManuallyDrop::new(Vec::new()),
            tx_metadata: ManuallyDrop::new(Vec::new()),
            rx_sockets: ManuallyDrop::new(Vec::new()),
            tx_sockets: ManuallyDrop::new(Vec::new()),
            ports: ManuallyDrop::new(Vec::new()),
            tx_slots: ManuallyDrop::new(Vec::new()),
        }
    }

    /// Lends all of it to a node.
    pub fn memory(&'a mut self) -> DatagramMemory<'a> {
        self.rx_metadata.clear();
        self.tx_metadata.clear();
        self.rx_sockets.clear();
        self.tx_sockets.clear();
        self.ports.clear();
        self.tx_slots.clear();
        for _ in 0..PORTS {
            let _ = self.rx_metadata.push([PacketMetadata::EMPTY]);
            let _ = self.rx_sockets.push(SocketStorage::EMPTY);
        }
        for _ in 0..SENDERS {
            let _ = self.tx_metadata.push([PacketMetadata::EMPTY]);
            let _ = self.tx_sockets.push([SocketStorage::EMPTY]);
        }

        let mut sockets = SocketSet::new(&mut self.rx_sockets[..]);
        for (metadata, payload) in self.rx_metadata.iter_mut().zip(self.rx.iter_mut()) {
            let _ = self.ports.push(Port::new(&mut sockets, metadata, payload));
        }
        let buffers = self.tx_metadata.iter_mut().zip(self.tx.iter_mut());
        for (socket, (metadata, payload)) in self.tx_sockets.iter_mut().zip(buffers) {
            let _ = self.tx_slots.push(TxSlot::new(socket, metadata, payload));
        }
        DatagramMemory { sockets, ports: &mut self.ports, tx_slots: &mut self.tx_slots }
    }
}

impl<const PORTS: usize, const SENDERS: usize, const SIZE: usize> Default
    for DatagramStorage<'_, PORTS, SENDERS, SIZE>
{
    fn default() -> Self {
        Self::new()
    }
}

/// The largest UDP payload of an IPv4 packet.
pub const MAX_DATAGRAM: usize = 65_507;

/// Borrowed memory for datagrams, from [`DatagramStorage::memory`].
pub struct DatagramMemory<'a> {
    pub(crate) sockets: SocketSet<'a>,
    pub(crate) ports: &'a mut [Port<'a>],
    pub(crate) tx_slots: &'a mut [TxSlot<'a>],
}

impl DatagramMemory<'_> {
    /// No memory: no port can be bound.
    pub fn none() -> Self {
        DatagramMemory { sockets: SocketSet::new(&mut [][..]), ports: &mut [], tx_slots: &mut [] }
    }
}
