//! Loss recovery from the peer's ACKs (RFC 6582, with duplicate ACKs as RFC 6675 section 2 defines them).
//!
//! smoltcp counts only empty duplicate ACKs and retransmits one segment for them. While both directions
//! carry data no ACK is empty, and each loss would cost a retransmission timeout of a second or more.

use smoltcp::wire::TcpSeqNumber;

use crate::phy::seq_tracker::SeqState;

/// RFC 5681 section 3.2.
const DUP_THRESH: u8 = 3;

/// One connection's recovery.
#[derive(Clone, Copy)]
pub(crate) struct Recovery {
    dup_acks: u8,
    is_recovering: bool,
    /// SND.NXT when the recovery began.
    recover: TcpSeqNumber,
}

impl Recovery {
    pub(crate) const NONE: Recovery =
        Recovery { dup_acks: 0, is_recovering: false, recover: TcpSeqNumber(0) };

    /// Whether the next ACK may change anything here, with or without SACK.
    pub(crate) fn is_active(&self) -> bool {
        self.is_recovering || self.dup_acks > 0
    }

    /// Takes in a verified ACK. Returns whether the first unacknowledged segment is to be sent again.
    pub(crate) fn retransmits(
        &mut self,
        ack: TcpSeqNumber,
        has_sack: bool,
        seq: &SeqState,
    ) -> bool {
        if ack > seq.snd_una {
            self.dup_acks = 0;
            // RFC 6582 section 3.2: a partial ACK tells the next loss.
            self.is_recovering &= ack < self.recover;
            return self.is_recovering;
        }
        if !has_sack {
            return false;
        }
        self.dup_acks = self.dup_acks.saturating_add(1);
        let begins = self.dup_acks == DUP_THRESH && !self.is_recovering;
        if begins {
            (self.is_recovering, self.recover) = (true, seq.snd_nxt);
        }
        begins
    }
}
