//! A virtio network device (Virtual I/O Device, version 1.2, section 5.1).
//!
//! The device reads and writes frames in its queues' buffers, each behind a virtio header.

use core::cell::UnsafeCell;

use smolecho_board::{
    ethernet::Mac,
    frame::{Frame, LARGEST},
    registers::Registers,
};

use crate::{
    queue::{self, Queue, Way},
    transport::{Transport, Unusable},
};

/// Device ID of a network device.
pub const KIND: u32 = 1;

/// Feature 5: the device has a hardware address.
const KNOWS_ITS_ADDRESS: u64 = 1 << 5;

/// The queues.
pub const RX: u32 = 0;
/// See [`RX`].
pub const TX: u32 = 1;

/// Buffers each way.
const RX_BUFFERS: usize = 8;
const TX_BUFFERS: usize = 4;

/// Bytes of the header before each frame; all zeros without offloads.
pub const HEADER: usize = 12;

type Bytes = UnsafeCell<[u8; HEADER + LARGEST]>;

/// A frame starts two bytes after a word boundary, as in a [`Frame`], so that it is copied by words.
#[repr(C, align(4))]
struct Buffer {
    lead: [u8; 2],
    bytes: Bytes,
}

impl Buffer {
    const fn new() -> Self {
        Buffer { lead: [0; 2], bytes: UnsafeCell::new([0; HEADER + LARGEST]) }
    }
}

/// The queues and their buffers.
pub struct Memory {
    rx: queue::Memory<RX_BUFFERS>,
    tx: queue::Memory<TX_BUFFERS>,
    received: [Buffer; RX_BUFFERS],
    sending: [Buffer; TX_BUFFERS],
}

impl Memory {
    /// All zeros: a `static` takes no flash.
    pub const fn new() -> Self {
        Memory {
            rx: queue::Memory::new(),
            tx: queue::Memory::new(),
            received: [const { Buffer::new() }; RX_BUFFERS],
            sending: [const { Buffer::new() }; TX_BUFFERS],
        }
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}

/// The device.
pub struct Virtio<R> {
    transport: Transport<R>,
    rx: Queue<RX_BUFFERS>,
    tx: Queue<TX_BUFFERS>,
    received: &'static [Buffer; RX_BUFFERS],
    sending: &'static [Buffer; TX_BUFFERS],
    /// Bit set of the buffers in `sending` that the device does not hold.
    idle: u32,
}

impl<R: Registers> Virtio<R> {
    /// Resets the device and starts receiving.
    pub fn new(registers: R, memory: &'static mut Memory) -> Result<Self, Unusable> {
        let Memory { rx, tx, received, sending } = &*memory;
        let mut transport = Transport::new(registers, KIND, KNOWS_ITS_ADDRESS)?;
        let (rx, tx) = (Queue::new(rx, Way::FromDevice), Queue::new(tx, Way::ToDevice));
        transport.set_up(RX, &rx)?;
        transport.set_up(TX, &tx)?;
        transport.begin();
        let mut device =
            Virtio { transport, rx, tx, received, sending, idle: (1 << TX_BUFFERS) - 1 };
        for number in 0..RX_BUFFERS as u16 {
            device.expect_frame(number);
        }
        Ok(device)
    }

    /// The device's hardware address.
    pub fn address(&mut self) -> [u8; 6] {
        let [a, b, c, d] = self.transport.config(0).to_le_bytes();
        let [e, f, ..] = self.transport.config(4).to_le_bytes();
        [a, b, c, d, e, f]
    }

    fn expect_frame(&mut self, number: u16) {
        if let Some(buffer) = self.received.get(usize::from(number)) {
            self.rx.offer(number, &buffer.bytes, size_of::<Bytes>());
            self.transport.notify(RX);
        }
    }
}

impl<R: Registers> Mac for Virtio<R> {
    fn acknowledge(&mut self) -> u32 {
        self.transport.acknowledge();
        0
    }

    fn has_frame(&mut self) -> bool {
        self.rx.has_used()
    }

    fn take(&mut self, frame: &mut Frame) -> Option<usize> {
        let (number, written) = self.rx.take()?;
        let buffer = self.received.get(usize::from(number))?;
        let len = written.checked_sub(HEADER);
        if let Some(len) = len {
            // SAFETY: the device has returned the buffer; it gets it back below.
            let bytes = unsafe { &*buffer.bytes.get() };
            let room = frame.get_mut(len);
            room.copy_from_slice(&bytes[HEADER..][..room.len()]);
        }
        self.expect_frame(number);
        len
    }

    fn can_send(&mut self) -> bool {
        while let Some((number, _)) = self.tx.take() {
            self.idle |= 1 << (usize::from(number) % TX_BUFFERS);
        }
        self.idle != 0
    }

    fn send(&mut self, frame: &mut Frame, len: usize) {
        let number = self.idle.trailing_zeros() as usize % TX_BUFFERS;
        let buffer = &self.sending[number];
        // SAFETY: the device does not hold the buffer.
        let bytes = unsafe { &mut *buffer.bytes.get() };
        let frame = frame.get(len);
        bytes[HEADER..][..frame.len()].copy_from_slice(frame);
        self.idle &= !(1 << number);
        self.tx.offer(number as u16, &buffer.bytes, HEADER + frame.len());
        self.transport.notify(TX);
    }
}
