//! A RISC-V hart in machine mode, with timer, interrupt controller and reset as in QEMU's machine `virt`. No
//! interrupt handler runs: a pending interrupt ends a sleep, and the loop needs no more.

use riscv::register::{mie, mstatus};
#[cfg(feature = "semihosting")]
pub(crate) use riscv_semihosting as semihosting;
use smolecho::smoltcp::time::Instant;

use crate::registers::{Block, Registers};

/// Core-local interruptor: the pages of mtimecmp and of mtime.
const MTIMECMP: usize = 0x0200_4000;
const MTIME: usize = 0x0200_B000;
const MTIME_LOW: usize = 0xFF8;
const MTIME_HIGH: usize = 0xFFC;

/// Platform-level interrupt controller: the priorities, and the context of hart 0 in machine mode.
const PLIC: usize = 0x0C00_0000;
const PLIC_ENABLE: usize = 0x0C00_2000;
const PLIC_CONTEXT: usize = 0x0C20_0000;
const THRESHOLD: usize = 0;
const CLAIM: usize = 4;

/// Clock ticks per microsecond.
const TICKS: u64 = 10;

/// The hart's timer.
pub struct Clock {
    time: Block<MTIME>,
    alarm: Block<MTIMECMP>,
}

impl Clock {
    /// The clock. It also lets a pending interrupt end a sleep.
    pub fn start() -> Clock {
        // SAFETY: interrupts are globally disabled, so that no handler runs.
        unsafe {
            mstatus::clear_mie();
            mie::set_mtimer();
            mie::set_mext();
        }
        // SAFETY: the core-local interruptor; no other code uses it.
        unsafe { Clock { time: Block::new(), alarm: Block::new() } }
    }

    fn ticks(&mut self) -> u64 {
        loop {
            let high = self.time.read(MTIME_HIGH);
            let low = self.time.read(MTIME_LOW);
            if high == self.time.read(MTIME_HIGH) {
                return u64::from(high) << 32 | u64::from(low);
            }
        }
    }

    /// The time since the start.
    pub fn now(&mut self) -> Instant {
        Instant::from_micros((self.ticks() / TICKS).cast_signed())
    }

    /// Sleeps until an interrupt, or until this time.
    pub(crate) fn sleep(&mut self, due: Option<Instant>) {
        let ticks = due.map_or(u64::MAX, |due| due.total_micros().cast_unsigned() * TICKS);
        // No intermediate value is earlier than both (Privileged Architecture, mtimecmp).
        self.alarm.write(4, u32::MAX);
        self.alarm.write(0, ticks as u32);
        self.alarm.write(4, (ticks >> 32) as u32);
        riscv::asm::wfi();
    }
}

/// An interrupt source, by its number.
#[derive(Clone, Copy)]
pub struct Line(pub u8);

/// Lets the interrupt wake the hart once. An earlier interrupt was acknowledged and has no effect.
pub(crate) fn unmask(Line(source): Line) {
    // SAFETY: the interrupt controller; no other code uses it, and its registers do not affect memory.
    let (mut priorities, mut enable, mut context) = unsafe {
        (Block::<PLIC>::new(), Block::<PLIC_ENABLE>::new(), Block::<PLIC_CONTEXT>::new())
    };
    let source = u32::from(source);
    priorities.write(4 * source as usize, 1);
    enable.write(4 * (source / 32) as usize, 1 << (source % 32));
    context.write(THRESHOLD, 0);
    let claimed = context.read(CLAIM);
    context.write(CLAIM, claimed);
}

/// Nothing to mask: no interrupt handler runs.
pub(crate) fn undisturbed<R>(f: impl FnOnce() -> R) -> R {
    f()
}

/// Every exception ends here.
// SAFETY: no other symbol has this name; `riscv-rt` calls it so.
#[unsafe(export_name = "ExceptionHandler")]
fn exception(_: &riscv_rt::TrapFrame) -> ! {
    panic!("exception at {:#x}", riscv::register::mepc::read())
}

/// Resets the machine.
pub(crate) fn reset() -> ! {
    const RESET: u32 = 0x7777;
    // SAFETY: the machine's reset register.
    unsafe { Block::<0x0010_0000>::new() }.write(0, RESET);
    loop {
        riscv::asm::wfi();
    }
}

/// A stopwatch, in cycles.
#[cfg(feature = "meter")]
#[derive(Clone, Copy, Default)]
pub(crate) struct Stopwatch(usize);

#[cfg(feature = "meter")]
impl Stopwatch {
    pub(crate) fn start() -> Self {
        Stopwatch(riscv::register::mcycle::read())
    }

    pub(crate) fn cycles(self) -> u32 {
        riscv::register::mcycle::read().wrapping_sub(self.0) as u32
    }
}

/// Fills the unused stack, from its end to a little below this function's frame, with the pattern that
/// `cargo xtask boards` looks for.
#[cfg(feature = "paint-stack")]
#[riscv_rt::post_init]
unsafe fn paint(_: usize) {
    const PAINT: u32 = 0xCCCC_CCCC;
    const MARGIN: usize = 256;
    unsafe extern "C" {
        static mut __sheap: u32;
    }
    let here = 0_u32;
    let end = (&raw const here).addr() - MARGIN;
    let mut at = &raw mut __sheap;
    while at.addr() < end {
        // SAFETY: no code uses the memory between the variables and the stack pointer.
        unsafe {
            at.write_volatile(PAINT);
            at = at.add(1);
        }
    }
}
