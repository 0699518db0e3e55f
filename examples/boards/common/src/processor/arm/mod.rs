//! A Cortex-M: SysTick as its clock, and one interrupt beside it, that a frame has come.

mod clock;
mod memory;

#[cfg(feature = "meter")]
use cortex_m::peripheral::SYST;
use cortex_m::{
    interrupt::{self, InterruptNumber},
    peripheral::{NVIC, SCB},
};
use cortex_m_rt::exception;
#[cfg(feature = "semihosting")]
pub(crate) use cortex_m_semihosting as semihosting;

pub use self::clock::Clock;

/// A line into the interrupt controller, by its number in the data sheet.
#[derive(Clone, Copy)]
pub struct Line(pub u16);

// SAFETY: the number is fixed once the value is made.
unsafe impl InterruptNumber for Line {
    fn number(self) -> u16 {
        self.0
    }
}

/// The handler of the line. It does not touch the MAC, which belongs to the loop: the line stays up until
/// the loop has acknowledged it, and is masked as long.
pub extern "C" fn frame_came<const LINE: u16>() {
    NVIC::mask(Line(LINE));
}

/// Lets the line wake the processor, once. What it said before was acknowledged, and does not count.
pub(crate) fn unmask(line: Line) {
    NVIC::unpend(line);
    // SAFETY: the handler masks it again; no other code relies on its being masked.
    unsafe { NVIC::unmask(line) }
}

/// With interrupts held off: one that comes stays pending, and ends a sleep.
pub(crate) fn undisturbed<R>(f: impl FnOnce() -> R) -> R {
    interrupt::free(|_| f())
}

#[exception]
unsafe fn DefaultHandler(number: i16) -> ! {
    panic!("exception {number}")
}

#[exception(trampoline = false)]
unsafe fn HardFault() -> ! {
    panic!("hard fault")
}

/// Starts the machine again.
pub(crate) fn reset() -> ! {
    interrupt::disable();
    SCB::sys_reset()
}

/// How long something takes, less than a tick, in cycles.
#[cfg(feature = "meter")]
#[derive(Clone, Copy, Default)]
pub(crate) struct Stopwatch(u32);

#[cfg(feature = "meter")]
impl Stopwatch {
    pub(crate) fn start() -> Self {
        Stopwatch(SYST::get_current())
    }

    /// SysTick counts down, and wraps within a tick.
    pub(crate) fn cycles(self) -> u32 {
        let now = SYST::get_current();
        if now <= self.0 { self.0 - now } else { self.0 + SYST::get_reload() + 1 - now }
    }
}
