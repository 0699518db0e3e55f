//! A frame in memory, laid out for MACs that move words.

/// Bytes of the largest frame without its check sequence: the Ethernet header and an IP MTU of 1,500.
pub const LARGEST: usize = 14 + 1500;

/// Bytes of the smallest frame that a stack can use: an Ethernet header.
pub const SMALLEST: usize = 14;

/// Bytes before the frame. They align the IP header to a word, and the MACs here leave room for them in the
/// first word.
const LEAD: usize = 2;

/// Bytes of the frame check sequence behind a received frame.
const CHECK: usize = 4;

/// A buffer for one frame.
#[repr(align(4))]
pub struct Frame([u8; LEAD + LARGEST + CHECK]);

impl Frame {
    /// All zeros: a `static` takes no flash.
    pub const fn new() -> Self {
        Frame([0; LEAD + LARGEST + CHECK])
    }

    /// Reads a frame of this many words from a MAC, `first` first. It reads all of them, since the next frame
    /// follows, and drops those beyond the buffer.
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

    /// The frame; `None` if the buffer is shorter than `len` bytes.
    pub fn get(&self, len: usize) -> &[u8] {
        &self.0[LEAD..][..len.min(LARGEST)]
    }

    /// Room for a frame of `len` bytes.
    pub fn get_mut(&mut self, len: usize) -> &mut [u8] {
        &mut self.0[LEAD..][..len.min(LARGEST)]
    }

    /// Passes the words of a frame of `len` bytes to a MAC, with `lead` in front.
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
