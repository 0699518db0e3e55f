//! A device and its wire, and one frame at a time between them.

use core::cell::Cell;
use core::ops::Range;

use smoltcp::phy::{Device, RxToken, TxToken};
use smoltcp::time::{Duration, Instant};

use super::frame::{EVERY, Sample};
use super::{Violation, Way, Wire};

/// Looks and pauses before a frame is lost.
const PATIENCE: usize = 1000;

pub(super) struct Harness<'t, D: ?Sized, W> {
    pub(super) device: &'t mut D,
    pub(super) wire: &'t mut W,
    /// Memory for one frame longer than the MTU.
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

    /// A frame that there was not yet.
    pub(super) const fn sample(&mut self, len: usize) -> Sample {
        self.number += 1;
        Sample { number: self.number, len }
    }

    /// The same, of any length.
    pub(super) fn any(&mut self) -> Sample {
        self.number += 1;
        self.again(self.number)
    }

    /// The frame of any length that has this number.
    pub(super) const fn again(&self, number: u32) -> Sample {
        Sample::of_any_length(number, self.mtu)
    }

    /// Numbers for so many frames.
    pub(super) const fn reserve(&mut self, count: usize) -> Range<u32> {
        let first = self.number + 1;
        self.number += count as u32;
        first..self.number + 1
    }

    /// Sends it to the device. False if it was not taken.
    pub(super) fn inject(&mut self, sample: Sample) -> bool {
        let frame = &mut self.frame[..sample.len];
        sample.fill(frame);
        self.wire.inject(frame)
    }

    /// Sends it to the device, which has room.
    pub(super) fn arrives(&mut self, sample: Sample) -> Result<(), Violation> {
        let lost = Violation::Lost { way: Way::Received, len: sample.len };
        if self.inject(sample) { Ok(()) } else { Err(lost) }
    }

    /// As many arrive as are taken, at most so many.
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

    /// Receives what is there; the token for a reply is not used.
    pub(super) fn receive<R>(&mut self, look: impl FnOnce(&[u8]) -> R) -> Option<R> {
        let now = self.now();
        let (rx, _) = self.device.receive(now)?;
        Some(rx.consume(look))
    }

    /// Receives what comes next, for which it waits; `len` is that of the frame that should come.
    pub(super) fn next<R>(
        &mut self,
        len: usize,
        look: impl FnOnce(&[u8]) -> R,
    ) -> Result<R, Violation> {
        for _ in 0..PATIENCE {
            let now = self.now();
            if let Some((rx, _)) = self.device.receive(now) {
                return Ok(rx.consume(look));
            }
            self.wire.pause();
        }
        Err(self.lost(len))
    }

    /// Why a frame was not received: a device may wait for room for its answer.
    fn lost(&mut self, len: usize) -> Violation {
        let now = self.now();
        match self.device.transmit(now) {
            Some(_) => Violation::Lost { way: Way::Received, len },
            None => Violation::NoRoom,
        }
    }

    /// This frame is received next.
    pub(super) fn receives(&mut self, sample: Sample) -> Result<(), Violation> {
        self.next(sample.len, |bytes| sample.verify(Way::Received, bytes))?
    }

    pub(super) fn burst_is_received(&mut self, numbers: Range<u32>) -> Result<(), Violation> {
        for number in numbers {
            self.receives(self.again(number))?;
        }
        Ok(())
    }

    /// Receives this frame and sends the other from within, if a frame is there.
    pub(super) fn answer(&mut self, question: Sample, answer: Sample) -> Result<bool, Violation> {
        let now = self.now();
        let Some((rx, tx)) = self.device.receive(now) else { return Ok(false) };
        rx.consume(|bytes| {
            question.verify(Way::Received, bytes)?;
            answer.put(tx)
        })?;
        Ok(true)
    }

    /// The same, and a frame is on its way.
    pub(super) fn answers(&mut self, question: Sample, answer: Sample) -> Result<(), Violation> {
        for _ in 0..PATIENCE {
            if self.answer(question, answer)? {
                return Ok(());
            }
            self.wire.pause();
        }
        Err(self.lost(question.len))
    }

    /// Sends a frame, if there is room.
    fn transmit(&mut self, sample: Sample) -> Result<bool, Violation> {
        let now = self.now();
        match self.device.transmit(now) {
            Some(token) => sample.put(token).map(|()| true),
            None => Ok(false),
        }
    }

    /// Sends a frame, for which there has to be room.
    pub(super) fn transmits(&mut self, sample: Sample) -> Result<(), Violation> {
        for _ in 0..PATIENCE {
            if self.transmit(sample)? {
                return Ok(());
            }
            self.wire.pause();
        }
        Err(Violation::NoRoom)
    }

    /// Sends these bytes, for which there has to be room.
    pub(super) fn sends(&mut self, bytes: &[u8]) -> Result<(), Violation> {
        for _ in 0..PATIENCE {
            let now = self.now();
            if let Some(token) = self.device.transmit(now) {
                token.consume(bytes.len(), |room| room.copy_from_slice(bytes));
                return Ok(());
            }
            self.wire.pause();
        }
        Err(Violation::NoRoom)
    }

    /// Sends as many as there is room for, at most so many.
    pub(super) fn burst_is_sent(&mut self, most: usize) -> Result<Range<u32>, Violation> {
        let first = self.number + 1;
        let mut sent = 0;
        while (sent as usize) < most {
            let sample = self.any();
            if !self.transmit(sample)? {
                break;
            }
            sent += 1;
        }
        Ok(first..first + sent)
    }

    /// What has left next, for which it waits, looked at.
    pub(super) fn capture<R>(&mut self, look: impl FnOnce(&[u8]) -> R) -> Option<R> {
        let look = Cell::new(Some(look));
        for _ in 0..PATIENCE {
            let seen = self.wire.capture(|bytes| look.take().map(|look| look(bytes)));
            if let Some(seen) = seen {
                return seen;
            }
            self.wire.pause();
        }
        None
    }

    /// This frame leaves next.
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

    /// What leaves now is some of these, in their order.
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

    /// Nothing is there, on either side.
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
