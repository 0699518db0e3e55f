//! A TCP and UDP echo server on QEMU's RISC-V machine `virt`: its devices.

#![no_std]
#![no_main]

use qemu_riscv32_virt::{
    entropy,
    ethernet::{Memory, Virtio},
};
use riscv_rt::entry;
use smolecho_board::{
    ethernet::{Ethernet, Frames},
    node::{PORT, emulated, node},
    processor::{Clock, Line},
    registers::Block,
    report,
    serve::serve,
};
use static_cell::ConstStaticCell;

const ETHERNET: Line = Line(1);

static QUEUES: ConstStaticCell<Memory> = ConstStaticCell::new(Memory::new());
static ENTROPY: ConstStaticCell<entropy::Memory> = ConstStaticCell::new(entropy::Memory::new());
static FRAMES: ConstStaticCell<Frames> = ConstStaticCell::new(Frames::new());

#[entry]
fn main() -> ! {
    let clock = Clock::start();
    // SAFETY: the machine's first two virtio devices; no other code uses them.
    let (network, random) = unsafe { (Block::<0x1000_1000>::new(), Block::<0x1000_2000>::new()) };
    let seed = entropy::seed(random, ENTROPY.take())
        .expect("-device virtio-rng-device,bus=virtio-mmio-bus.1");
    let mut virtio = Virtio::new(network, QUEUES.take())
        .expect("-device virtio-net-device,bus=virtio-mmio-bus.0");
    let mac = virtio.address();
    let mut ethernet = Ethernet::new(virtio, FRAMES.take());

    let config = emulated(mac, seed).expect("addresses that can be");
    let node = node(&mut ethernet, &config).expect("a configuration that can be");
    report::ready(PORT);
    serve(node, ethernet, ETHERNET, clock)
}
