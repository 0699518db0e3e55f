//! A clock over the SysTick timer.

use core::sync::atomic::{AtomicU32, Ordering};

use cortex_m::{
    asm,
    peripheral::{SYST, syst::SystClkSource},
};
use cortex_m_rt::exception;
use smolecho::smoltcp::time::Instant;

/// Ticks per second: the resolution of every deadline, and how often a sleeping board wakes.
const HZ: u32 = 1000;

static TICKS: AtomicU32 = AtomicU32::new(0);

#[exception]
fn SysTick() {
    TICKS.fetch_add(1, Ordering::Relaxed);
}

/// A monotonic clock that starts at zero.
pub struct Clock {
    seen: u32,
    millis: i64,
}

impl Clock {
    /// Starts the clock on a processor of this many cycles per second.
    pub fn start(mut syst: SYST, cycles_per_second: u32) -> Clock {
        syst.set_clock_source(SystClkSource::Core);
        syst.set_reload(cycles_per_second / HZ - 1);
        syst.clear_current();
        syst.enable_interrupt();
        syst.enable_counter();
        Clock { seen: 0, millis: 0 }
    }

    /// The time since the start. The tick counter wraps after 49 days, so call it more often than that.
    pub fn now(&mut self) -> Instant {
        let ticks = TICKS.load(Ordering::Relaxed);
        self.millis += i64::from(ticks.wrapping_sub(self.seen));
        self.seen = ticks;
        Instant::from_millis(self.millis)
    }
    /// Sleeps until an interrupt, at the latest until the next tick.
    pub(crate) fn sleep(&mut self, _: Option<Instant>) {
        asm::wfi();
    }
}
