//! What time it is, by the SysTick timer.

use core::sync::atomic::{AtomicU32, Ordering};

use cortex_m::{
    asm,
    peripheral::{SYST, syst::SystClkSource},
};
use cortex_m_rt::exception;
use smolecho::smoltcp::time::Instant;

/// Ticks a second. Every deadline is kept to a tick; a sleeping board wakes that often to look.
const HZ: u32 = 1000;

static TICKS: AtomicU32 = AtomicU32::new(0);

#[exception]
fn SysTick() {
    TICKS.fetch_add(1, Ordering::Relaxed);
}

/// A clock that begins at zero and never goes back.
pub struct Clock {
    seen: u32,
    millis: i64,
}

impl Clock {
    /// Starts it, on a processor of so many cycles a second.
    pub fn start(mut syst: SYST, cycles_per_second: u32) -> Clock {
        syst.set_clock_source(SystClkSource::Core);
        syst.set_reload(cycles_per_second / HZ - 1);
        syst.clear_current();
        syst.enable_interrupt();
        syst.enable_counter();
        Clock { seen: 0, millis: 0 }
    }

    /// Now. The ticks wrap after 49 days; whoever asks more often than that does not notice.
    pub fn now(&mut self) -> Instant {
        let ticks = TICKS.load(Ordering::Relaxed);
        self.millis += i64::from(ticks.wrapping_sub(self.seen));
        self.seen = ticks;
        Instant::from_millis(self.millis)
    }
    /// Sleeps until an interrupt: the next tick's at the latest.
    pub(crate) fn sleep(&mut self, _: Option<Instant>) {
        asm::wfi();
    }
}
