//! Pseudo-random numbers from the seed: ephemeral ports, hash keys, smoltcp's seed.

/// SplitMix64 (Steele, Lea and Flood 2014).
pub(crate) struct SplitMix64(u64);

impl SplitMix64 {
    pub(crate) const fn new(seed: u64) -> Self {
        SplitMix64(seed)
    }

    #[inline(never)]
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A port in the dynamic range, 49152 to 65535 (RFC 6335 section 6; RFC 6056 section 3.3.1).
    #[cfg(feature = "client")]
    pub(crate) fn port(&mut self) -> u16 {
        0xC000 | (self.next() >> 50) as u16
    }
}
