//! Any MAC whose frames are moved by the processor, as a device for smoltcp.

use smolecho::phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smolecho::smoltcp::time::Instant;

use crate::frame::{Frame, LARGEST, SMALLEST};

/// What a driver does; the rest is the same for all. A driver keeps no frame: it moves words between
/// its registers and a [`Frame`].
pub trait Mac {
    /// Forgets the interrupts until now, and says how many of them were errors. The next frame raises a
    /// new one.
    fn acknowledge(&mut self) -> u32;

    /// Whether a frame waits.
    fn has_frame(&mut self) -> bool;

    /// Takes the frame that waits out of the MAC, whole, and says how long it is without its check
    /// sequence; `None` if it is damaged. Called only after [`has_frame`](Self::has_frame) said so.
    fn take(&mut self, frame: &mut Frame) -> Option<usize>;

    /// Whether there is room for the largest frame.
    fn can_send(&mut self) -> bool;

    /// Sends a frame of so many bytes, from [`SMALLEST`] to [`LARGEST`]. Called only after
    /// [`can_send`](Self::can_send) said so.
    fn send(&mut self, frame: &mut Frame, len: usize);
}

/// What is counted: every frame is in exactly one of these.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Frames given to the stack.
    pub received: u32,
    /// Frames given to the MAC.
    pub sent: u32,
    /// Frames dropped because they are larger than any that the stack takes.
    pub too_long: u32,
    /// Frames dropped because they are shorter than an Ethernet header.
    pub too_short: u32,
    /// Frames that came damaged, and errors that the MAC reported.
    pub errors: u32,
    /// Frames of the stack that no Ethernet takes.
    pub tx_dropped: u32,
}

/// Room for a frame each way, in a `static`: on the stack they would be most of it.
#[derive(Default)]
pub struct Frames {
    rx: Frame,
    tx: Frame,
}

impl Frames {
    /// All zeros, so it costs no flash.
    pub const fn new() -> Self {
        Frames { rx: Frame::new(), tx: Frame::new() }
    }
}

/// Frames that may be dropped before `receive` gives up for now.
const DROPS: usize = 64;

/// A MAC as a device.
pub struct Ethernet<'f, M> {
    mac: M,
    frames: &'f mut Frames,
    counters: Counters,
}

impl<'f, M: Mac> Ethernet<'f, M> {
    /// A device over a MAC that is ready.
    pub fn new(mac: M, frames: &'f mut Frames) -> Self {
        Ethernet { mac, frames, counters: Counters::default() }
    }

    /// Forgets the interrupts until now. Whoever then looks at [`has_frame`](Self::has_frame) before he
    /// sleeps misses none: a frame that comes between the two is seen, and one that comes later
    /// interrupts.
    pub fn acknowledge(&mut self) {
        self.counters.errors += self.mac.acknowledge();
    }

    /// Whether a frame waits.
    pub fn has_frame(&mut self) -> bool {
        self.mac.has_frame()
    }

    /// What was counted.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// The length of the next frame that is of any use.
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

    /// None while the MAC still sends: the answer could not leave. The frame waits in the MAC.
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

/// A frame that has come.
pub struct Received<'t>(pub(crate) &'t mut [u8]);

impl RxToken for Received<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(self.0)
    }
}

/// Room for a frame that is to leave.
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
