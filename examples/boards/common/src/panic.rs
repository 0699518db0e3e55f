//! The panic handler. With semihosting it prints the reason and ends the emulation with a failure. Without, it
//! resets the board; QEMU with `-no-reboot` exits.

use core::panic::PanicInfo;

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    crate::report::last_words(info);
    crate::processor::reset()
}
