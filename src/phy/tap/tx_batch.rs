//! Frames to be written: at once, or together with the answers to the rest of a batch.
//!
//! A written frame wakes its receiver. If the receiver shares the core and has had less CPU time, the kernel
//! runs it at once; it sends its next frame, and the node answers a single frame before it is interrupted
//! again: two context switches per frame. So the answers to a batch are written as a batch.

extern crate std;

use core::num::NonZeroU16;
use std::{boxed::Box, io, vec, vec::Vec};

use super::Counters;
use super::batch::Batch;
use super::rx_batch::LARGE;
use super::tun::Tun;
use super::vnet_hdr::{self, HEADER};

#[derive(Debug)]
pub(super) struct TxBatch {
    buffer: Box<[u8]>,
    /// Where each frame ends; each begins with its header at the end of the last.
    ends: Vec<usize>,
    /// The results of the last write.
    results: Vec<io::Result<usize>>,
}

impl TxBatch {
    /// Up to this number of small frames, one system call for each costs less than io_uring.
    const FEW: usize = 2;

    /// The maximum number of frames in a batch.
    const MAX: usize = Batch::MAX as usize;

    pub(super) fn new(len: usize) -> TxBatch {
        TxBatch {
            buffer: vec![0; len].into_boxed_slice(),
            ends: Vec::with_capacity(Self::MAX),
            results: Vec::with_capacity(Self::MAX),
        }
    }

    /// Adds the frame that `fill` writes, until [`flush`](Self::flush).
    pub(super) fn push<R>(
        &mut self,
        length: usize,
        tun: &mut Tun,
        counters: &mut Counters,
        segment_size: Option<NonZeroU16>,
        fill: impl FnOnce(&mut [u8]) -> R,
    ) -> R {
        let room = self.buffer.len() - self.used();
        if self.ends.len() == Self::MAX || room < HEADER + length {
            self.flush(tun, counters);
        }
        let (start, end) = (self.used(), self.used() + HEADER + length);
        let frame = self.buffer.get_mut(start..end).and_then(<[u8]>::split_first_chunk_mut);
        let Some((header, frame)) = frame else {
            // Longer than any MTU: the token must still lend its buffer, but the frame is dropped.
            counters.tx_dropped += 1;
            return fill(&mut vec![0; length]);
        };
        let result = fill(frame);
        if tun.offloads() {
            vnet_hdr::describe(header, frame, segment_size);
        }
        self.ends.push(end);
        result
    }

    /// Writes the batch.
    pub(super) fn flush(&mut self, tun: &mut Tun, counters: &mut Counters) {
        if self.ends.is_empty() {
            return;
        }
        let skipped = if tun.offloads() { 0 } else { HEADER };
        let (mut start, buffer) = (0, &self.buffer);
        let frames = self.ends.iter().map(move |&end| {
            let frame = &buffer[start + skipped..end];
            start = end;
            frame
        });
        let at_once = self.ends.len() > Self::FEW || self.used() >= LARGE;
        tun.write(frames, at_once, &mut self.results);
        self.ends.clear();
        for result in &self.results {
            match result {
                Ok(_) => counters.sent += 1,
                Err(_) => counters.tx_dropped += 1,
            }
        }
    }

    fn used(&self) -> usize {
        self.ends.last().copied().unwrap_or_default()
    }
}
