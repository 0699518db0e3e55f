//! The rules of every device, over real interfaces: our TAP, and another's driver behind the bridge.

use std::{os::fd::AsRawFd, thread, time::Duration as Wall};

use embassy_net_tuntap::TunTapDevice;
use nix::sys::socket::{MsgFlags, recv, send};
use smolecho::{
    conformance::{self, BEYOND, Wire as _},
    phy::{Device, embassy::Bridge, tap::Tap},
};

use crate::{
    host,
    lab::Network,
    trial::{Case, cases},
    wire::Wire,
};

pub(crate) fn cases() -> Vec<Case> {
    cases![
        the_tap_keeps_the_rules,
        the_tap_keeps_the_rules_at_a_large_mtu,
        a_driver_keeps_the_rules
    ]
}

/// A packet socket on the host's side of an interface that the host itself says nothing on.
struct Opposite(Wire);

impl Opposite {
    fn of(network: &Network) -> Opposite {
        host::keep_silent(&network.interface);
        host::set_up(&network.interface, true);
        let mut opposite = Opposite(Wire::tap(network));
        // What passed on other interfaces before the socket was bound to this one.
        while opposite.depart(|_| ()).is_some() {}
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
    /// The socket's memory is the kernel's default, and a frame takes a page of it at the most.
    const HOLDS: usize = 32;

    fn arrive(&mut self, frame: &[u8]) -> bool {
        send(self.0.socket.as_raw_fd(), frame, MsgFlags::MSG_DONTWAIT).is_ok()
    }

    fn depart<R>(&mut self, look: impl FnOnce(&[u8]) -> R) -> Option<R> {
        let mut frame = [0; 10_000];
        let n = recv(self.0.socket.as_raw_fd(), &mut frame, MsgFlags::MSG_DONTWAIT).ok()?;
        Some(look(&frame[..n]))
    }

    fn pause(&mut self) {
        thread::sleep(Wall::from_millis(5));
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

fn a_driver_keeps_the_rules() {
    let network = Network::new();
    let driver = TunTapDevice::new(&network.interface).expect("a TAP");
    let mut bridge = Bridge::new(driver).expect("Ethernet");
    Opposite::of(&network).check(&mut bridge);
}
