//! A frame in memory, laid out for MACs that move words.

/// Bytes of the largest frame without its check sequence: an IP MTU of 1,500 and the Ethernet header.
pub const LARGEST: usize = 14 + 1500;

/// Bytes of the smallest that a stack can use: its Ethernet header.
pub const SMALLEST: usize = 14;

/// Bytes before the frame. They put what follows the Ethernet header on a word boundary, and both MACs
/// here leave them room in the first word.
const LEAD: usize = 2;

/// The check sequence that a MAC hands over behind the frame.
const CHECK: usize = 4;

/// Room for one frame.
#[repr(align(4))]
pub struct Frame([u8; LEAD + LARGEST + CHECK]);

impl Frame {
    /// All zeros, so a `static` costs no flash.
    pub const fn new() -> Self {
        Frame([0; LEAD + LARGEST + CHECK])
    }

    /// Takes so many words from a MAC, the first of which is `first`: all of them, for the next frame
    /// lies behind; what there is no room for is lost.
    #[inline]
    pub fn take(&mut self, first: u32, words: usize, mut next: impl FnMut() -> u32) {
        let (room, _) = self.0.as_chunks_mut();
        let kept = words.clamp(1, room.len());
        room[0] = first.to_le_bytes();
        let mut next = || next().to_le_bytes();
        let (fours, rest) = room[1..kept].as_chunks_mut();
        for four in fours {
            *four = [next(), next(), next(), next()];
        }
        for bytes in rest {
            *bytes = next();
        }
        for _ in kept..words {
            next();
        }
    }

    /// The frame, if it has so many bytes.
    pub fn get(&self, len: usize) -> &[u8] {
        &self.0[LEAD..][..len.min(LARGEST)]
    }

    /// Room for a frame of so many bytes.
    pub fn get_mut(&mut self, len: usize) -> &mut [u8] {
        &mut self.0[LEAD..][..len.min(LARGEST)]
    }

    /// Gives a MAC the words of a frame of so many bytes, with `lead` in front of it.
    #[inline]
    pub fn give(&mut self, lead: u16, len: usize, mut put: impl FnMut(u32)) {
        self.0[..LEAD].copy_from_slice(&lead.to_le_bytes());
        let words = (LEAD + len.min(LARGEST)).div_ceil(4);
        let mut put = |bytes: &[u8; 4]| put(u32::from_le_bytes(*bytes));
        let (fours, rest) = self.0.as_chunks().0[..words].as_chunks();
        for [a, b, c, d] in fours {
            put(a);
            put(b);
            put(c);
            put(d);
        }
        rest.iter().for_each(put);
    }
}

impl Default for Frame {
    fn default() -> Self {
        Self::new()
    }
}
