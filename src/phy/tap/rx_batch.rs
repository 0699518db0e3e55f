//! Frames that have been read and not yet been received.

extern crate std;

use std::{boxed::Box, io, vec, vec::Vec};

use super::batch::Batch;
use super::tun::Tun;
use super::vnet_hdr::HEADER;

/// Beside so many bytes it costs nothing to ask for all of them in one call.
pub(super) const LARGE: usize = 4096;

#[derive(Debug)]
pub(super) struct RxBatch {
    buffer: Box<[u8]>,
    /// A part of the buffer for each frame, with room for its header, and for a byte too many.
    part: usize,
    /// Where the frames begin to be read into their parts: at their header, or behind the room for it.
    start: usize,
    /// How much was read of each; or why nothing.
    results: Vec<io::Result<usize>>,
    /// The first of them that has not been received.
    next: usize,
}

/// What became of the reads that were asked for. The others found an empty queue.
pub(super) struct Filled {
    pub(super) asked: u8,
    pub(super) found: u8,
    pub(super) failed: u8,
}

impl RxBatch {
    pub(super) fn new(len: usize) -> RxBatch {
        let results = Vec::with_capacity(Batch::MAX.into());
        RxBatch { buffer: vec![0; len].into_boxed_slice(), part: len, start: 0, results, next: 0 }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.results[self.next..].iter().all(Result::is_err)
    }

    /// Reads frames, as many as there are and as there is room for, each of at most `longest` bytes and one, so
    /// that one is seen to be longer. What was there before is gone.
    pub(super) fn fill(&mut self, most: u8, longest: usize, tun: &mut Tun) -> Filled {
        self.part = HEADER + longest + 1;
        self.start = if tun.offloads() { 0 } else { HEADER };
        // They come as they came before.
        let at_once = self.results.iter().flatten().any(|&length| length >= LARGE);
        let parts = self.buffer.chunks_exact_mut(self.part).take(most.into());
        let mut filled = Filled { asked: parts.len() as u8, found: 0, failed: 0 };
        tun.read(parts.map(|part| &mut part[self.start..]), at_once, &mut self.results);
        self.next = 0;
        for result in &self.results {
            match result {
                Ok(_) => filled.found += 1,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => filled.failed += 1,
            }
        }
        filled
    }

    /// Which frame is the next.
    pub(super) fn next(&mut self) -> Option<usize> {
        let number = self.next + self.results[self.next..].iter().position(Result::is_ok)?;
        self.next = number + 1;
        Some(number)
    }

    /// Its header, if it has one, and the frame.
    pub(super) fn frame(&mut self, number: usize) -> Option<(&mut [u8; HEADER], &mut [u8])> {
        let (start, end) = (number * self.part, self.end(number)?);
        self.buffer.get_mut(start..start + end)?.split_first_chunk_mut()
    }

    /// Whether it was longer than what was thought the longest.
    pub(super) fn is_cut(&self, number: usize) -> bool {
        self.end(number) == Some(self.part)
    }

    /// Where it ends in its part.
    fn end(&self, number: usize) -> Option<usize> {
        Some(self.start + self.results.get(number)?.as_ref().ok()?)
    }
}
