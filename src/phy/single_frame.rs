//! A device that holds one frame.
//!
//! The node must choose the socket set for a frame before smoltcp sees it, and smoltcp takes frames from a
//! [`Device`] only. So each frame goes to smoltcp through a temporary device that holds the frame and the
//! real device's token for a reply, without a copy.

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

    /// The frame's bytes; empty after smoltcp has taken it.
    pub(crate) fn bytes(&self) -> &'f [u8] {
        self.frame.as_ref().map_or(&[], |(frame, _)| frame.bytes)
    }

    /// The same frame with other bytes.
    pub(crate) fn with_bytes<'g>(self, bytes: &'g [u8]) -> SingleFrame<'g, Tx> {
        SingleFrame {
            frame: self.frame.map(|(frame, reply)| (Frame { bytes, meta: frame.meta }, reply)),
        }
    }

    /// The token alone, for an answer that the node writes itself.
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

    /// Read only by an interface that is created on this device.
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
