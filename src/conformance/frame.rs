//! Test frames, generated from a number.

use smoltcp::phy::TxToken;

use super::{Violation, Way};
use crate::phy::ETHERNET_HEADER as HEADER;

/// Ethernet pads shorter frames to this length with zeros.
const PADDED: usize = 60;

/// Every length below this is tested, and a sample of the larger ones.
pub(super) const EVERY: usize = 1600;

/// A frame is recognised if its number is within this distance of the expected one.
const NEARBY: u32 = 300;

/// A frame, defined by its number and length.
#[derive(Clone, Copy)]
pub(super) struct Sample {
    pub(super) number: u32,
    pub(super) len: usize,
}

impl Sample {
    /// A frame of at least 60 bytes and less than the MTU.
    pub(super) const fn of_any_length(number: u32, mtu: usize) -> Sample {
        let lengths = (if mtu < EVERY { mtu } else { EVERY }) - PADDED;
        Sample { number, len: PADDED + number as usize * 197 % lengths }
    }

    /// Writes the frame.
    pub(super) fn fill(self, room: &mut [u8]) {
        for (at, to) in room.iter_mut().enumerate() {
            *to = byte(self.number, at);
        }
    }

    /// Whether `bytes` are this frame, possibly padded.
    pub(super) fn is(self, bytes: &[u8]) -> bool {
        let Some((sent, padding)) = bytes.split_at_checked(self.len) else { return false };
        sent.iter().enumerate().all(|(at, is)| *is == byte(self.number, at))
            && (padding.is_empty() || bytes.len() <= PADDED && padding.iter().all(|is| *is == 0))
    }

    /// Checks that `bytes` are this frame.
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

    /// Sends the frame with a token.
    pub(super) fn put(self, token: impl TxToken) -> Result<(), Violation> {
        put(token, self.len, |room| self.fill(room))
    }
}

/// Sends a frame of `len` bytes with a token.
pub(super) fn put(
    token: impl TxToken,
    len: usize,
    fill: impl FnOnce(&mut [u8]),
) -> Result<(), Violation> {
    token.consume(len, |room| {
        if room.len() != len {
            return Err(Violation::Lends { asked: len, lent: room.len() });
        }
        fill(room);
        Ok(())
    })
}

/// The byte at an offset: broadcast destination, the number in the source, an EtherType for experiments (IEEE
/// 802), and a pattern.
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
