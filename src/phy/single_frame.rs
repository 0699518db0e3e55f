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
        SingleFrame::with(bytes, meta, Some(reply))
    }

    /// `bytes` in place of the frame that `reply` came with; without a token the device is empty.
    pub(crate) fn with(bytes: &'f [u8], meta: PacketMeta, reply: Option<Tx>) -> Self {
        SingleFrame { frame: reply.map(|reply| (Frame { bytes, meta }, reply)) }
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
