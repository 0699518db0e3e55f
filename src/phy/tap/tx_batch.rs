//! Frames on their way out: at once, or together with those that answer the other frames that were read.
//!
//! A frame that leaves wakes its receiver. If that one shares our core, and has had less of it, the kernel
//! lets it go on at once; it sends its next, and we read one, answer, and are interrupted again: two
//! switches a frame, however many are waiting. So the answers to frames that were read together leave
//! together.

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
    /// Where each frame ends that waits; the first begins at the start, behind the room for its header.
    ends: Vec<usize>,
    /// What became of those that left last.
    results: Vec<io::Result<usize>>,
}

impl TxBatch {
    /// Of so many, that are small, each costs less by a call of its own.
    const FEW: usize = 2;

    /// Frames that wait at most.
    const MAX: usize = Batch::MAX as usize;

    pub(super) fn new(len: usize) -> TxBatch {
        TxBatch {
            buffer: vec![0; len].into_boxed_slice(),
            ends: Vec::with_capacity(Self::MAX),
            results: Vec::with_capacity(Self::MAX),
        }
    }

    /// Lets `fill` write a frame, which waits for [`flush`](Self::flush).
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
            // No stack asks for more than the MTU. One that does gets its buffer; the frame goes nowhere.
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

    /// Lets go what waits.
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
