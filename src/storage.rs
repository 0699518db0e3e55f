//! Every byte of RAM that the crate owns.
//!
//! ```text
//! connections:  CONNECTIONS × (2 × BUFFER + PER_CONNECTION) + SCRATCH
//! datagrams:    (PORTS + SENDERS) × (SIZE + PER_DATAGRAM)
//! and the Node: size_of::<Node>()
//! ```
//!
//! [`PER_CONNECTION`] and [`PER_DATAGRAM`] are the bytes of sockets and records; they depend on the target
//! and the features only. `size_of` of [`Storage`] and [`DatagramStorage`] are these sums, plus padding.
//! Nothing is allocated later.

use core::mem::{ManuallyDrop, size_of};

use heapless::Vec;
use smoltcp::iface::{SocketSet, SocketStorage};
use smoltcp::socket::udp::PacketMetadata;

pub use crate::pool::index::IndexRecord;
pub use crate::pool::slot::Slot;
use crate::udp_queue::{Port, TxSlot};

/// Bytes of a [`Storage`]'s scratch buffer, the largest piece that an echo moves at once. A piece also ends
/// where the receive buffer wraps.
pub const SCRATCH: usize = 256;

/// Bytes of each connection without its two buffers.
pub const PER_CONNECTION: usize =
    size_of::<Slot<'static>>() + size_of::<SocketStorage<'static>>() + size_of::<IndexRecord>();

/// The memory of a node with `CONNECTIONS` connections, each with a receive and a transmit buffer of
/// `BUFFER` bytes.
///
/// It is all zeros until a node uses it, so a `static` of it takes no flash. A board keeps it in a
/// `static_cell::ConstStaticCell`, without `unsafe`; on a host, a local variable that outlives the node or a
/// leaked box does as well.
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
    // Nothing in these needs dropping. A `Vec` with a destructor could not be lent for its own lifetime.
    sockets: ManuallyDrop<Vec<[SocketStorage<'a>; 1], CONNECTIONS>>,
    slots: ManuallyDrop<Vec<Slot<'a>, CONNECTIONS>>,
    index: [IndexRecord; CONNECTIONS],
    scratch: [u8; SCRATCH],
}

impl<'a, const CONNECTIONS: usize, const BUFFER: usize> Storage<'a, CONNECTIONS, BUFFER> {
    /// Empty memory. It does not compile with 0 or more than 65,534 connections, or with a buffer of 0 or more
    /// than 65,535 bytes.
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

    /// Lends all of it to a node, for the rest of its lifetime: it can be called once.
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

/// The largest receive buffer, in bytes. With a larger one smoltcp scales its window and rounds it down, the
/// window's right edge moves back, and a full-duplex transfer can hang.
pub const MAX_BUFFER: usize = 65_535;

/// The memory that a [`Node`](crate::Node) borrows, without sizes in its type.
///
/// [`Storage::memory`] creates one. A program that knows its sizes at run time only fills it by hand, with
/// one index record for each slot.
pub struct Memory<'a> {
    /// One for each connection.
    pub slots: &'a mut [Slot<'a>],
    /// One for each slot.
    pub index: &'a mut [IndexRecord],
    /// The copy buffer between receive and transmit buffer; its length bounds the pieces.
    pub scratch: &'a mut [u8],
    /// Memory for datagrams, or [`DatagramMemory::none`].
    pub datagrams: DatagramMemory<'a>,
}

impl<'a> Memory<'a> {
    /// Adds memory for datagrams.
    pub fn with(mut self, datagrams: DatagramMemory<'a>) -> Self {
        self.datagrams = datagrams;
        self
    }
}

/// Bytes of each port and each sender without its datagram.
pub const PER_DATAGRAM: usize = size_of::<SocketStorage<'static>>()
    + size_of::<[PacketMetadata; 1]>()
    + if size_of::<Port<'static>>() > size_of::<TxSlot<'static>>() {
        size_of::<Port<'static>>()
    } else {
        size_of::<TxSlot<'static>>()
    };

/// The memory for datagrams of up to `SIZE` bytes: `PORTS` ports that can be bound, and `SENDERS` datagrams
/// that may wait until their peer's hardware address is known.
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
    /// Empty memory. It does not compile with 0 ports, 0 senders, or a size of 0 or more than 65,507 bytes.
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

    /// Lends all of it to a node, for the rest of its lifetime: it can be called once.
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
