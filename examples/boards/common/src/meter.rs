//! Measures how long the processor is awake, from the end of one sleep to the next, interrupt included.
//!
//! Under QEMU with `-icount shift=0` an instruction takes one nanosecond, so this counts instructions.
//! `cargo xtask boards` reads the two symbols while the board sleeps.

#[cfg(feature = "meter")]
use core::sync::atomic::{AtomicU32, Ordering};

#[cfg(feature = "meter")]
use crate::processor::Stopwatch;

/// Ticks of the processor's clock in which a poll was made.
#[cfg(feature = "meter")]
// SAFETY: no other symbol has this name.
#[unsafe(no_mangle)]
static METER_BUSY: AtomicU32 = AtomicU32::new(0);

/// Polls.
#[cfg(feature = "meter")]
// SAFETY: no other symbol has this name.
#[unsafe(no_mangle)]
static METER_POLLS: AtomicU32 = AtomicU32::new(0);

/// The time between two sleeps.
#[derive(Default)]
pub(crate) struct Meter {
    #[cfg(feature = "meter")]
    woken: Stopwatch,
    #[cfg(feature = "meter")]
    polls: u32,
}

#[cfg(not(feature = "meter"))]
impl Meter {
    pub(crate) fn wake(&mut self) {}
    pub(crate) fn poll(&mut self) {}
    pub(crate) fn sleep(&mut self) {}
}

#[cfg(feature = "meter")]
impl Meter {
    /// The processor wakes.
    pub(crate) fn wake(&mut self) {
        self.woken = Stopwatch::start();
    }

    /// It polls.
    pub(crate) fn poll(&mut self) {
        self.polls += 1;
    }

    /// It sleeps. The time since it woke counts if it polled.
    pub(crate) fn sleep(&mut self) {
        if self.polls > 0 {
            METER_BUSY.fetch_add(self.woken.cycles(), Ordering::Relaxed);
            METER_POLLS.fetch_add(self.polls, Ordering::Relaxed);
            self.polls = 0;
        }
    }
}
