//! SYN cookies (RFC 4987 section 3.6): a handshake that takes no memory until it is complete.
//!
//! While a listener's backlog is full, a SYN is answered from its headers alone. What a slot would
//! remember goes into the initial sequence number that the peer has to acknowledge; from a valid
//! acknowledgement the connection is made as if it had been there all along. A flood of SYNs from
//! addresses that do not answer then costs its frames and nothing else.
//!
//! What does not fit into the number is lost: the peer's window scale and selective acknowledgements.

#![expect(deprecated, reason = "the standard library's SipHash without std")]

use core::hash::{Hash, Hasher, SipHasher};

use smoltcp::time::{Duration, Instant};
use smoltcp::wire::TcpSeqNumber;

use crate::event::Tuple;

/// The peer's maximum segment size is rounded down to one of these, or up to the first.
const SEGMENT_SIZES: [u16; 4] = [536, 1220, 1440, 1460];

/// A cookie is good for this long, and for up to twice as long.
const PERIOD: Duration = Duration::from_secs(64);

/// Bits of a cookie: 5 for the period, 2 for the segment size, the rest proves that we made it.
const PERIODS: u32 = 32;
const PROOF: u32 = (1 << 25) - 1;

pub(crate) struct Cookies {
    key: (u64, u64),
    /// The window that comes with each: no slot has less room.
    pub(crate) window: u16,
    /// When the last cookie was given: without one, no acknowledgement can bring one back.
    given: Option<Instant>,
}

/// A handshake that has come back with its cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Returned {
    pub(crate) tuple: Tuple,
    /// The peer's initial sequence number.
    pub(crate) theirs: TcpSeqNumber,
    /// Ours: the cookie.
    pub(crate) ours: TcpSeqNumber,
    pub(crate) segment_size: u16,
    /// The number behind the window that came with the cookie.
    pub(crate) window_end: TcpSeqNumber,
}

impl Cookies {
    pub(crate) fn new(key: (u64, u64), window: u16) -> Self {
        Cookies { key, window, given: None }
    }

    /// The initial sequence number with which to answer this SYN.
    pub(crate) fn give(
        &mut self,
        tuple: &Tuple,
        theirs: TcpSeqNumber,
        segment_size: Option<u16>,
        now: Instant,
    ) -> TcpSeqNumber {
        self.given = Some(now);
        // RFC 9293 section 3.7.1: without the option it is 536.
        let wanted = segment_size.unwrap_or(SEGMENT_SIZES[0]);
        let size = SEGMENT_SIZES.iter().rposition(|size| *size <= wanted).unwrap_or(0);
        cookie(self.half_made(tuple, theirs), period(now), size as u32)
    }

    /// Whether an acknowledgement brings a cookie back: the number it acknowledges, less one.
    pub(crate) fn take(
        &self,
        tuple: Tuple,
        theirs: TcpSeqNumber,
        ours: TcpSeqNumber,
        now: Instant,
    ) -> Option<Returned> {
        if now >= self.given? + PERIOD + PERIOD {
            return None;
        }
        let half = self.half_made(&tuple, theirs);
        let bits = ours.0 as u32 ^ veil(&half);
        let (then, size) = (bits >> 27, (bits >> 25) & 3);
        let this = period(now);
        let age = this.wrapping_sub(then) % PERIODS;
        // The proof is over the whole number: its five bits come again after half an hour.
        let is_ours = age <= 1 && cookie(half, this.wrapping_sub(age), size) == ours;
        let segment_size = SEGMENT_SIZES[size as usize];
        let window_end = theirs + 1 + usize::from(self.window);
        is_ours.then_some(Returned { tuple, theirs, ours, segment_size, window_end })
    }

    /// What all cookies for this SYN have in common.
    fn half_made(&self, tuple: &Tuple, theirs: TcpSeqNumber) -> SipHasher {
        let mut hasher = SipHasher::new_with_keys(self.key.0, self.key.1);
        (tuple, theirs.0).hash(&mut hasher);
        hasher
    }
}

fn cookie(mut half: SipHasher, period: u32, size: u32) -> TcpSeqNumber {
    let veil = veil(&half);
    (period, size).hash(&mut half);
    let proof = half.finish() as u32 & PROOF;
    TcpSeqNumber(((period << 27 | size << 25 | proof) ^ veil) as i32)
}

/// Makes the bits that are not the proof look like any others.
fn veil(half: &SipHasher) -> u32 {
    half.finish() as u32 & !PROOF
}

fn period(now: Instant) -> u32 {
    (now.total_micros() as u64 / PERIOD.total_micros()) as u32
}

/// The seed with which a new interface's first connection has this initial sequence number.
///
/// smoltcp draws it from a generator that can be run backwards: `state × M + A`, of whose 64 bits it
/// shows 32. The first number of an interface goes into IPv4 identification, the second is ours.
/// `tests/it/cookie.rs` fails should smoltcp draw differently one day.
pub(crate) fn seed_for(ours: TcpSeqNumber) -> u64 {
    const M: u64 = 0xbb2e_fcec_3c39_611d;
    const A: u64 = 0x7590_ef39;
    let before = |state: u64| state.wrapping_sub(A).wrapping_mul(inverse(M));
    // With the upper three bits clear the generator shows the 32 bits from the 29th on; those below
    // are free, and one is set so that the first number is not the one that is drawn again.
    let second = u64::from(ours.0 as u32) << 29;
    (0..).map(|free| before(second | free)).find(|first| shown(*first) != 0).map_or(0, before)
}

/// What smoltcp makes of a state for IPv4 identification, where zero is drawn again.
fn shown(state: u64) -> u16 {
    let number = (state >> (29 - (state >> 61))) as u32;
    (number ^ (number >> 16)) as u16
}

/// Modulo 2⁶⁴, by Newton: each step doubles the number of right bits.
const fn inverse(odd: u64) -> u64 {
    let mut x = odd;
    let mut step = 0;
    while step < 5 {
        x = x.wrapping_mul(2u64.wrapping_sub(odd.wrapping_mul(x)));
        step += 1;
    }
    x
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generator_is_run_backwards() {
        const M: u64 = 0xbb2e_fcec_3c39_611d;
        assert_eq!(M.wrapping_mul(inverse(M)), 1);
    }
}
