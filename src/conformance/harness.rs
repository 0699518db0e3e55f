//! A device, its wire, and single frames between them.

use core::ops::Range;

use smoltcp::phy::{Device, RxToken};
use smoltcp::time::{Duration, Instant};

use super::frame::{EVERY, Sample, put};
use super::{Violation, Way, Wire};

/// Attempts, each with a pause, before a frame counts as lost.
const PATIENCE: usize = 1000;

pub(super) struct Harness<'t, D: ?Sized, W> {
    pub(super) device: &'t mut D,
    pub(super) wire: &'t mut W,
    /// Room for one frame, longer than the MTU.
    frame: &'t mut [u8],
    pub(super) mtu: usize,
    now: Instant,
    number: u32,
}

impl<'t, D: Device + ?Sized, W: Wire> Harness<'t, D, W> {
    pub(super) const fn new(
        device: &'t mut D,
        wire: &'t mut W,
        frame: &'t mut [u8],
        mtu: usize,
    ) -> Self {
        Harness { device, wire, frame, mtu, now: Instant::ZERO, number: 0 }
    }

    pub(super) fn now(&mut self) -> Instant {
        self.now += Duration::from_millis(1);
        self.now
    }

    pub(super) fn lengths(&self) -> impl Iterator<Item = usize> + use<D, W> {
        let mtu = self.mtu;
        (W::SHORTEST..=mtu).filter(move |len| *len < EVERY || len.is_multiple_of(61) || *len == mtu)
    }

    /// A new frame of this length.
    pub(super) const fn sample(&mut self, len: usize) -> Sample {
        self.number += 1;
        Sample { number: self.number, len }
    }

    /// A new frame of some length.
    pub(super) fn any(&mut self) -> Sample {
        self.number += 1;
        self.again(self.number)
    }

    /// The frame that [`any`](Self::any) returned with this number.
    pub(super) const fn again(&self, number: u32) -> Sample {
        Sample::of_any_length(number, self.mtu)
    }

    /// The numbers of `count` new frames.
    pub(super) const fn reserve(&mut self, count: usize) -> Range<u32> {
        let first = self.number + 1;
        self.number += count as u32;
        first..self.number + 1
    }

    /// Sends a frame to the device. False if the device did not take it.
    pub(super) fn inject(&mut self, sample: Sample) -> bool {
        let frame = &mut self.frame[..sample.len];
        sample.fill(frame);
        self.wire.inject(frame)
    }

    /// Sends a frame to the device, which must take it.
    pub(super) fn arrives(&mut self, sample: Sample) -> Result<(), Violation> {
        let lost = Violation::Lost { way: Way::Received, len: sample.len };
        if self.inject(sample) { Ok(()) } else { Err(lost) }
    }

    /// Sends frames to the device until it takes no more, at most `most`.
    pub(super) fn burst_arrives(&mut self, most: usize) -> Range<u32> {
        let first = self.number + 1;
        let taken = (0..most)
            .take_while(|_| {
                let sample = self.any();
                self.inject(sample)
            })
            .count();
        first..first + taken as u32
    }

    /// Receives a frame if there is one; drops the token for a reply.
    pub(super) fn receive<R>(&mut self, look: impl FnOnce(&[u8]) -> R) -> Option<R> {
        let now = self.now();
        let (rx, _) = self.device.receive(now)?;
        Some(rx.consume(look))
    }

    /// Repeats `attempt`, with pauses, until it has a result.
    fn wait_for<R>(&mut self, mut attempt: impl FnMut(&mut Self) -> Option<R>) -> Option<R> {
        for _ in 0..PATIENCE {
            if let Some(result) = attempt(self) {
                return Some(result);
            }
            self.wire.pause();
        }
        None
    }

    /// Waits for the next frame and receives it; `len` is the expected length, for the error.
    pub(super) fn next<R>(
        &mut self,
        len: usize,
        look: impl FnOnce(&[u8]) -> R,
    ) -> Result<R, Violation> {
        let mut look = Some(look);
        self.wait_for(|harness| harness.receive(|bytes| Some(look.take()?(bytes))).flatten())
            .ok_or_else(|| self.lost(len))
    }

    /// The violation if a frame is not received: the device may be waiting for room for the answer.
    fn lost(&mut self, len: usize) -> Violation {
        let now = self.now();
        match self.device.transmit(now) {
            Some(_) => Violation::Lost { way: Way::Received, len },
            None => Violation::NoRoom,
        }
    }

    /// The next received frame must be this one.
    pub(super) fn receives(&mut self, sample: Sample) -> Result<(), Violation> {
        self.next(sample.len, |bytes| sample.verify(Way::Received, bytes))?
    }

    pub(super) fn burst_is_received(&mut self, numbers: Range<u32>) -> Result<(), Violation> {
        for number in numbers {
            self.receives(self.again(number))?;
        }
        Ok(())
    }

    /// Receives `question` and sends `answer` while it is read. `None` if there is no frame.
    pub(super) fn answer(
        &mut self,
        question: Sample,
        answer: Sample,
    ) -> Option<Result<(), Violation>> {
        let now = self.now();
        let (rx, tx) = self.device.receive(now)?;
        Some(rx.consume(|bytes| {
            question.verify(Way::Received, bytes)?;
            answer.put(tx)
        }))
    }

    /// The same, but waits for the frame.
    pub(super) fn answers(&mut self, question: Sample, answer: Sample) -> Result<(), Violation> {
        self.wait_for(|harness| harness.answer(question, answer))
            .unwrap_or_else(|| Err(self.lost(question.len)))
    }

    /// Sends a frame. `None` if there is no room.
    fn transmit(&mut self, sample: Sample) -> Option<Result<(), Violation>> {
        let now = self.now();
        Some(sample.put(self.device.transmit(now)?))
    }

    /// Sends a frame; there must be room.
    pub(super) fn transmits(&mut self, sample: Sample) -> Result<(), Violation> {
        self.wait_for(|harness| harness.transmit(sample)).unwrap_or(Err(Violation::NoRoom))
    }

    /// Sends these bytes; there must be room.
    pub(super) fn sends(&mut self, bytes: &[u8]) -> Result<(), Violation> {
        self.wait_for(|harness| {
            let now = harness.now();
            let token = harness.device.transmit(now)?;
            Some(put(token, bytes.len(), |room| room.copy_from_slice(bytes)))
        })
        .unwrap_or(Err(Violation::NoRoom))
    }

    /// Sends frames until there is no more room, at most `most`.
    pub(super) fn burst_is_sent(&mut self, most: usize) -> Result<Range<u32>, Violation> {
        let first = self.number + 1;
        let mut sent = 0;
        while (sent as usize) < most {
            let sample = self.any();
            let Some(result) = self.transmit(sample) else { break };
            result?;
            sent += 1;
        }
        Ok(first..first + sent)
    }

    /// Waits for the next frame on the wire.
    pub(super) fn capture<R>(&mut self, look: impl FnOnce(&[u8]) -> R) -> Option<R> {
        let mut look = Some(look);
        self.wait_for(|harness| harness.wire.capture(|bytes| Some(look.take()?(bytes))).flatten())
    }

    /// The next frame on the wire must be this one.
    pub(super) fn departs(&mut self, sample: Sample) -> Result<(), Violation> {
        let verdict = self.capture(|bytes| sample.verify(Way::Sent, bytes));
        verdict.unwrap_or(Err(Violation::Lost { way: Way::Sent, len: sample.len }))
    }

    pub(super) fn burst_departs(&mut self, numbers: Range<u32>) -> Result<(), Violation> {
        for number in numbers {
            self.departs(self.again(number))?;
        }
        Ok(())
    }

    /// All frames on the wire must be among these, in order.
    pub(super) fn some_depart(&mut self, mut numbers: Range<u32>) -> Result<(), Violation> {
        loop {
            let mut candidates =
                numbers.clone().map(|number| Sample::of_any_length(number, self.mtu));
            let found = self.wire.capture(|bytes| candidates.find(|sample| sample.is(bytes)));
            match found {
                None => return Ok(()),
                Some(None) => return Err(Violation::Invented(Way::Sent)),
                Some(Some(sample)) => numbers.start = sample.number + 1,
            }
        }
    }

    /// There must be no frame on either side.
    pub(super) fn is_quiet(&mut self) -> Result<(), Violation> {
        if self.receive(|_| ()).is_some() {
            return Err(Violation::Invented(Way::Received));
        }
        match self.wire.capture(|_| ()) {
            Some(()) => Err(Violation::Invented(Way::Sent)),
            None => Ok(()),
        }
    }
}
