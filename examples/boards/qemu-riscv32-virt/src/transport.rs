//! A virtio device behind registers in memory (Virtual I/O Device, version 1.2, section 4.2).

use smolecho_board::registers::Registers;

use crate::queue::Queue;

/// Registers, by offset (section 4.2.2).
pub mod register {
    /// "virt".
    pub const MAGIC_VALUE: usize = 0x000;
    /// 2; what came before the standard says 1.
    pub const VERSION: usize = 0x004;
    /// What kind of device it is.
    pub const DEVICE_ID: usize = 0x008;
    /// 32 of the features that the device has.
    pub const DEVICE_FEATURES: usize = 0x010;
    /// Which 32.
    pub const DEVICE_FEATURES_SEL: usize = 0x014;
    /// 32 of the features that the driver wants.
    pub const DRIVER_FEATURES: usize = 0x020;
    /// Which 32.
    pub const DRIVER_FEATURES_SEL: usize = 0x024;
    /// The queue that the next registers are about.
    pub const QUEUE_SEL: usize = 0x030;
    /// How many buffers it may have.
    pub const QUEUE_NUM_MAX: usize = 0x034;
    /// How many it has.
    pub const QUEUE_NUM: usize = 0x038;
    /// Whether the device may use it.
    pub const QUEUE_READY: usize = 0x044;
    /// Buffers were offered in this queue.
    pub const QUEUE_NOTIFY: usize = 0x050;
    /// Why the device interrupts.
    pub const INTERRUPT_STATUS: usize = 0x060;
    /// What of it has been seen to.
    pub const INTERRUPT_ACK: usize = 0x064;
    /// How far the driver has come.
    pub const STATUS: usize = 0x070;
    /// Where descriptors, available and used ring are: the lower half of each, with the upper behind it.
    pub const QUEUE_PARTS: [usize; 3] = [0x080, 0x090, 0x0A0];
    /// What is the device's own.
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

/// Feature 32: the device keeps to the standard.
const VERSION_1: u64 = 1 << 32;

/// Why a device cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unusable {
    /// There is no device of this kind, of version 2.
    Missing,
    /// It does without none of the features that it has and we lack, or lacks one of ours.
    Features,
    /// A queue of it is too small.
    Queue,
}

/// A device whose queues are set up one by one.
pub struct Transport<R>(R);

impl<R: Registers> Transport<R> {
    /// Resets the device and agrees with it on these features (section 3.1.1).
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

    /// Tells the device where a queue is (section 4.2.3.2).
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

    /// All queues are set up: the device begins.
    pub fn begin(&mut self) {
        self.0.write(STATUS, ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK);
    }

    /// Buffers were offered in this queue.
    pub fn notify(&mut self, index: u32) {
        self.0.write(QUEUE_NOTIFY, index);
    }

    /// Forgets the interrupts until now.
    pub fn acknowledge(&mut self) {
        let status = self.0.read(INTERRUPT_STATUS);
        self.0.write(INTERRUPT_ACK, status);
    }

    /// A word of what is the device's own.
    pub fn config(&mut self, offset: usize) -> u32 {
        self.0.read(CONFIG + offset)
    }
}
