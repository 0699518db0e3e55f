//! A Cortex-M with SysTick as its clock, and the interrupt of its MAC.

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

/// An interrupt, by its number in the data sheet.
#[derive(Clone, Copy)]
pub struct Line(pub u16);

// SAFETY: the number of a value never changes.
unsafe impl InterruptNumber for Line {
    fn number(self) -> u16 {
        self.0
    }
}

/// The interrupt handler. The MAC belongs to the loop, so the handler masks the interrupt until the loop has
/// acknowledged it.
pub extern "C" fn frame_came<const LINE: u16>() {
    NVIC::mask(Line(LINE));
}

/// Lets the interrupt wake the processor once. An earlier interrupt was acknowledged and has no effect.
pub(crate) fn unmask(line: Line) {
    NVIC::unpend(line);
    // SAFETY: no other code relies on this interrupt being masked.
    unsafe { NVIC::unmask(line) }
}

/// Runs `act` without interrupt handlers. An interrupt stays pending, and ends a sleep.
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

/// Resets the processor.
pub(crate) fn reset() -> ! {
    interrupt::disable();
    SCB::sys_reset()
}

/// A stopwatch for less than a tick, in cycles.
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
