//! The one interrupt beside SysTick: a frame has come.

use cortex_m::{
    interrupt::InterruptNumber,
    peripheral::{NVIC, SCB},
};
use cortex_m_rt::exception;

/// A line into the interrupt controller, by its number in the data sheet.
#[derive(Clone, Copy)]
pub struct Line(pub u16);

// SAFETY: the number is fixed once the value is made.
unsafe impl InterruptNumber for Line {
    fn number(self) -> u16 {
        self.0
    }
}

/// Lets the line wake the processor, once. What it said before was acknowledged, and does not count.
pub(crate) fn unmask(line: Line) {
    NVIC::unpend(line);
    // SAFETY: the handler below masks it again; no other code relies on its being masked.
    unsafe { NVIC::unmask(line) }
}

/// The handler does not touch the MAC, which belongs to the loop: the line stays up until the loop has
/// acknowledged it, and is masked as long.
#[exception]
unsafe fn DefaultHandler(number: i16) {
    match u16::try_from(number) {
        Ok(number) => NVIC::mask(Line(number)),
        Err(_) => panic!("exception {number}"),
    }
}

#[exception(trampoline = false)]
unsafe fn HardFault() -> ! {
    panic!("hard fault")
}

/// Starts the machine again.
pub(crate) fn reset() -> ! {
    SCB::sys_reset()
}
