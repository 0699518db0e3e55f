//! A TCP and UDP echo server on a Stellaris LM3S6965: its clock and pins.

#![no_std]
#![no_main]

use cortex_m_rt::entry;
use qemu_lm3s6965::ethernet::Stellaris;
use smolecho_board::{
    ethernet::{Ethernet, Frames},
    node::{PORT, emulated, node},
    processor::{Clock, Line, frame_came},
    registers::{Block, Registers},
    report,
    serve::serve,
};
use static_cell::ConstStaticCell;

const MAC: [u8; 6] = [0x02, 0, 0, 0x69, 0x65, 0x01];
const SEED: u64 = 0x6965;
const ETHERNET: Line = Line(42);
const CYCLES_PER_SECOND: u32 = 50_000_000;

/// The interrupt vectors, up to the only enabled one.
// SAFETY: `cortex-m-rt` expects them under this name in this section, behind the exception vectors.
#[unsafe(link_section = ".vector_table.interrupts")]
#[unsafe(no_mangle)]
static __INTERRUPTS: [extern "C" fn(); ETHERNET.0 as usize + 1] =
    [frame_came::<{ ETHERNET.0 }>; ETHERNET.0 as usize + 1];

static FRAMES: ConstStaticCell<Frames> = ConstStaticCell::new(Frames::new());

#[entry]
fn main() -> ! {
    let core = cortex_m::Peripherals::take().expect("the first to ask");
    // SAFETY: System Control; no other code uses it.
    system_control(&mut unsafe { Block::<0x400F_E000>::new() });
    let clock = Clock::start(core.SYST, CYCLES_PER_SECOND);
    // SAFETY: the Ethernet MAC; no other code uses it.
    let registers = unsafe { Block::<0x4004_8000>::new() };
    let mut ethernet = Ethernet::new(Stellaris::new(registers, MAC), FRAMES.take());

    let config = emulated(MAC, SEED).expect("addresses that can be");
    let node = node(&mut ethernet, &config).expect("a configuration that can be");
    report::ready(PORT);
    serve(node, ethernet, ETHERNET, clock)
}

/// 50 MHz from the 8 MHz crystal, and the clocks of the Ethernet controller and its pins.
fn system_control(registers: &mut impl Registers) {
    const RIS: usize = 0x050;
    const RCC: usize = 0x060;
    const RCGC2: usize = 0x108;

    const PLLLRIS: u32 = 1 << 6;
    // OSCSRC 0: the main oscillator, which MOSCDIS 0 enables; XTAL 0xE: 8 MHz; PWRDN 0: the PLL runs.
    const PLL: u32 = 0xE << 6;
    const BYPASS: u32 = 1 << 11;
    // The PLL's 200 MHz, divided by 4.
    const SYSDIV: u32 = 3 << 23;
    const USESYSDIV: u32 = 1 << 22;
    const GPIOF: u32 = 1 << 5;
    const EMAC0: u32 = 1 << 28;
    const EPHY0: u32 = 1 << 30;

    registers.write(RCC, BYPASS | PLL);
    while registers.read(RIS) & PLLLRIS == 0 {}
    registers.write(RCC, SYSDIV | USESYSDIV | PLL);
    registers.write(RCGC2, GPIOF | EMAC0 | EPHY0);
    // The clocks need a few cycles to start: read back.
    registers.read(RCGC2);
}
