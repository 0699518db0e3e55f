//! What every driver must do, tried on the host: the board's tests bring a model of its MAC's FIFOs.

extern crate std;

use std::{vec, vec::Vec};

use smolecho::phy::{Device, RxToken, TxToken};
use smolecho::smoltcp::time::Instant;

use crate::ethernet::{Counters, Ethernet, Frames, Mac};
use crate::frame::{LARGEST, SMALLEST};

/// A model of a MAC, seen from the wire.
pub trait Wire {
    /// A frame comes, without its check sequence. False if the MAC has no room for it.
    fn arrive(&self, frame: &[u8]) -> bool;

    /// A frame comes damaged, if the MAC can tell.
    fn arrive_damaged(&self, frame: &[u8]);

    /// The frames that were sent.
    fn sent(&self) -> Vec<Vec<u8>>;

    /// Whether the MAC wants to interrupt.
    fn interrupts(&self) -> bool;
}

/// All of it. `make` connects a driver to a new model.
pub fn all<M: Mac, W: Wire>(make: impl Fn() -> (M, W)) {
    whatever_has_a_length_comes_through(&make);
    what_is_too_long_or_too_short_is_dropped_and_counted(&make);
    a_burst_is_taken_whole(&make);
    what_is_damaged_is_dropped_and_the_next_is_not(&make);
    every_frame_interrupts_once(&make);
    every_length_leaves_as_it_is(&make);
}

fn frame(len: usize, seed: usize) -> Vec<u8> {
    (0..len).map(|at| (at * 7 + seed) as u8).collect()
}

fn receive<M: Mac>(ethernet: &mut Ethernet<'_, M>) -> Option<Vec<u8>> {
    let (rx, _) = ethernet.receive(Instant::ZERO)?;
    Some(rx.consume(<[u8]>::to_vec))
}

fn whatever_has_a_length_comes_through<M: Mac, W: Wire>(make: &impl Fn() -> (M, W)) {
    let ((mac, wire), mut frames) = (make(), Frames::new());
    let mut ethernet = Ethernet::new(mac, &mut frames);
    for len in SMALLEST..=LARGEST {
        assert!(wire.arrive(&frame(len, len)));
        assert_eq!(receive(&mut ethernet), Some(frame(len, len)));
        assert_eq!(receive(&mut ethernet), None);
    }
    let received = (LARGEST - SMALLEST + 1) as u32;
    assert_eq!(ethernet.counters(), Counters { received, ..Counters::default() });
}

/// What follows them is not disturbed.
fn what_is_too_long_or_too_short_is_dropped_and_counted<M: Mac, W: Wire>(
    make: &impl Fn() -> (M, W),
) {
    let ((mac, wire), mut frames) = (make(), Frames::new());
    let mut ethernet = Ethernet::new(mac, &mut frames);
    let good = frame(60, 1);
    let (mut too_short, mut too_long) = (0, 0);
    for len in (0..SMALLEST).chain(LARGEST + 1..=LARGEST + 9).chain([2000, 2041]) {
        if wire.arrive(&frame(len, 2)) {
            *if len < SMALLEST { &mut too_short } else { &mut too_long } += 1;
        }
        assert!(wire.arrive(&good));
        assert_eq!(receive(&mut ethernet).as_ref(), Some(&good), "after {len} bytes");
        assert_eq!(receive(&mut ethernet), None);
    }
    let received = (SMALLEST + 9 + 2) as u32;
    assert_eq!(
        ethernet.counters(),
        Counters { received, too_short, too_long, ..Counters::default() }
    );
}

fn a_burst_is_taken_whole<M: Mac, W: Wire>(make: &impl Fn() -> (M, W)) {
    let ((mac, wire), mut frames) = (make(), Frames::new());
    let mut ethernet = Ethernet::new(mac, &mut frames);
    for round in 0..3 {
        let burst: Vec<_> = (0..1000)
            .map(|n| frame(60 + 13 * (n % 5), n + round))
            .take_while(|f| wire.arrive(f))
            .collect();
        assert!(burst.len() >= 16, "a MAC holds some frames");
        let taken: Vec<_> = std::iter::from_fn(|| receive(&mut ethernet)).collect();
        assert_eq!(taken, burst);
    }
}

fn what_is_damaged_is_dropped_and_the_next_is_not<M: Mac, W: Wire>(make: &impl Fn() -> (M, W)) {
    let ((mac, wire), mut frames) = (make(), Frames::new());
    let mut ethernet = Ethernet::new(mac, &mut frames);
    wire.arrive_damaged(&frame(100, 3));
    assert_eq!(receive(&mut ethernet), None);
    assert_eq!(ethernet.counters().errors, 1);
    assert!(wire.arrive(&frame(100, 4)));
    assert_eq!(receive(&mut ethernet), Some(frame(100, 4)));
}

fn every_frame_interrupts_once<M: Mac, W: Wire>(make: &impl Fn() -> (M, W)) {
    let ((mac, wire), mut frames) = (make(), Frames::new());
    let mut ethernet = Ethernet::new(mac, &mut frames);
    assert!(!wire.interrupts());
    for n in 0..3 {
        assert!(wire.arrive(&frame(60, n)));
        assert!(wire.interrupts());
        ethernet.acknowledge();
        assert!(!wire.interrupts() && ethernet.has_frame());
        assert!(receive(&mut ethernet).is_some());
        assert!(!wire.interrupts() && !ethernet.has_frame());
    }
}

fn every_length_leaves_as_it_is<M: Mac, W: Wire>(make: &impl Fn() -> (M, W)) {
    let ((mac, wire), mut frames) = (make(), Frames::new());
    let mut ethernet = Ethernet::new(mac, &mut frames);
    for len in SMALLEST..=LARGEST {
        let token = ethernet.transmit(Instant::ZERO).expect("room");
        token.consume(len, |room| {
            assert_eq!(room.len(), len);
            room.copy_from_slice(&frame(len, len));
        });
    }
    let sent = wire.sent();
    assert_eq!(sent.len(), LARGEST - SMALLEST + 1);
    for (len, frame_sent) in (SMALLEST..).zip(&sent) {
        assert_eq!(frame_sent[..len], frame(len, len));
        assert_eq!(frame_sent[len..], vec![0; frame_sent.len() - len], "padding");
    }
    let token = ethernet.transmit(Instant::ZERO).expect("room");
    token.consume(SMALLEST - 1, |_| {});
    assert_eq!(ethernet.counters().tx_dropped, 1);
    assert_eq!(wire.sent().len(), sent.len());
}
