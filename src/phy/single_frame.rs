//! One frame that has been looked at, as a device of its own.
//!
//! smoltcp takes frames from a [`Device`]; the gate must see a frame before smoltcp does, and then
//! choose the socket set that it goes to. So the node takes the frame out of the real device and
//! passes it on inside this one, together with the real token for a reply: no copy.

use smoltcp::phy::{Device, DeviceCapabilities, PacketMeta, RxToken, TxToken};
use smoltcp::time::Instant;

pub(crate) struct SingleFrame<'f, Tx> {
    frame: Option<(Frame<'f>, Tx)>,
}

pub(crate) struct Frame<'f> {
    bytes: &'f [u8],
    meta: PacketMeta,
}

impl<'f, Tx> SingleFrame<'f, Tx> {
    pub(crate) fn new(bytes: &'f [u8], meta: PacketMeta, reply: Tx) -> Self {
        SingleFrame { frame: Some((Frame { bytes, meta }, reply)) }
    }

    /// The frame's bytes; none once smoltcp has taken it.
    pub(crate) fn bytes(&self) -> &'f [u8] {
        self.frame.as_ref().map_or(&[], |(frame, _)| frame.bytes)
    }

    /// Other bytes in place of the frame's.
    pub(crate) fn with_bytes<'g>(self, bytes: &'g [u8]) -> SingleFrame<'g, Tx> {
        SingleFrame {
            frame: self.frame.map(|(frame, reply)| (Frame { bytes, meta: frame.meta }, reply)),
        }
    }

    /// Only the token, for an answer that is not smoltcp's.
    pub(crate) fn into_reply(self) -> Option<Tx> {
        self.frame.map(|(_, reply)| reply)
    }
}

impl<'f, Tx: TxToken> Device for SingleFrame<'f, Tx> {
    type RxToken<'t>
        = Frame<'f>
    where
        Self: 't;
    type TxToken<'t>
        = Tx
    where
        Self: 't;

    fn receive(&mut self, _: Instant) -> Option<(Frame<'f>, Tx)> {
        self.frame.take()
    }

    fn transmit(&mut self, _: Instant) -> Option<Tx> {
        None
    }

    /// Asked for by an interface that is made over it alone; others have taken the real device's.
    fn capabilities(&self) -> DeviceCapabilities {
        DeviceCapabilities::default()
    }
}

impl RxToken for Frame<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(self.bytes)
    }

    fn meta(&self) -> PacketMeta {
        self.meta
    }
}
