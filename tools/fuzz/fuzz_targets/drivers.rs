//! The boards' MAC drivers over registers that hold anything: no length that a chip may claim leads out
//! of a buffer, and no status keeps a driver for ever.
#![no_main]

use libfuzzer_sys::fuzz_target;
use qemu_lm3s6965::ethernet::Stellaris;
use qemu_mps2_an385::ethernet::Lan9118;
use smolecho_board::ethernet::{Ethernet, Frames, Mac};
use smolecho_board::frame::{LARGEST, SMALLEST};
use smolecho_board::registers::Registers;
use smoltcp::phy::{Device, RxToken, TxToken};
use smoltcp::time::Instant;

/// What is read is the input, word by word, and then nothing but zeros.
#[derive(Clone)]
struct Anything<'i>(&'i [u8]);

impl Registers for Anything<'_> {
    fn read(&mut self, _: usize) -> u32 {
        let Some((word, rest)) = self.0.split_first_chunk() else { return 0 };
        self.0 = rest;
        u32::from_le_bytes(*word)
    }

    fn write(&mut self, _: usize, _: u32) {}
}

/// Frames in and out, as a stack would.
fn drive(mac: impl Mac) {
    let mut frames = Frames::new();
    let mut device = Ethernet::new(mac, &mut frames);
    for round in 0..8 {
        device.acknowledge();
        if let Some((rx, tx)) = device.receive(Instant::ZERO) {
            let len = rx.consume(|frame| {
                assert!((SMALLEST..=LARGEST).contains(&frame.len()), "{} bytes", frame.len());
                frame.len()
            });
            tx.consume(len, |frame| assert_eq!(frame.len(), len));
        }
        if let Some(tx) = device.transmit(Instant::ZERO) {
            tx.consume(round * 250, |frame| frame.fill(0xAA));
        }
    }
}

fuzz_target!(|input: &[u8]| {
    drive(Stellaris::new(Anything(input), [2, 0, 0, 0, 0, 1]));
    drive(Lan9118::new(Anything(input), [2, 0, 0, 0, 0, 1]));
});
