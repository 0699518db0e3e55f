//! Synthetic segments: what the peer means, in segments that smoltcp understands.

use smoltcp::phy::{PacketMeta, TxToken};
use smoltcp::time::Instant;
use smoltcp::wire::TcpControl;

use super::Node;
use crate::phy::seq_tracker::{SeqState, TrackedTxToken};
use crate::phy::single_frame::SingleFrame;
use crate::segment::{Control, Segment, SegmentRepr};

/// Without the feature its code is left out.
pub(super) const RECOVERS: bool = cfg!(feature = "loss-recovery");

impl Node<'_> {
    /// Feeds a synthetic segment to the slot's socket and discards the reply.
    pub(super) fn inject(&mut self, slot: usize, segment: &SegmentRepr<'_>, now: Instant) {
        let mut buffer = [0; SegmentRepr::MAX_LEN];
        let (sockets, seq) = self.pool.slot(slot).parts();
        let mut frame = synthetic(segment, &mut buffer, seq);
        self.iface.poll_ingress_single(now, &mut frame, sockets);
    }

    /// Feeds the empty duplicate ACKs that make the socket retransmit its first segment (RFC 5681
    /// section 3.2). smoltcp does not count duplicate ACKs that carry text, and does not read SACK.
    pub(super) fn retransmit(&mut self, slot: usize, segment: &Segment<'_>, now: Instant) {
        if !RECOVERS {
            return;
        }
        let seq = segment.end() + usize::from(segment.control == Control::Fin);
        let duplicate =
            SegmentRepr { ack: Some(segment.ack), ..segment.of_sender(TcpControl::None, seq) };
        for _ in 0..3 {
            self.inject(slot, &duplicate, now);
        }
    }

    /// Delivers the text of a segment whose ACK is old, with the current one in its place (RFC 9293
    /// section 3.10.7.4: such an ACK is ignored, and the text is taken). smoltcp drops both. The text is
    /// copied in pieces through the scratch buffer.
    pub(super) fn deliver_text(&mut self, slot: usize, segment: &Segment<'_>, now: Instant) {
        if !RECOVERS {
            return;
        }
        let (sockets, seq) = self.pool.slot(slot).parts();
        let Some(ack) = seq.map(|seq| seq.snd_una) else { return };
        let mut next = segment.seq;
        for text in
            segment.text().chunks(self.scratch.len().saturating_sub(SegmentRepr::MAX_LEN).max(1))
        {
            let is_last = next + text.len() == segment.end();
            let control = match segment.control {
                Control::Fin if is_last => TcpControl::Fin,
                _ => TcpControl::None,
            };
            let piece = SegmentRepr { ack: Some(ack), text, ..segment.of_sender(control, next) };
            next += text.len();
            if piece.len() <= self.scratch.len() {
                let mut frame = synthetic(&piece, self.scratch, seq);
                self.iface.poll_ingress_single(now, &mut frame, sockets);
            }
        }
    }
}

/// The device that delivers a synthetic segment, written into `buffer`.
pub(super) fn synthetic<'b>(
    segment: &SegmentRepr<'_>,
    buffer: &'b mut [u8],
    seq: &'b mut Option<SeqState>,
) -> SingleFrame<'b, TrackedTxToken<'b, Nowhere>> {
    let bytes = &mut buffer[..segment.len()];
    segment.emit(bytes);
    SingleFrame::new(bytes, PacketMeta::default(), TrackedTxToken { token: Nowhere, seq })
}

/// Discards a frame.
pub(super) struct Nowhere;

impl TxToken for Nowhere {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        let mut buffer = [0; SegmentRepr::MAX_LEN];
        f(&mut buffer[..len.min(SegmentRepr::MAX_LEN)])
    }
}
