//! The test device: two queues of frames.

use std::collections::VecDeque;

use smolecho::phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smolecho::smoltcp::time::Instant;

/// A device that the test fills and empties.
pub struct Port {
    pub inbox: VecDeque<Vec<u8>>,
    pub outbox: VecDeque<Vec<u8>>,
    /// With as many frames in the outbox `transmit` returns none; a received frame can still be answered.
    pub room: usize,
    /// Bytes of the largest frame, its Ethernet header included.
    pub mtu: usize,
}

impl Default for Port {
    /// Unlimited room, frames as large as a cable's.
    fn default() -> Self {
        let (inbox, outbox) = Default::default();
        Port { inbox, outbox, room: usize::MAX, mtu: smolecho::phy::cable::FRAME }
    }
}

impl Device for Port {
    type RxToken<'t> = PortRx;
    type TxToken<'t> = PortTx<'t>;

    fn receive(&mut self, _: Instant) -> Option<(PortRx, PortTx<'_>)> {
        let frame = self.inbox.pop_front()?;
        Some((PortRx(frame), PortTx(&mut self.outbox)))
    }

    fn transmit(&mut self, _: Instant) -> Option<PortTx<'_>> {
        (self.outbox.len() < self.room).then_some(PortTx(&mut self.outbox))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = self.mtu;
        capabilities
    }
}

pub struct PortRx(Vec<u8>);

impl RxToken for PortRx {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(&self.0)
    }
}

pub struct PortTx<'t>(&'t mut VecDeque<Vec<u8>>);

impl TxToken for PortTx<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        let mut frame = vec![0; len];
        let result = f(&mut frame);
        self.0.push_back(frame);
        result
    }
}
