//! A device for one frame each way. It costs next to nothing, so that the stack is what is counted.

use smolecho::phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smolecho::smoltcp::time::Instant;

const FRAME: usize = 1514;

/// A buffer, and the length of the frame in it; 0 if there is none.
struct Place {
    bytes: [u8; FRAME],
    len: usize,
}

impl Place {
    const EMPTY: Place = Place { bytes: [0; FRAME], len: 0 };

    fn take(&mut self) -> Option<&mut [u8]> {
        let len = std::mem::take(&mut self.len);
        (len > 0).then(|| &mut self.bytes[..len])
    }
}

pub(crate) struct Line {
    inward: Place,
    outward: Place,
}

impl Line {
    pub(crate) fn new() -> Line {
        Line { inward: Place::EMPTY, outward: Place::EMPTY }
    }

    /// The next frame for the stack.
    pub(crate) fn arrive(&mut self, frame: &[u8]) {
        self.inward.bytes[..frame.len()].copy_from_slice(frame);
        self.inward.len = frame.len();
    }

    /// The frame that the stack has sent, if there is one.
    pub(crate) fn depart(&mut self) -> Option<&[u8]> {
        self.outward.take().map(|frame| &*frame)
    }
}

impl Device for Line {
    type RxToken<'t> = Received<'t>;
    type TxToken<'t> = Sending<'t>;

    fn receive(&mut self, _: Instant) -> Option<(Received<'_>, Sending<'_>)> {
        let frame = self.inward.take()?;
        Some((Received(frame), Sending(&mut self.outward)))
    }

    fn transmit(&mut self, _: Instant) -> Option<Sending<'_>> {
        Some(Sending(&mut self.outward))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = FRAME;
        capabilities
    }
}

pub(crate) struct Received<'t>(&'t [u8]);

impl RxToken for Received<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(self.0)
    }
}

pub(crate) struct Sending<'t>(&'t mut Place);

impl TxToken for Sending<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        self.0.len = len;
        f(&mut self.0.bytes[..len])
    }
}
