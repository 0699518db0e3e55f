//! The panic handler: logs the location and resets the board.

use core::panic::PanicInfo;

use cortex_m::{interrupt, peripheral::SCB};

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    interrupt::disable();
    // Only the location: the message would add `core::fmt`.
    if let Some(at) = info.location() {
        defmt::error!("panic at {}:{}", at.file(), at.line());
    }
    SCB::sys_reset()
}
