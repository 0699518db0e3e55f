//! A device that follows a connection's sequence numbers in the segments that leave.
//!
//! smoltcp does not expose them, and without them the gate could not tell an exact reset from a guessed
//! one. All egress goes through this wrapper, so that `poll_egress`, which is large, is compiled once for
//! each device type.

use smoltcp::phy::{Device, DeviceCapabilities, PacketMeta, RxToken, TxToken};
use smoltcp::time::Instant;
use smoltcp::wire::{TcpPacket, TcpSeqNumber};

/// TCP's number in the IP header's protocol field.
const TCP: u8 = 6;

/// A connection's sequence variables (RFC 9293 section 3.3.1) after the last segment that left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SeqState {
    /// SND.UNA, without the FIN.
    pub(crate) snd_una: TcpSeqNumber,
    /// SND.NXT.
    pub(crate) snd_nxt: TcpSeqNumber,
    /// SND.WND, of the last segment that came. Its checksum has not been verified: a hint.
    pub(crate) snd_wnd: u32,
    /// RCV.NXT.
    pub(crate) rcv_nxt: TcpSeqNumber,
    /// RCV.WND, as it was on the wire.
    pub(crate) rcv_wnd: u16,
    /// Bytes of text in that segment.
    pub(crate) len: u16,
}

impl SeqState {
    /// Reads a frame that smoltcp made, if it is a segment with ACK. This runs for every frame that
    /// leaves, so it reads at fixed offsets: such a frame has no IP options and no padding.
    fn sent(frame: &[u8]) -> Option<SeqState> {
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
        let start = tcp.seq_number() + usize::from(tcp.syn());
        Some(SeqState {
            snd_una: start,
            snd_nxt: start + len + usize::from(tcp.fin()),
            snd_wnd: 0,
            rcv_nxt: tcp.ack_number(),
            rcv_wnd: tcp.window_len(),
            len: len as u16,
        })
    }

    /// RCV.NXT + RCV.WND. It never moves back: no window here is scaled, and none shrinks.
    pub(crate) fn window_end(&self) -> TcpSeqNumber {
        self.rcv_nxt + usize::from(self.rcv_wnd)
    }

    /// Takes in a segment that was sent. A retransmission must not move SND.NXT back.
    pub(crate) fn update(known: &mut Option<SeqState>, sent: Option<SeqState>) {
        if let Some(sent) = sent {
            let SeqState { snd_una, snd_nxt, snd_wnd, .. } = known.unwrap_or(sent);
            *known =
                Some(SeqState { snd_una, snd_nxt: snd_nxt.max(sent.snd_nxt), snd_wnd, ..sent });
        }
    }
}

/// The device below, for the egress of one socket set.
pub(crate) struct SeqTracker<'t, D: ?Sized> {
    device: &'t mut D,
    seq: &'t mut Option<SeqState>,
    has_room: bool,
    is_used: bool,
}

impl<'t, D: Device + ?Sized> SeqTracker<'t, D> {
    pub(crate) fn new(device: &'t mut D, seq: &'t mut Option<SeqState>) -> Self {
        SeqTracker { device, seq, has_room: true, is_used: false }
    }

    /// For an egress that sends nothing.
    pub(crate) fn without_room(device: &'t mut D, seq: &'t mut Option<SeqState>) -> Self {
        SeqTracker { has_room: false, ..SeqTracker::new(device, seq) }
    }

    /// Whether smoltcp has asked for room: for a packet, or for a question about its next hop.
    pub(crate) fn is_used(&self) -> bool {
        self.is_used
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
        let token = self.has_room.then(|| self.device.transmit(now))??;
        self.is_used = true;
        Some(TrackedTxToken { token, seq: self.seq })
    }

    fn capabilities(&self) -> DeviceCapabilities {
        self.device.capabilities()
    }
}

/// A token whose frame is read before it leaves.
pub(crate) struct TrackedTxToken<'t, T> {
    pub(crate) token: T,
    pub(crate) seq: &'t mut Option<SeqState>,
}

impl<T: TxToken> TxToken for TrackedTxToken<'_, T> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        let seq = self.seq;
        self.token.consume(len, |frame| {
            let result = f(frame);
            leave(frame, seq);
            result
        })
    }

    fn set_meta(&mut self, meta: PacketMeta) {
        self.token.set_meta(meta);
    }
}

/// What is done with each frame that leaves. Not inlined: smoltcp consumes tokens in several places.
#[inline(never)]
fn leave(frame: &mut [u8], seq: &mut Option<SeqState>) {
    #[cfg(feature = "proto-ipv6")]
    super::override_flag::set(frame);
    SeqState::update(seq, SeqState::sent(frame));
}

/// The device of an interface that is being made: what it can do, and no frames.
pub(crate) struct Capabilities(pub(crate) DeviceCapabilities);

impl Device for Capabilities {
    type RxToken<'t> = Never;
    type TxToken<'t> = Never;

    fn receive(&mut self, _: Instant) -> Option<(Never, Never)> {
        None
    }

    fn transmit(&mut self, _: Instant) -> Option<Never> {
        None
    }

    fn capabilities(&self) -> DeviceCapabilities {
        self.0.clone()
    }
}

/// Egress takes no frames.
pub(crate) enum Never {}

impl TxToken for Never {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, _: usize, _: F) -> R {
        match self {}
    }
}

impl RxToken for Never {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, _: F) -> R {
        match self {}
    }
}
