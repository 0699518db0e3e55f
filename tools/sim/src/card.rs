//! An Ethernet device of two queues.

use std::collections::VecDeque;

use smoltcp::phy::{ChecksumCapabilities, Device, DeviceCapabilities, Medium};
use smoltcp::time::Instant;

use crate::memory;

/// Frames that each queue of a card holds, unless it is told otherwise.
pub const QUEUE: usize = 64;

/// The network card of a station: its frames are pushed and taken by hand.
pub struct Card {
    /// Frames for the stack.
    pub rx: VecDeque<Vec<u8>>,
    /// Frames from the stack.
    pub tx: Vec<Vec<u8>>,
    /// Frames that each queue holds; [`QUEUE`] by default.
    pub capacity: usize,
    /// The checksums that the stack has to verify and to fill; all of them by default.
    pub checksum: ChecksumCapabilities,
    /// Frames that the stack has taken since this was last set to 0.
    pub(crate) taken: usize,
    /// Whether the cable is plugged in.
    pub(crate) is_up: bool,
    /// Panics when a frame is sent while the link is down, as smoltcp's TAP device does.
    pub(crate) is_brittle: bool,
}

impl Default for Card {
    fn default() -> Self {
        Card {
            rx: VecDeque::new(),
            tx: Vec::new(),
            capacity: QUEUE,
            checksum: ChecksumCapabilities::default(),
            taken: 0,
            is_up: true,
            is_brittle: false,
        }
    }
}

impl Card {
    /// Queues a frame for the stack; a full queue drops it.
    pub fn push(&mut self, frame: Vec<u8>) {
        if self.rx.len() < self.capacity {
            self.rx.push_back(frame);
        }
    }
}

impl Device for Card {
    type RxToken<'t> = RxToken;
    type TxToken<'t> = TxToken<'t>;

    fn receive(&mut self, _: Instant) -> Option<(RxToken, TxToken<'_>)> {
        let frame = self.rx.pop_front()?;
        self.taken += 1;
        Some((RxToken(frame), TxToken(self)))
    }

    fn transmit(&mut self, _: Instant) -> Option<TxToken<'_>> {
        (self.tx.len() < self.capacity).then_some(TxToken(self))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = 1514;
        capabilities.checksum = self.checksum.clone();
        capabilities
    }
}

/// A frame from the receive queue.
pub struct RxToken(Vec<u8>);

impl smoltcp::phy::RxToken for RxToken {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(&self.0)
    }
}

/// StationMemory in the transmit queue.
pub struct TxToken<'t>(&'t mut Card);

impl smoltcp::phy::TxToken for TxToken<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        let mut frame = memory::with(|| vec![0; len]);
        let result = f(&mut frame);
        assert!(self.0.is_up || !self.0.is_brittle, "the link is down");
        memory::with(|| self.0.tx.push(frame));
        result
    }
}
