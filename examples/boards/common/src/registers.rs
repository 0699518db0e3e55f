//! Access to a peripheral.

/// A peripheral's registers, by their offset in the data sheet. A read may have side effects: some registers are
/// FIFOs.
pub trait Registers {
    /// Reads a register.
    fn read(&mut self, offset: usize) -> u32;

    /// Writes a register.
    fn write(&mut self, offset: usize, value: u32);
}

/// The registers at an address of this processor's memory.
pub struct Block<const BASE: usize>(());

impl<const BASE: usize> Block<BASE> {
    /// Bytes of a peripheral's address space.
    const SIZE: usize = 0x1000;

    /// The only owner of these registers.
    ///
    /// # Safety
    /// `BASE` must be the address of 4 KiB of a peripheral's registers. A 32-bit access to them must not affect
    /// Rust's memory, and no other code may use them.
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
        // SAFETY: within the peripheral, by the contract of `new`.
        unsafe { Self::address(offset).read_volatile() }
    }

    #[inline]
    fn write(&mut self, offset: usize, value: u32) {
        // SAFETY: within the peripheral, by the contract of `new`.
        unsafe { Self::address(offset).write_volatile(value) }
    }
}
