//! SYN cookies (RFC 4987 section 3.6): a handshake takes no memory until it is complete.
//!
//! While a listener's backlog is full, a SYN is answered without a slot. The state of the handshake is
//! encoded in the initial sequence number (ISN), which the peer has to acknowledge; a valid acknowledgment
//! restores the connection from it. A SYN flood from spoofed addresses then takes no slot.
//!
//! The peer's window scale and SACK options do not fit into the ISN and are lost.

use siphasher::sip::SipHasher24;
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{IpAddress, TcpSeqNumber};

use crate::event::Tuple;

/// The peer's MSS in bytes is rounded down to one of these, or up to the first.
const SEGMENT_SIZES: [u16; 4] = [536, 1220, 1440, 1460];

/// A cookie stays valid from one to two periods.
const PERIOD: Duration = Duration::from_secs(64);

/// Bits of a cookie, from the top: 5 for the period, 2 for the MSS, 25 that authenticate it.
const PERIODS: u32 = 32;
const PROOF: u32 = (1 << 25) - 1;

pub(crate) struct Cookies {
    key: (u64, u64),
    /// The window announced with every cookie, in bytes: the smallest receive buffer of all slots.
    window: u16,
    /// The time of the last cookie. Without a recent one, no acknowledgment is checked.
    given: Option<Instant>,
}

/// A handshake restored from a valid cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Returned {
    theirs: TcpSeqNumber,
    ours: TcpSeqNumber,
    segment_size: u16,
    window: u16,
}

impl Cookies {
    /// `None` where they are not built in.
    pub(crate) fn new(key: (u64, u64), window: u16) -> Option<Self> {
        Some(Cookies { key, window, given: None })
    }

    /// The window announced with every cookie.
    pub(crate) fn window(&self) -> u16 {
        self.window
    }

    /// The ISN of the answer to this SYN.
    pub(crate) fn give(
        &mut self,
        tuple: &Tuple,
        theirs: TcpSeqNumber,
        segment_size: Option<u16>,
        now: Instant,
    ) -> TcpSeqNumber {
        self.given = Some(now);
        // RFC 9293 MUST-15: the default is 536 over IPv4 and 1,220 over IPv6; smoltcp takes 536 for both.
        let wanted = segment_size.unwrap_or(SEGMENT_SIZES[0]);
        let size = SEGMENT_SIZES.iter().rposition(|size| *size <= wanted).unwrap_or(0);
        let veil = self.veil(tuple, theirs);
        self.cookie(tuple, theirs, period(now), size as u32, veil)
    }

    /// The handshake of a cookie, if `ours` (SEG.ACK - 1) is a valid one.
    pub(crate) fn take(
        &self,
        tuple: &Tuple,
        theirs: TcpSeqNumber,
        ours: TcpSeqNumber,
        now: Instant,
    ) -> Option<Returned> {
        if now >= self.given? + PERIOD + PERIOD {
            return None;
        }
        let veil = self.veil(tuple, theirs);
        let bits = ours.0 as u32 ^ veil;
        let (then, size) = (bits >> 27, (bits >> 25) & 3);
        let this = period(now);
        let age = this.wrapping_sub(then) % PERIODS;
        // The authenticated period has 32 bits: the cookie's 5 repeat after 34 minutes.
        let is_ours =
            age <= 1 && self.cookie(tuple, theirs, this.wrapping_sub(age), size, veil) == ours;
        let segment_size = SEGMENT_SIZES[size as usize];
        is_ours.then_some(Returned { theirs, ours, segment_size, window: self.window })
    }

    fn cookie(
        &self,
        tuple: &Tuple,
        theirs: TcpSeqNumber,
        period: u32,
        size: u32,
        veil: u32,
    ) -> TcpSeqNumber {
        let proof = self.hash(tuple, theirs, [period, size + 1]) & PROOF;
        TcpSeqNumber(((period << 27 | size << 25 | proof) ^ veil) as i32)
    }

    /// Hides the period and the MSS.
    fn veil(&self, tuple: &Tuple, theirs: TcpSeqNumber) -> u32 {
        self.hash(tuple, theirs, [0, 0]) & !PROOF
    }

    /// SipHash-2-4 of a SYN and two numbers.
    fn hash(&self, Tuple { local, remote }: &Tuple, theirs: TcpSeqNumber, more: [u32; 2]) -> u32 {
        let mut bytes = [0; 48];
        bytes[..16].copy_from_slice(&octets(&local.addr));
        bytes[16..32].copy_from_slice(&octets(&remote.addr));
        bytes[32..34].copy_from_slice(&local.port.to_be_bytes());
        bytes[34..36].copy_from_slice(&remote.port.to_be_bytes());
        bytes[36..40].copy_from_slice(&theirs.0.to_be_bytes());
        bytes[40..44].copy_from_slice(&more[0].to_be_bytes());
        bytes[44..].copy_from_slice(&more[1].to_be_bytes());
        SipHasher24::new_with_keys(self.key.0, self.key.1).hash(&bytes) as u32
    }
}

impl Returned {
    /// The peer's ISN.
    pub(crate) fn theirs(&self) -> TcpSeqNumber {
        self.theirs
    }

    pub(crate) fn segment_size(&self) -> u16 {
        self.segment_size
    }

    /// The first sequence number beyond the announced window.
    pub(crate) fn window_end(&self) -> TcpSeqNumber {
        self.theirs + 1 + usize::from(self.window)
    }

    /// The seed for an interface whose first connection gets this one as its ISN.
    ///
    /// smoltcp's generator is invertible: `state × M + A`, and its output is 32 of the state's 64 bits. An
    /// interface uses the first output for IPv4 identification and the second as the ISN. `tests/it/cookie.rs`
    /// fails if smoltcp's generator changes.
    pub(crate) fn seed(&self) -> u64 {
        const M: u64 = 0xbb2e_fcec_3c39_611d;
        const A: u64 = 0x7590_ef39;
        let before = |state: u64| state.wrapping_sub(A).wrapping_mul(inverse(M));
        // With the top 3 bits clear, the output starts at bit 29. The bits below are free; they are chosen so
        // that the first output is not 0.
        let second = u64::from(self.ours.0 as u32) << 29;
        (0..).map(|free| before(second | free)).find(|first| output(*first) != 0).map_or(0, before)
    }
}

fn octets(address: &IpAddress) -> [u8; 16] {
    match address {
        IpAddress::Ipv4(v4) => v4.to_ipv6_mapped().octets(),
        #[cfg(feature = "proto-ipv6")]
        IpAddress::Ipv6(v6) => v6.octets(),
    }
}

fn period(now: Instant) -> u32 {
    (now.total_micros() as u64 / PERIOD.total_micros()) as u32
}

/// The IPv4 identification that smoltcp derives from a state; it skips 0.
fn output(state: u64) -> u16 {
    let number = (state >> (29 - (state >> 61))) as u32;
    (number ^ (number >> 16)) as u16
}

/// The inverse modulo 2⁶⁴ by Newton's method: each step doubles the number of correct bits.
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
