//! How a driver reaches its peripheral.

/// A peripheral's registers, by their offset in the data sheet. Reading may change what is read: many
/// a register is the end of a FIFO.
pub trait Registers {
    /// Reads a register.
    fn read(&mut self, offset: usize) -> u32;

    /// Writes a register.
    fn write(&mut self, offset: usize, value: u32);
}

/// The registers at an address of this processor's memory.
pub struct Block<const BASE: usize>(());

impl<const BASE: usize> Block<BASE> {
    /// Bytes of address space that a peripheral of a Cortex-M3 has here.
    const SIZE: usize = 0x1000;

    /// The one owner of these registers.
    ///
    /// # Safety
    /// From `BASE` on there are 4 KiB of a peripheral's registers, in which no access by 32 bits breaks
    /// Rust's memory, and nobody else uses them.
    pub const unsafe fn new() -> Self {
        Block(())
    }

    fn address(offset: usize) -> *mut u32 {
        assert!(offset < Self::SIZE && offset.is_multiple_of(4));
        core::ptr::with_exposed_provenance_mut(BASE + offset)
    }
}

impl<const BASE: usize> Registers for Block<BASE> {
    #[inline]
    fn read(&mut self, offset: usize) -> u32 {
        // SAFETY: a register of the peripheral that `new` was promised.
        unsafe { Self::address(offset).read_volatile() }
    }

    #[inline]
    fn write(&mut self, offset: usize, value: u32) {
        // SAFETY: a register of the peripheral that `new` was promised.
        unsafe { Self::address(offset).write_volatile(value) }
    }
}
