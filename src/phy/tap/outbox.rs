//! Frames on their way out: at once, or together with those that answer the next frames.
//!
//! A frame that leaves wakes its receiver. If that one shares our core, and has had less of it, the kernel
//! lets it go on at once; it sends its next, and we read one, answer, and are interrupted again: two
//! switches a frame, however many are waiting. So while frames wait to be read their answers wait for each
//! other. Where they come one by one that would be a read for nothing, and the answer leaves first.

extern crate std;

use core::num::NonZeroU16;
use std::{boxed::Box, vec, vec::Vec};

use super::Counters;
use super::guess::Guess;
use super::line::Line;
use super::offload::{self, HEADER};

#[derive(Debug)]
pub(super) struct Outbox {
    buffer: Box<[u8]>,
    /// Where each frame ends that waits; the first begins at the start, behind the room for its header.
    ends: Vec<usize>,
    /// Frames to read before what waits leaves, and how many of them have been.
    depth: Guess,
    read: u8,
}

impl Outbox {
    /// Frames that wait at most.
    const MAX: usize = Guess::MAX as usize;

    pub(super) fn new(len: usize) -> Outbox {
        Outbox {
            buffer: vec![0; len].into_boxed_slice(),
            ends: Vec::with_capacity(Self::MAX),
            depth: Guess::new(),
            read: 0,
        }
    }

    /// A frame has been read.
    pub(super) fn has_read(&mut self) {
        self.read += 1;
    }

    /// The next frame is about to be read.
    pub(super) fn will_read(&mut self, line: &Line, counters: &mut Counters) {
        if self.read >= self.depth.size() {
            self.depth.was_right();
            self.flush(line, counters);
        }
    }

    /// There was no other frame to read. Says whether something has left now, and may be answered by now.
    pub(super) fn found_none(&mut self, line: &Line, counters: &mut Counters) -> bool {
        if self.read == 1 {
            self.depth.was_wrong();
        }
        let waited = !self.ends.is_empty();
        self.flush(line, counters);
        waited
    }

    /// Whether a frame that leaves now waits for others.
    fn waits(&self) -> bool {
        (1..self.depth.size()).contains(&self.read)
    }

    /// Lets `fill` write a frame, which leaves at once or behind those that wait.
    pub(super) fn push<R>(
        &mut self,
        length: usize,
        line: &Line,
        counters: &mut Counters,
        segment_size: Option<NonZeroU16>,
        fill: impl FnOnce(&mut [u8]) -> R,
    ) -> R {
        let room = self.buffer.len() - self.used();
        if self.ends.len() == Self::MAX || room < HEADER + length {
            self.send(line, counters);
        }
        let (start, end) = (self.used(), self.used() + HEADER + length);
        let frame = self.buffer.get_mut(start..end).and_then(<[u8]>::split_first_chunk_mut);
        let Some((header, frame)) = frame else {
            // No stack asks for more than the MTU. One that does gets its buffer; the frame goes nowhere.
            counters.tx_dropped += 1;
            return fill(&mut vec![0; length]);
        };
        let result = fill(frame);
        if line.offloads() {
            offload::describe(header, frame, segment_size);
        }
        self.ends.push(end);
        if !self.waits() {
            self.send(line, counters);
        }
        result
    }

    /// Lets go what waits.
    pub(super) fn flush(&mut self, line: &Line, counters: &mut Counters) {
        self.read = 0;
        self.send(line, counters);
    }

    fn send(&mut self, line: &Line, counters: &mut Counters) {
        let mut start = 0;
        for end in self.ends.drain(..) {
            let header = if line.offloads() { 0 } else { HEADER };
            match line.write(&self.buffer[start + header..end]) {
                Ok(_) => counters.sent += 1,
                Err(_) => counters.tx_dropped += 1,
            }
            start = end;
        }
    }

    fn used(&self) -> usize {
        self.ends.last().copied().unwrap_or_default()
    }
}
