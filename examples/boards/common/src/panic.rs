//! What a panic does: with semihosting it says why and ends the emulation with failure; without, the
//! board starts again. QEMU with `-no-reboot` ends there.

use core::panic::PanicInfo;

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    crate::report::last_words(info);
    crate::processor::reset()
}
