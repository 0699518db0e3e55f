//! Conformance tests of a driver, on the host, over a model of its MAC's FIFOs. The rules of any device come
//! first, then those of a [`Mac`]: counters and interrupt.

extern crate std;

use std::vec::Vec;

use smolecho::conformance::{self, BEYOND};
use smolecho::phy::{Device, RxToken, TxToken};
use smolecho::smoltcp::time::Instant;

use crate::ethernet::{Counters, Ethernet, Frames, Mac};
use crate::frame::{LARGEST, SMALLEST};

/// A model of a MAC, from the wire's side.
pub trait Wire {
    /// A frame arrives, without its check sequence. False if the MAC has no room for it.
    fn inject(&self, frame: &[u8]) -> bool;

    /// A damaged frame arrives, if the MAC detects damage.
    fn arrive_damaged(&self, frame: &[u8]);

    /// Takes the next frame that was sent.
    fn capture(&self) -> Option<Vec<u8>>;

    /// Whether the MAC's interrupt is pending.
    fn interrupts(&self) -> bool;
}

/// Runs every test. `make` connects a driver to a new model.
pub fn all<M: Mac, W: Wire>(make: impl Fn() -> (M, W)) {
    the_rules_of_every_device_are_kept(&make);
    what_is_too_long_or_too_short_is_dropped_and_counted(&make);
    what_is_damaged_is_dropped_and_the_next_is_not(&make);
    every_frame_interrupts_once(&make);
    what_no_ethernet_takes_is_dropped_and_counted(&make);
}

fn frame(len: usize, seed: usize) -> Vec<u8> {
    (0..len).map(|at| (at * 7 + seed) as u8).collect()
}

fn receive<M: Mac>(ethernet: &mut Ethernet<'_, M>) -> Option<Vec<u8>> {
    let (rx, _) = ethernet.receive(Instant::ZERO)?;
    Some(rx.consume(<[u8]>::to_vec))
}

/// A model as the other side of a device.
struct Opposite<W>(W);

impl<W: Wire> conformance::Wire for Opposite<W> {
    fn inject(&mut self, frame: &[u8]) -> bool {
        self.0.inject(frame)
    }

    fn capture<R>(&mut self, look: impl FnOnce(&[u8]) -> R) -> Option<R> {
        self.0.capture().map(|frame| look(&frame))
    }
}

fn the_rules_of_every_device_are_kept<M: Mac, W: Wire>(make: &impl Fn() -> (M, W)) {
    let ((mac, wire), mut frames) = (make(), Frames::new());
    let mut ethernet = Ethernet::new(mac, &mut frames);
    let outcome =
        conformance::check(&mut ethernet, &mut Opposite(wire), &mut [0; LARGEST + BEYOND]);
    assert_eq!(outcome, Ok(()));
    let counters = ethernet.counters();
    assert_eq!((counters.too_short, counters.errors, counters.tx_dropped), (0, 0, 0));
}

/// Damaged and invalid frames do not affect the next frame.
fn what_is_too_long_or_too_short_is_dropped_and_counted<M: Mac, W: Wire>(
    make: &impl Fn() -> (M, W),
) {
    let ((mac, wire), mut frames) = (make(), Frames::new());
    let mut ethernet = Ethernet::new(mac, &mut frames);
    let good = frame(60, 1);
    let (mut too_short, mut too_long) = (0, 0);
    for len in (0..SMALLEST).chain(LARGEST + 1..=LARGEST + 9).chain([2000, 2041]) {
        if wire.inject(&frame(len, 2)) {
            *if len < SMALLEST { &mut too_short } else { &mut too_long } += 1;
        }
        assert!(wire.inject(&good));
        assert_eq!(receive(&mut ethernet).as_ref(), Some(&good), "after {len} bytes");
        assert_eq!(receive(&mut ethernet), None);
    }
    let received = (SMALLEST + 9 + 2) as u32;
    assert_eq!(
        ethernet.counters(),
        Counters { received, too_short, too_long, ..Counters::default() }
    );
}

fn what_is_damaged_is_dropped_and_the_next_is_not<M: Mac, W: Wire>(make: &impl Fn() -> (M, W)) {
    let ((mac, wire), mut frames) = (make(), Frames::new());
    let mut ethernet = Ethernet::new(mac, &mut frames);
    // More often than any driver has buffers.
    for n in 1..=100 {
        wire.arrive_damaged(&frame(100, 3));
        assert_eq!(receive(&mut ethernet), None);
        assert_eq!(ethernet.counters().errors, n);
        assert!(wire.inject(&frame(100, 4)));
        assert_eq!(receive(&mut ethernet), Some(frame(100, 4)));
    }
}

fn every_frame_interrupts_once<M: Mac, W: Wire>(make: &impl Fn() -> (M, W)) {
    let ((mac, wire), mut frames) = (make(), Frames::new());
    let mut ethernet = Ethernet::new(mac, &mut frames);
    assert!(!wire.interrupts());
    for n in 0..3 {
        assert!(wire.inject(&frame(60, n)));
        assert!(wire.interrupts());
        ethernet.acknowledge();
        assert!(!wire.interrupts() && ethernet.has_frame());
        assert!(receive(&mut ethernet).is_some());
        assert!(!wire.interrupts() && !ethernet.has_frame());
    }
}

fn what_no_ethernet_takes_is_dropped_and_counted<M: Mac, W: Wire>(make: &impl Fn() -> (M, W)) {
    let ((mac, wire), mut frames) = (make(), Frames::new());
    let mut ethernet = Ethernet::new(mac, &mut frames);
    let token = ethernet.transmit(Instant::ZERO).expect("room");
    token.consume(SMALLEST - 1, |_| {});
    assert_eq!(ethernet.counters().tx_dropped, 1);
    assert_eq!(wire.capture(), None);
}
