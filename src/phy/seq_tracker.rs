//! A device that remembers what the last segment that left said.
//!
//! smoltcp does not tell where a connection stands in its sequence numbers, and without knowing the
//! gate could not tell an exact reset from a guessed one. Every segment that leaves says it.
//!
//! Where nobody wants to know it is used all the same: smoltcp's egress is large, and so it is compiled
//! once for each device.

use smoltcp::phy::{Device, DeviceCapabilities, PacketMeta, RxToken, TxToken};
use smoltcp::time::Instant;
use smoltcp::wire::{TcpPacket, TcpSeqNumber};

/// TCP's number among the protocols of IP.
const TCP: u8 = 6;

/// Where a connection stands, by its last segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SeqState {
    /// SND.NXT: the next number of ours that the peer has not seen.
    pub(crate) snd_nxt: TcpSeqNumber,
    /// RCV.NXT: the next number of the peer's that we wait for.
    pub(crate) rcv_nxt: TcpSeqNumber,
    /// RCV.WND, as it was on the wire.
    pub(crate) rcv_wnd: u16,
    /// Bytes of data in that segment.
    pub(crate) len: u16,
}

impl SeqState {
    /// What a frame of smoltcp's says, if it is a segment that acknowledges. It is read on every way out,
    /// so by its offsets: such a frame has no options in its IP header, and nothing behind its end.
    fn by(frame: &[u8]) -> Option<SeqState> {
        let segment = match (frame.get(12..14)?, frame.get(20)?, frame.get(23)?) {
            ([0x08, 0x00], _, &TCP) => frame.get(34..)?,
            #[cfg(feature = "proto-ipv6")]
            ([0x86, 0xDD], &TCP, _) => frame.get(54..)?,
            _ => return None,
        };
        let tcp = TcpPacket::new_checked(segment).ok()?;
        if !tcp.ack() {
            return None;
        }
        let len = tcp.payload().len();
        Some(SeqState {
            snd_nxt: tcp.seq_number() + len + usize::from(tcp.syn()) + usize::from(tcp.fin()),
            rcv_nxt: tcp.ack_number(),
            rcv_wnd: tcp.window_len(),
            len: len as u16,
        })
    }

    /// The number behind the receive window. It never moves back: no window here is scaled, nor shrinks.
    pub(crate) fn window_end(&self) -> TcpSeqNumber {
        self.rcv_nxt + usize::from(self.rcv_wnd)
    }

    /// Takes in a later segment; one that is sent again says less than is known.
    pub(crate) fn learn(known: &mut Option<SeqState>, said: Option<SeqState>) {
        if let Some(said) = said {
            let snd_nxt = known.map_or(said.snd_nxt, |known| known.snd_nxt.max(said.snd_nxt));
            *known = Some(SeqState { snd_nxt, ..said });
        }
    }
}

/// The device below, for the egress of one socket set.
pub(crate) struct SeqTracker<'w, D: ?Sized> {
    device: &'w mut D,
    said: &'w mut Option<SeqState>,
}

impl<'w, D: Device + ?Sized> SeqTracker<'w, D> {
    pub(crate) fn new(device: &'w mut D, said: &'w mut Option<SeqState>) -> Self {
        SeqTracker { device, said }
    }
}

impl<D: Device + ?Sized> Device for SeqTracker<'_, D> {
    type RxToken<'t>
        = Never
    where
        Self: 't;
    type TxToken<'t>
        = TrackedTxToken<'t, D::TxToken<'t>>
    where
        Self: 't;

    fn receive(&mut self, _: Instant) -> Option<(Never, Self::TxToken<'_>)> {
        None
    }

    fn transmit(&mut self, now: Instant) -> Option<Self::TxToken<'_>> {
        let token = self.device.transmit(now)?;
        Some(TrackedTxToken { token, said: self.said })
    }

    fn capabilities(&self) -> DeviceCapabilities {
        self.device.capabilities()
    }
}

/// A token whose frame is read before it leaves.
pub(crate) struct TrackedTxToken<'w, T> {
    pub(crate) token: T,
    pub(crate) said: &'w mut Option<SeqState>,
}

impl<T: TxToken> TxToken for TrackedTxToken<'_, T> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        let said = self.said;
        self.token.consume(len, |frame| {
            let result = f(frame);
            #[cfg(feature = "proto-ipv6")]
            super::override_flag::set(frame);
            SeqState::learn(said, SeqState::by(frame));
            result
        })
    }

    fn set_meta(&mut self, meta: PacketMeta) {
        self.token.set_meta(meta);
    }
}

/// Egress takes no frames.
pub(crate) enum Never {}

impl RxToken for Never {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, _: F) -> R {
        match self {}
    }
}
