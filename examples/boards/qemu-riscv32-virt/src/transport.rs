//! A virtio device over memory-mapped registers (Virtual I/O Device, version 1.2, section 4.2).

use smolecho_board::registers::Registers;

use crate::queue::Queue;

/// Registers, by offset (section 4.2.2).
pub mod register {
    /// "virt".
    pub const MAGIC_VALUE: usize = 0x000;
    /// 2; legacy devices have 1.
    pub const VERSION: usize = 0x004;
    /// Device ID.
    pub const DEVICE_ID: usize = 0x008;
    /// 32 of the device's features.
    pub const DEVICE_FEATURES: usize = 0x010;
    /// Which 32.
    pub const DEVICE_FEATURES_SEL: usize = 0x014;
    /// 32 of the features that the driver accepts.
    pub const DRIVER_FEATURES: usize = 0x020;
    /// Which 32.
    pub const DRIVER_FEATURES_SEL: usize = 0x024;
    /// Selects the queue of the next registers.
    pub const QUEUE_SEL: usize = 0x030;
    /// Largest number of buffers.
    pub const QUEUE_NUM_MAX: usize = 0x034;
    /// Number of buffers.
    pub const QUEUE_NUM: usize = 0x038;
    /// Whether the device may use the queue.
    pub const QUEUE_READY: usize = 0x044;
    /// Notifies the device of new buffers in a queue.
    pub const QUEUE_NOTIFY: usize = 0x050;
    /// Causes of the interrupt.
    pub const INTERRUPT_STATUS: usize = 0x060;
    /// Interrupt acknowledge.
    pub const INTERRUPT_ACK: usize = 0x064;
    /// Device status.
    pub const STATUS: usize = 0x070;
    /// Addresses of descriptors, available ring and used ring: the lower half of each, then the upper.
    pub const QUEUE_PARTS: [usize; 3] = [0x080, 0x090, 0x0A0];
    /// Device-specific configuration.
    pub const CONFIG: usize = 0x100;
}
use register::*;

const MAGIC: u32 = u32::from_le_bytes(*b"virt");
const VERSION_2: u32 = 2;

/// Bits of the status (section 2.1).
const ACKNOWLEDGE: u32 = 1;
const DRIVER: u32 = 2;
const DRIVER_OK: u32 = 4;
const FEATURES_OK: u32 = 8;

/// Feature 32: the device conforms to version 1.
const VERSION_1: u64 = 1 << 32;

/// Why a device is unusable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unusable {
    /// No device with this ID and version 2.
    Missing,
    /// The device lacks a feature of the driver, or requires one that the driver lacks.
    Features,
    /// A queue is too small.
    Queue,
}

/// A device during set-up.
pub struct Transport<R>(R);

impl<R: Registers> Transport<R> {
    /// Resets the device and negotiates these features (section 3.1.1).
    pub fn new(mut registers: R, kind: u32, features: u64) -> Result<Self, Unusable> {
        let expected = [(MAGIC_VALUE, MAGIC), (VERSION, VERSION_2), (DEVICE_ID, kind)];
        if expected.iter().any(|&(register, value)| registers.read(register) != value) {
            return Err(Unusable::Missing);
        }
        let wanted = features | VERSION_1;
        registers.write(STATUS, 0);
        registers.write(STATUS, ACKNOWLEDGE | DRIVER);
        for half in 0..2 {
            let wanted = (wanted >> (32 * half)) as u32;
            registers.write(DEVICE_FEATURES_SEL, half);
            if registers.read(DEVICE_FEATURES) & wanted != wanted {
                return Err(Unusable::Features);
            }
            registers.write(DRIVER_FEATURES_SEL, half);
            registers.write(DRIVER_FEATURES, wanted);
        }
        registers.write(STATUS, ACKNOWLEDGE | DRIVER | FEATURES_OK);
        if registers.read(STATUS) & FEATURES_OK == 0 {
            return Err(Unusable::Features);
        }
        Ok(Transport(registers))
    }

    /// Sets up a queue (section 4.2.3.2).
    pub fn set_up<const N: usize>(&mut self, index: u32, queue: &Queue<N>) -> Result<(), Unusable> {
        self.0.write(QUEUE_SEL, index);
        if self.0.read(QUEUE_NUM_MAX) < N as u32 {
            return Err(Unusable::Queue);
        }
        self.0.write(QUEUE_NUM, N as u32);
        for (register, address) in QUEUE_PARTS.into_iter().zip(queue.addresses()) {
            self.0.write(register, address as u32);
            self.0.write(register + 4, (address >> 32) as u32);
        }
        self.0.write(QUEUE_READY, 1);
        Ok(())
    }

    /// Starts the device after every queue is set up.
    pub fn begin(&mut self) {
        self.0.write(STATUS, ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK);
    }

    /// Notifies the device of new buffers in a queue.
    pub fn notify(&mut self, index: u32) {
        self.0.write(QUEUE_NOTIFY, index);
    }

    /// Acknowledges the pending interrupts.
    pub fn acknowledge(&mut self) {
        let status = self.0.read(INTERRUPT_STATUS);
        self.0.write(INTERRUPT_ACK, status);
    }

    /// A word of the device-specific configuration.
    pub fn config(&mut self, offset: usize) -> u32 {
        self.0.read(CONFIG + offset)
    }
}
