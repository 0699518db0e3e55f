//! Payload bytes that are known by their place in a stream, so that a lost, repeated or swapped byte is
//! noticed.

use std::ops::Range;
use std::sync::LazyLock;

use super::Dice;

/// A prime: no buffer size is a multiple of it.
const PERIOD: usize = 8191;

/// An endless stream of bytes; another one for each seed.
pub struct Pattern(Vec<u8>);

impl Pattern {
    /// The most bytes of one piece.
    pub const PIECE: usize = 65_536;

    pub fn new(seed: u64) -> Self {
        let mut dice = Dice(seed.wrapping_mul(2) | 1);
        let period: Vec<u8> = (0..PERIOD).map(|_| dice.roll() as u8).collect();
        Pattern(period.repeat(2 + Self::PIECE / PERIOD))
    }

    /// The first bytes of a range, at most [`Self::PIECE`].
    pub fn piece(&self, range: Range<u64>) -> &[u8] {
        let len = (range.end - range.start).min(Self::PIECE as u64) as usize;
        let start = (range.start % PERIOD as u64) as usize;
        &self.0[start..][..len]
    }
}

/// The bytes of a short range of the pattern with seed 0.
pub fn pattern(range: Range<usize>) -> Vec<u8> {
    static PATTERN: LazyLock<Pattern> = LazyLock::new(|| Pattern::new(0));
    assert!(range.len() <= Pattern::PIECE);
    PATTERN.piece(range.start as u64..range.end as u64).to_vec()
}
