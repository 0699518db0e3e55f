//! The conformance check over real interfaces: the TAP device, and embassy's TAP driver behind the bridge.

use std::{os::fd::AsRawFd, thread, time::Duration as Wall};

use embassy_net_tuntap::TunTapDevice;
use nix::sys::socket::{MsgFlags, recv, send};
use smolecho::{
    conformance::{self, BEYOND, Wire as _},
    phy::{Device, embassy::Bridge, tap::Tap},
    smoltcp::wire::checksum,
};

use crate::{
    host,
    network::Network,
    trial::{Case, cases},
    wire::Wire,
};

pub(crate) fn cases() -> Vec<Case> {
    cases![
        the_tap_keeps_the_rules,
        the_tap_keeps_the_rules_at_a_large_mtu,
        the_offloading_tap_keeps_the_rules,
        a_driver_keeps_the_rules
    ]
}

/// A packet socket on the kernel's side of an interface on which the kernel itself sends nothing.
struct Opposite {
    wire: Wire,
    /// Bytes of the virtio header before each frame.
    header: usize,
}

/// Bytes of `struct virtio_net_hdr`.
const VIRTIO: usize = 10;

impl Opposite {
    fn of(network: &Network) -> Opposite {
        Opposite::over(network, Wire::tap, 0)
    }

    fn of_offloading(network: &Network) -> Opposite {
        Opposite::over(network, Wire::virtio, VIRTIO)
    }

    fn over(network: &Network, wire: fn(&Network) -> Wire, header: usize) -> Opposite {
        host::keep_silent(&network.interface);
        host::set_up(&network.interface, true);
        let mut opposite = Opposite { wire: wire(network), header };
        // Frames of other interfaces, from before the socket was bound to this one.
        while opposite.capture(|_| ()).is_some() {}
        opposite
    }

    fn check(&mut self, device: &mut impl Device) {
        let mut scratch = vec![0; device.capabilities().max_transmission_unit + BEYOND];
        if let Err(broken) = conformance::check(device, self, &mut scratch) {
            panic!("{broken}");
        }
    }
}

impl conformance::Wire for Opposite {
    /// The socket's default memory holds at least 32 frames of a page each.
    const HOLDS: usize = 32;

    fn inject(&mut self, frame: &[u8]) -> bool {
        let whole = [&[0; VIRTIO][..self.header], frame].concat();
        send(self.wire.socket.as_raw_fd(), &whole, MsgFlags::MSG_DONTWAIT).is_ok()
    }

    fn capture<R>(&mut self, look: impl FnOnce(&[u8]) -> R) -> Option<R> {
        let mut whole = [0; 10_000];
        let n = recv(self.wire.socket.as_raw_fd(), &mut whole, MsgFlags::MSG_DONTWAIT).ok()?;
        let (header, frame) = whole[..n].split_at_mut(self.header);
        sum(header, frame);
        Some(look(frame))
    }

    fn pause(&mut self) {
        thread::sleep(Wall::from_millis(5));
    }
}

/// Fills in the checksum that an offloading device leaves to the hardware.
fn sum(header: &[u8], frame: &mut [u8]) {
    if header.first() == Some(&1) {
        let field = |at| usize::from(u16::from_ne_bytes([header[at], header[at + 1]]));
        let (start, at) = (field(6), field(6) + field(8));
        let sum = !checksum::data(&frame[start..]);
        frame[at..at + 2].copy_from_slice(&sum.to_be_bytes());
    }
}

fn the_tap_keeps_the_rules() {
    let network = Network::new();
    let mut tap = Tap::open(&network.interface).expect("a TAP");
    Opposite::of(&network).check(&mut tap);
    let counters = tap.counters();
    assert_eq!((counters.rx_too_large, counters.rx_errors, counters.tx_dropped), (0, 0, 0));
}

fn the_tap_keeps_the_rules_at_a_large_mtu() {
    let network = Network::new();
    let mut tap = Tap::open(&network.interface).expect("a TAP");
    host::set_mtu(&network.interface, 9000);
    tap.refresh_mtu().expect("its MTU");
    Opposite::of(&network).check(&mut tap);
}

/// Checksums are right only after `sum`.
fn the_offloading_tap_keeps_the_rules() {
    let network = Network::new();
    let mut tap = Tap::open_offload(&network.interface).expect("a TAP");
    Opposite::of_offloading(&network).check(&mut tap);
    let counters = tap.counters();
    assert_eq!((counters.rx_too_large, counters.rx_errors, counters.tx_dropped), (0, 0, 0));
    assert_eq!(counters.rx_checksum, 2, "a wrong one over each family");
}

fn a_driver_keeps_the_rules() {
    let network = Network::new();
    let driver = TunTapDevice::new(&network.interface).expect("a TAP");
    let mut bridge = Bridge::new(driver).expect("Ethernet");
    Opposite::of(&network).check(&mut bridge);
}
