//! What a panic does: says where, and starts the board again.

use core::panic::PanicInfo;

use cortex_m::{interrupt, peripheral::SCB};

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    interrupt::disable();
    // The place alone: the text would bring all of `core::fmt`.
    if let Some(at) = info.location() {
        defmt::error!("panic at {}:{}", at.file(), at.line());
    }
    SCB::sys_reset()
}
