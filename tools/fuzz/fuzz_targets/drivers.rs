//! The boards' MAC drivers over registers with any content: no length exceeds a buffer, and no status hangs a
//! driver. And the TAP device with any virtio-net header before any frame.
#![no_main]

use core::num::NonZeroU16;

use libfuzzer_sys::fuzz_target;
use qemu_lm3s6965::ethernet::Stellaris;
use qemu_mps2_an385::ethernet::Lan9118;
use smolecho_board::ethernet::{Ethernet, Frames, Mac};
use smolecho_board::frame::{LARGEST, SMALLEST};
use smolecho_board::registers::Registers;
use smoltcp::phy::{Device, RxToken, TxToken};
use smoltcp::time::Instant;

use smolecho::event;

// The files themselves, so that the library need not export them.
#[allow(dead_code)]
#[path = "../../../src/ipv6.rs"]
mod ipv6;
#[allow(dead_code)]
#[path = "../../../src/strip.rs"]
mod strip;
#[allow(dead_code, unreachable_pub)]
#[path = "../../../src/phy/tap/vnet_hdr.rs"]
mod vnet_hdr;

/// Reads return the input word by word, then zeros.
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

/// Receives and sends as a stack does.
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

/// Receives and sends a frame with offloads.
fn cross(input: &[u8]) {
    let Some((header, frame)) = input.split_first_chunk() else { return };
    let mut frame = frame.to_vec();
    vnet_hdr::admit(header, &mut frame);
    // A frame that needs no offload still needs none after its checksum was filled again.
    if vnet_hdr::admit(&[0; vnet_hdr::HEADER], &mut frame) {
        vnet_hdr::describe(&mut [0; vnet_hdr::HEADER], &mut frame, NonZeroU16::new(1460));
        vnet_hdr::fill_checksum(&mut frame);
        assert!(vnet_hdr::admit(&[0; vnet_hdr::HEADER], &mut frame));
    }
}

fuzz_target!(|input: &[u8]| {
    cross(input);
    drive(Stellaris::new(Anything(input), [2, 0, 0, 0, 0, 1]));
    drive(Lan9118::new(Anything(input), [2, 0, 0, 0, 0, 1]));
});
