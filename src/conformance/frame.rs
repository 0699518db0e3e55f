//! Frames that can be told from each other, made of their number.

use smoltcp::phy::TxToken;

use super::{Violation, Way};
use crate::phy::ETHERNET_HEADER as HEADER;

/// Ethernet fills a frame up to this with zeros.
const PADDED: usize = 60;

/// Lengths of which every one is tried; of the larger ones some.
pub(super) const EVERY: usize = 1600;

/// How many frames around the one that is due are known by sight.
const NEARBY: u32 = 300;

/// A frame that is known by its number.
#[derive(Clone, Copy)]
pub(super) struct Sample {
    pub(super) number: u32,
    pub(super) len: usize,
}

impl Sample {
    /// One of more than 60 bytes, and no more than the MTU.
    pub(super) const fn of_any_length(number: u32, mtu: usize) -> Sample {
        let lengths = (if mtu < EVERY { mtu } else { EVERY }) - PADDED;
        Sample { number, len: PADDED + number as usize * 197 % lengths }
    }

    /// Writes it.
    pub(super) fn fill(self, room: &mut [u8]) {
        for (at, to) in room.iter_mut().enumerate() {
            *to = byte(self.number, at);
        }
    }

    /// Whether these bytes are it, padded at most.
    pub(super) fn is(self, bytes: &[u8]) -> bool {
        let Some((sent, padding)) = bytes.split_at_checked(self.len) else { return false };
        sent.iter().enumerate().all(|(at, is)| *is == byte(self.number, at))
            && (padding.is_empty() || bytes.len() <= PADDED && padding.iter().all(|is| *is == 0))
    }

    /// Whether these bytes are it, and if not, what they are.
    pub(super) fn verify(self, way: Way, bytes: &[u8]) -> Result<(), Violation> {
        if self.is(bytes) {
            return Ok(());
        }
        let nearby = self.number.saturating_sub(NEARBY)..self.number + NEARBY;
        let is_another =
            |number| bytes.len() >= HEADER && Sample { number, len: bytes.len() }.is(bytes);
        Err(if nearby.filter(|other| *other != self.number).any(is_another) {
            Violation::Order(way)
        } else {
            Violation::Altered { way, len: self.len, got: bytes.len() }
        })
    }

    /// Writes it into the room of a token.
    pub(super) fn put(self, token: impl TxToken) -> Result<(), Violation> {
        token.consume(self.len, |room| {
            self.fill(room);
            let (asked, lent) = (self.len, room.len());
            if asked == lent { Ok(()) } else { Err(Violation::Lends { asked, lent }) }
        })
    }
}

/// To all, from a source that has the number in it, of the type that IEEE 802 leaves for experiments.
fn byte(number: u32, at: usize) -> u8 {
    let [_, _, high, low] = number.to_be_bytes();
    match at {
        0..6 => 0xFF,
        6..HEADER => [2, 0, 0x5E, 0, high, low, 0x88, 0xB5][at - 6],
        _ => {
            let mixed = number.wrapping_mul(0x9E37_79B1) ^ (at as u32).wrapping_mul(0x85EB_CA6B);
            mixed.wrapping_mul(0xC2B2_AE35).to_be_bytes()[0]
        }
    }
}
