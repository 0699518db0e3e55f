//! A RISC-V hart in machine mode, with its timer, its interrupt controller and its off switch where QEMU's
//! machine `virt` has them. No interrupt is ever taken: one that is pending ends a sleep, and that is all
//! that the loop needs.

use riscv::register::{mie, mstatus};
#[cfg(feature = "semihosting")]
pub(crate) use riscv_semihosting as semihosting;
use smolecho::smoltcp::time::Instant;

use crate::registers::{Block, Registers};

/// Core-local interruptor: the page with the time to compare with, and that with the time.
const MTIMECMP: usize = 0x0200_4000;
const MTIME: usize = 0x0200_B000;
const MTIME_LOW: usize = 0xFF8;
const MTIME_HIGH: usize = 0xFFC;

/// Platform-level interrupt controller: priorities by source, and what hart 0 gets in machine mode.
const PLIC: usize = 0x0C00_0000;
const PLIC_ENABLE: usize = 0x0C00_2000;
const PLIC_CONTEXT: usize = 0x0C20_0000;
const THRESHOLD: usize = 0;
const CLAIM: usize = 4;

/// Ticks of the clock in a microsecond.
const TICKS: u64 = 10;

/// The hart's timer.
pub struct Clock {
    time: Block<MTIME>,
    alarm: Block<MTIMECMP>,
}

impl Clock {
    /// The one clock, and what lets an interrupt end a sleep.
    pub fn start() -> Clock {
        // SAFETY: no handler is ever run, for interrupts are off as a whole.
        unsafe {
            mstatus::clear_mie();
            mie::set_mtimer();
            mie::set_mext();
        }
        // SAFETY: the core-local interruptor; nothing else uses it.
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

    /// Now.
    pub fn now(&mut self) -> Instant {
        Instant::from_micros((self.ticks() / TICKS).cast_signed())
    }

    /// Sleeps until an interrupt, or until then.
    pub(crate) fn sleep(&mut self, due: Option<Instant>) {
        let ticks = due.map_or(u64::MAX, |due| due.total_micros().cast_unsigned() * TICKS);
        // Nothing in between is earlier than both (Privileged Architecture, mtimecmp).
        self.alarm.write(4, u32::MAX);
        self.alarm.write(0, ticks as u32);
        self.alarm.write(4, (ticks >> 32) as u32);
        riscv::asm::wfi();
    }
}

/// A line into the interrupt controller, by its number.
#[derive(Clone, Copy)]
pub struct Line(pub u8);

/// Lets the line wake the hart, once. What it said before was acknowledged, and does not count.
pub(crate) fn unmask(Line(source): Line) {
    // SAFETY: the interrupt controller; nothing else uses it, and no register of it reaches memory.
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

/// No interrupt disturbs.
pub(crate) fn undisturbed<R>(f: impl FnOnce() -> R) -> R {
    f()
}

/// What the hart cannot do ends here.
// SAFETY: no other symbol has this name; `riscv-rt` calls it so.
#[unsafe(export_name = "ExceptionHandler")]
fn exception(_: &riscv_rt::TrapFrame) -> ! {
    panic!("exception at {:#x}", riscv::register::mepc::read())
}

/// Starts the machine again.
pub(crate) fn reset() -> ! {
    const RESET: u32 = 0x7777;
    // SAFETY: the machine's off switch.
    unsafe { Block::<0x0010_0000>::new() }.write(0, RESET);
    loop {
        riscv::asm::wfi();
    }
}

/// How long something takes, in cycles.
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

/// Fills the stack with what `cargo xtask boards` looks for, before it is used: from its end to a little
/// below this function's frame.
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
        // SAFETY: between the program's variables and the frames of its functions nothing is in use.
        unsafe {
            at.write_volatile(PAINT);
            at = at.add(1);
        }
    }
}
