//! An Ethernet cable in memory: each of its two ends is a device.

use core::cell::{Cell, RefCell};

use heapless::{Deque, Vec};
use smoltcp::phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::time::Instant;

/// The longest frame on a cable, in bytes: an IP MTU of 1,500 and the Ethernet header.
pub const FRAME: usize = 1514;

type Queue<const FRAMES: usize> = RefCell<Deque<Vec<u8, FRAME>, FRAMES>>;

/// A full-duplex Ethernet cable that holds up to `FRAMES` frames in each direction.
///
/// RAM: about 3 KiB for each of `FRAMES` (3,040 bytes on a 32-bit machine, 3,056 on a 64-bit one), and less
/// than 100 bytes more.
///
/// ```
/// use smolecho::phy::cable::Cable;
///
/// let cable = Cable::<16>::new();
/// let (mut left, mut right) = cable.ends();
/// ```
pub struct Cable<const FRAMES: usize> {
    rightwards: Queue<FRAMES>,
    leftwards: Queue<FRAMES>,
    overflowed: Cell<u64>,
}

impl<const FRAMES: usize> Cable<FRAMES> {
    /// An empty cable.
    pub const fn new() -> Self {
        Cable {
            rightwards: RefCell::new(Deque::new()),
            leftwards: RefCell::new(Deque::new()),
            overflowed: Cell::new(0),
        }
    }

    /// Its two ends.
    pub const fn ends(&self) -> (End<'_, FRAMES>, End<'_, FRAMES>) {
        let left =
            End { to_us: &self.leftwards, from_us: &self.rightwards, overflowed: &self.overflowed };
        let right =
            End { to_us: &self.rightwards, from_us: &self.leftwards, overflowed: &self.overflowed };
        (left, right)
    }

    /// The number of replies dropped because the cable was full: see [`End`].
    pub const fn overflowed(&self) -> u64 {
        self.overflowed.get()
    }
}

impl<const FRAMES: usize> Default for Cable<FRAMES> {
    fn default() -> Self {
        Self::new()
    }
}

/// One end of a [`Cable`].
///
/// While the cable is full, it gives no token to transmit. It still gives received frames, although their
/// reply may not fit: if both directions were full, both ends would wait for ever. A reply without room is
/// dropped and counted, as by a switch.
pub struct End<'c, const FRAMES: usize> {
    to_us: &'c Queue<FRAMES>,
    from_us: &'c Queue<FRAMES>,
    overflowed: &'c Cell<u64>,
}

impl<'c, const FRAMES: usize> Device for End<'c, FRAMES> {
    type RxToken<'t>
        = Rx<'c, FRAMES>
    where
        Self: 't;
    type TxToken<'t>
        = Tx<'c, FRAMES>
    where
        Self: 't;

    fn receive(&mut self, _: Instant) -> Option<(Rx<'c, FRAMES>, Tx<'c, FRAMES>)> {
        if self.to_us.borrow().is_empty() {
            return None;
        }
        Some((Rx(self.to_us), Tx { queue: self.from_us, overflowed: self.overflowed }))
    }

    fn transmit(&mut self, _: Instant) -> Option<Tx<'c, FRAMES>> {
        if self.from_us.borrow().is_full() {
            return None;
        }
        Some(Tx { queue: self.from_us, overflowed: self.overflowed })
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = FRAME;
        capabilities
    }
}

/// A received frame.
pub struct Rx<'c, const FRAMES: usize>(&'c Queue<FRAMES>);

impl<const FRAMES: usize> RxToken for Rx<'_, FRAMES> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        // The reply goes into the other queue, so this one may stay borrowed.
        let result = f(self.0.borrow().front().map_or(&[][..], |frame| frame));
        self.0.borrow_mut().pop_front();
        result
    }
}

/// Room for a frame to send.
pub struct Tx<'c, const FRAMES: usize> {
    queue: &'c Queue<FRAMES>,
    overflowed: &'c Cell<u64>,
}

impl<const FRAMES: usize> TxToken for Tx<'_, FRAMES> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        let mut frame = Vec::<u8, FRAME>::new();
        // smoltcp never asks for more than the MTU.
        let _ = frame.resize_default(len.min(FRAME));
        let result = f(&mut frame);
        if self.queue.borrow_mut().push_back(frame).is_err() {
            self.overflowed.set(self.overflowed.get() + 1);
        }
        result
    }
}
