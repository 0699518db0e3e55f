//! A MAC as an `embassy-net-driver` driver behind the bridge; `cargo xtask boards` measures the bridge's cost.

use core::task::Context;

use embassy_net_driver::{Capabilities, Driver, HardwareAddress, LinkState, RxToken, TxToken};
use smolecho::{
    Node,
    phy::{self, Device, embassy::Bridge},
    smoltcp::{time::Instant, wire::HardwareAddress as Address},
};

use crate::{
    ethernet::{Ethernet, Mac, Received, Sending},
    serve::Interrupting,
};

/// A MAC behind the bridge.
pub(crate) fn bridged<'f, M: Mac>(
    ethernet: Ethernet<'f, M>,
    node: &Node<'_>,
) -> Bridge<Driven<'f, M>> {
    let Address::Ethernet(address) = node.interface().hardware_addr();
    Bridge::new(Driven { ethernet, address: address.0 }).expect("Ethernet")
}

/// The driver. It wakes no task: the interrupt ends the loop's sleep.
pub(crate) struct Driven<'f, M> {
    ethernet: Ethernet<'f, M>,
    address: [u8; 6],
}

impl<'f, M: Mac> Driver for Driven<'f, M> {
    type RxToken<'t>
        = Received<'t>
    where
        Self: 't;
    type TxToken<'t>
        = Sending<'t, M>
    where
        Self: 't;

    fn receive(&mut self, _: &mut Context<'_>) -> Option<(Received<'_>, Sending<'_, M>)> {
        self.ethernet.receive(Instant::ZERO)
    }

    fn transmit(&mut self, _: &mut Context<'_>) -> Option<Sending<'_, M>> {
        self.ethernet.transmit(Instant::ZERO)
    }

    fn link_state(&mut self, _: &mut Context<'_>) -> LinkState {
        LinkState::Up
    }

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::default();
        capabilities.max_transmission_unit = self.ethernet.capabilities().max_transmission_unit;
        capabilities
    }

    fn hardware_address(&self) -> HardwareAddress {
        HardwareAddress::Ethernet(self.address)
    }
}

impl RxToken for Received<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, f: F) -> R {
        f(self.0)
    }
}

impl<M: Mac> TxToken for Sending<'_, M> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        phy::TxToken::consume(self, len, f)
    }
}

impl<M: Mac> Interrupting for Bridge<Driven<'_, M>> {
    fn acknowledge(&mut self) {
        self.driver().ethernet.acknowledge();
    }

    fn has_frame(&mut self) -> bool {
        self.driver().ethernet.has_frame()
    }
}
