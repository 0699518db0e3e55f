//! A virtio entropy source (Virtual I/O Device, version 1.2, section 5.4).

use core::sync::atomic::{AtomicU32, Ordering};

use smolecho_board::registers::Registers;

use crate::{
    queue::{self, Queue, Way},
    transport::{Transport, Unusable},
};

/// Device ID of an entropy source.
const KIND: u32 = 4;

/// The queue and its buffer.
pub struct Memory {
    queue: queue::Memory<1>,
    bits: [AtomicU32; 2],
}

impl Memory {
    /// All zeros: a `static` takes no flash.
    pub const fn new() -> Self {
        Memory { queue: queue::Memory::new(), bits: [AtomicU32::new(0), AtomicU32::new(0)] }
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}

/// Waits for 64 bits from the device.
pub fn seed(registers: impl Registers, memory: &'static mut Memory) -> Result<u64, Unusable> {
    let Memory { queue, bits } = &*memory;
    let mut transport = Transport::new(registers, KIND, 0)?;
    let mut queue = Queue::new(queue, Way::FromDevice);
    transport.set_up(0, &queue)?;
    transport.begin();
    loop {
        queue.offer(0, bits, size_of_val(bits));
        transport.notify(0);
        let written = loop {
            if let Some((_, written)) = queue.take() {
                break written;
            }
        };
        // The device may return fewer bytes than requested.
        if written >= size_of_val(bits) {
            let [low, high] = bits.each_ref().map(|half| half.load(Ordering::Relaxed));
            return Ok(u64::from(high) << 32 | u64::from(low));
        }
    }
}
