//! A smoltcp device over any MAC without DMA.

use smolecho::phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smolecho::smoltcp::time::Instant;

use crate::frame::{Frame, LARGEST, SMALLEST};

/// A MAC driver. It keeps no frame: it moves words between its registers and a [`Frame`].
pub trait Mac {
    /// Clears the pending interrupts and returns how many of them were errors. The next frame raises a new
    /// interrupt.
    fn acknowledge(&mut self) -> u32;

    /// Whether the MAC holds a received frame.
    fn has_frame(&mut self) -> bool;

    /// Moves the next received frame out of the MAC and returns its length in bytes without the frame check
    /// sequence; `None` if it is damaged. Call it only after [`has_frame`](Self::has_frame) returned true.
    fn take(&mut self, frame: &mut Frame) -> Option<usize>;

    /// Whether the MAC has room for the largest frame.
    fn can_send(&mut self) -> bool;

    /// Sends a frame of `len` bytes, from [`SMALLEST`] to [`LARGEST`]. Call it only after
    /// [`can_send`](Self::can_send) returned true.
    fn send(&mut self, frame: &mut Frame, len: usize);
}

/// Counters; every frame is in exactly one of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Frames passed to the stack.
    pub received: u32,
    /// Frames passed to the MAC.
    pub sent: u32,
    /// Received frames above [`LARGEST`], dropped.
    pub too_long: u32,
    /// Received frames below [`SMALLEST`], dropped.
    pub too_short: u32,
    /// Damaged frames, and errors that the MAC reported.
    pub errors: u32,
    /// Frames of the stack with an invalid length, dropped.
    pub tx_dropped: u32,
}

/// A buffer for each direction. Put it into a `static`: it is larger than a board's stack should be.
#[derive(Default)]
pub struct Frames {
    rx: Frame,
    tx: Frame,
}

impl Frames {
    /// All zeros: a `static` takes no flash.
    pub const fn new() -> Self {
        Frames { rx: Frame::new(), tx: Frame::new() }
    }
}

/// Frames that one `receive` may drop.
const DROPS: usize = 64;

/// A MAC as a device.
pub struct Ethernet<'f, M> {
    mac: M,
    frames: &'f mut Frames,
    counters: Counters,
}

impl<'f, M: Mac> Ethernet<'f, M> {
    /// A device over an initialised MAC.
    pub fn new(mac: M, frames: &'f mut Frames) -> Self {
        Ethernet { mac, frames, counters: Counters::default() }
    }

    /// Clears the pending interrupts. Then check [`has_frame`](Self::has_frame) before sleeping, so that no frame
    /// is missed: it sees an earlier frame, and a later one interrupts.
    pub fn acknowledge(&mut self) {
        self.counters.errors += self.mac.acknowledge();
    }

    /// Whether the MAC holds a received frame.
    pub fn has_frame(&mut self) -> bool {
        self.mac.has_frame()
    }

    /// The counters.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// Length in bytes of the next valid frame.
    fn take(&mut self) -> Option<usize> {
        for _ in 0..DROPS {
            if !self.mac.has_frame() {
                break;
            }
            match self.mac.take(&mut self.frames.rx) {
                Some(len @ SMALLEST..=LARGEST) => {
                    self.counters.received += 1;
                    return Some(len);
                }
                Some(..SMALLEST) => self.counters.too_short += 1,
                Some(_) => self.counters.too_long += 1,
                None => self.counters.errors += 1,
            }
        }
        None
    }
}

impl<M: Mac> Device for Ethernet<'_, M> {
    type RxToken<'t>
        = Received<'t>
    where
        Self: 't;
    type TxToken<'t>
        = Sending<'t, M>
    where
        Self: 't;

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = LARGEST;
        capabilities
    }

    /// `None` while the MAC is still sending, since an answer could not leave. The frame stays in the MAC.
    fn receive(&mut self, _: Instant) -> Option<(Received<'_>, Sending<'_, M>)> {
        if !self.mac.can_send() {
            return None;
        }
        let len = self.take()?;
        let Ethernet { mac, frames: Frames { rx, tx }, counters } = self;
        Some((Received(rx.get_mut(len)), Sending { mac, frame: tx, counters }))
    }

    fn transmit(&mut self, _: Instant) -> Option<Sending<'_, M>> {
        if !self.mac.can_send() {
            return None;
        }
        let Ethernet { mac, frames, counters } = self;
        Some(Sending { mac, frame: &mut frames.tx, counters })
    }
}

/// A received frame.
pub struct Received<'t>(pub(crate) &'t mut [u8]);

impl RxToken for Received<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(self.0)
    }
}

/// Room for a frame to send.
pub struct Sending<'t, M> {
    mac: &'t mut M,
    frame: &'t mut Frame,
    counters: &'t mut Counters,
}

impl<M: Mac> TxToken for Sending<'_, M> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        let result = f(self.frame.get_mut(len));
        if (SMALLEST..=LARGEST).contains(&len) {
            self.mac.send(self.frame, len);
            self.counters.sent += 1;
        } else {
            self.counters.tx_dropped += 1;
        }
        result
    }
}
