//! A TCP and UDP echo server on Arm's MPS2 with a Cortex-M3 (application note 385). Loading the FPGA sets its pins
//! and clocks.

#![no_std]
#![no_main]

use cortex_m_rt::entry;
use qemu_mps2_an385::ethernet::Lan9118;
use smolecho_board::{
    ethernet::{Ethernet, Frames},
    node::{PORT, emulated, node},
    processor::{Clock, Line, frame_came},
    registers::Block,
    report,
    serve::serve,
};
use static_cell::ConstStaticCell;

const MAC: [u8; 6] = [0x02, 0, 0, 0x91, 0x18, 0x01];
const SEED: u64 = 0x9118;
const ETHERNET: Line = Line(13);
const CYCLES_PER_SECOND: u32 = 25_000_000;

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
    let clock = Clock::start(core.SYST, CYCLES_PER_SECOND);
    // SAFETY: the LAN9118 on the expansion bus; no other code uses it.
    let registers = unsafe { Block::<0x4020_0000>::new() };
    let mut ethernet = Ethernet::new(Lan9118::new(registers, MAC), FRAMES.take());

    let config = emulated(MAC, SEED).expect("addresses that can be");
    let node = node(&mut ethernet, &config).expect("a configuration that can be");
    report::ready(PORT);
    serve(node, ethernet, ETHERNET, clock)
}
