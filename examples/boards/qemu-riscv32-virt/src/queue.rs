//! A virtqueue (Virtual I/O Device, version 1.2, section 2.7): passes buffers to a device and back. Descriptor n
//! is always for buffer n. Driver and device share the memory, so all of it is atomic.

use core::sync::atomic::{AtomicU16, AtomicU32, Ordering, fence};

/// The writer of a queue's buffers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// The driver.
    ToDevice,
    /// The device.
    FromDevice,
}

/// Flag of a descriptor: the device writes.
const WRITE: u16 = 2;
/// Flag of the available ring: the device need not interrupt.
const NO_INTERRUPT: u16 = 1;

#[repr(C, align(16))]
struct Descriptor {
    address: [AtomicU32; 2],
    length: AtomicU32,
    flags: AtomicU16,
    next: AtomicU16,
}

#[repr(C, align(2))]
struct Available<const N: usize> {
    flags: AtomicU16,
    count: AtomicU16,
    ring: [AtomicU16; N],
}

#[repr(C, align(4))]
struct Used<const N: usize> {
    flags: AtomicU16,
    count: AtomicU16,
    ring: [[AtomicU32; 2]; N],
}

/// The memory of a queue of N buffers, N a power of two.
#[repr(C)]
pub struct Memory<const N: usize> {
    descriptors: [Descriptor; N],
    available: Available<N>,
    used: Used<N>,
}

impl<const N: usize> Memory<N> {
    /// All zeros: a `static` takes no flash.
    pub const fn new() -> Self {
        const { assert!(N.is_power_of_two() && N <= 1 << 15) };
        Memory {
            descriptors: [const {
                Descriptor {
                    address: [AtomicU32::new(0), AtomicU32::new(0)],
                    length: AtomicU32::new(0),
                    flags: AtomicU16::new(0),
                    next: AtomicU16::new(0),
                }
            }; N],
            available: Available {
                flags: AtomicU16::new(0),
                count: AtomicU16::new(0),
                ring: [const { AtomicU16::new(0) }; N],
            },
            used: Used {
                flags: AtomicU16::new(0),
                count: AtomicU16::new(0),
                ring: [const { [AtomicU32::new(0), AtomicU32::new(0)] }; N],
            },
        }
    }
}

impl<const N: usize> Default for Memory<N> {
    fn default() -> Self {
        Self::new()
    }
}

/// The driver's side of a queue. The device uses the memory too, so it is never released.
pub struct Queue<const N: usize> {
    memory: &'static Memory<N>,
    way: Way,
    offered: u16,
    taken: u16,
}

impl<const N: usize> Queue<N> {
    /// A queue without buffers at the device.
    pub fn new(memory: &'static Memory<N>, way: Way) -> Self {
        // A sent buffer matters only when the next frame is sent: no interrupt.
        let flags = if way == Way::ToDevice { NO_INTERRUPT } else { 0 };
        memory.available.flags.store(flags, Ordering::Relaxed);
        Queue { memory, way, offered: 0, taken: 0 }
    }

    /// Addresses of the three parts, for the device.
    pub fn addresses(&self) -> [u64; 3] {
        let Memory { descriptors, available, used } = self.memory;
        [address(descriptors), address(available), address(used)]
    }

    /// Passes a buffer of `len` bytes to the device. Notify the device afterwards.
    pub fn offer<B>(&mut self, number: u16, buffer: &'static B, length: usize) {
        let Memory { descriptors, available, .. } = self.memory;
        let descriptor = &descriptors[usize::from(number)];
        let address = address(buffer);
        descriptor.address[0].store(address as u32, Ordering::Relaxed);
        descriptor.address[1].store((address >> 32) as u32, Ordering::Relaxed);
        descriptor.length.store(length as u32, Ordering::Relaxed);
        let flags = if self.way == Way::FromDevice { WRITE } else { 0 };
        descriptor.flags.store(flags, Ordering::Relaxed);
        available.ring[usize::from(self.offered) % N].store(number, Ordering::Relaxed);
        self.offered = self.offered.wrapping_add(1);
        // The index is written after the entry, and before the notification.
        available.count.store(self.offered, Ordering::Release);
        fence(Ordering::SeqCst);
    }

    /// Whether the device has returned a buffer.
    pub fn has_used(&self) -> bool {
        self.memory.used.count.load(Ordering::Acquire) != self.taken
    }

    /// A returned buffer, and the bytes that the device wrote; `None` if there is none, or if the device returned an
    /// invalid number.
    pub fn take(&mut self) -> Option<(u16, usize)> {
        if !self.has_used() {
            return None;
        }
        let [number, written] = &self.memory.used.ring[usize::from(self.taken) % N];
        self.taken = self.taken.wrapping_add(1);
        Some((number.load(Ordering::Relaxed) as u16, written.load(Ordering::Relaxed) as usize))
    }
}

fn address<T>(memory: &T) -> u64 {
    core::ptr::from_ref(memory).expose_provenance() as u64
}
