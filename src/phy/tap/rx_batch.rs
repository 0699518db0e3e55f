//! Frames that were read and are not received yet.

extern crate std;

use std::{boxed::Box, io, vec, vec::Vec};

use super::batch::Batch;
use super::tun::Tun;
use super::vnet_hdr::HEADER;

/// Bytes of a frame, or of a batch, from which on io_uring is worth its extra cost.
pub(super) const LARGE: usize = 4096;

#[derive(Debug)]
pub(super) struct RxBatch {
    buffer: Box<[u8]>,
    /// The length of each frame's part of the buffer: header, longest frame, and one byte to detect a longer one.
    part: usize,
    /// Where reads begin within a part: 0, or after the header if the interface has none.
    start: usize,
    /// The length of each frame, or the error of its read.
    results: Vec<io::Result<usize>>,
    /// The next frame to receive.
    next: usize,
}

/// The number of reads, of frames found, and of failures; other reads found an empty queue.
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

    /// Replaces the batch with up to `most` new frames, as far as there is room, of up to `longest` bytes each.
    pub(super) fn fill(&mut self, most: u8, longest: usize, tun: &mut Tun) -> Filled {
        self.part = HEADER + longest + 1;
        self.start = if tun.offloads() { 0 } else { HEADER };
        // Large frames are likely to follow large ones.
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

    /// The number of the next frame.
    pub(super) fn next(&mut self) -> Option<usize> {
        let number = self.next + self.results[self.next..].iter().position(Result::is_ok)?;
        self.next = number + 1;
        Some(number)
    }

    /// A frame and its header, which is unused without offloads.
    pub(super) fn frame(&mut self, number: usize) -> Option<(&mut [u8; HEADER], &mut [u8])> {
        let (start, end) = (number * self.part, self.end(number)?);
        self.buffer.get_mut(start..start + end)?.split_first_chunk_mut()
    }

    /// Whether a frame was longer than `longest`, and so truncated.
    pub(super) fn is_cut(&self, number: usize) -> bool {
        self.end(number) == Some(self.part)
    }

    /// Where a frame ends in its part.
    fn end(&self, number: usize) -> Option<usize> {
        Some(self.start + self.results.get(number)?.as_ref().ok()?)
    }
}
