//! The rules, one function each; each leaves the wire quiet.

use smoltcp::phy::{Device, Medium};

use super::harness::Harness;
use super::{BEYOND, Violation, Way, Wire};
use crate::phy::MIN_MTU;

/// Frames in a burst to the device, unless its `max_burst_size` is larger.
const BURST_IN: usize = 64;

/// Bursts in sequence: a later one shows what an earlier one left behind.
const BURSTS: usize = 3;

/// Tokens that are dropped unused: more than any descriptor ring holds.
const DROPPED: usize = 2048;

/// Frames that arrive while there is no room to send.
const MEANWHILE: usize = 4;

type Outcome = Result<(), Violation>;

/// Checks the capabilities and returns the MTU.
pub(super) fn capabilities<D: Device + ?Sized>(device: &D) -> Result<usize, Violation> {
    let [first, second] = [device.capabilities(), device.capabilities()];
    if first.medium != Medium::Ethernet {
        return Err(Violation::Medium);
    }
    let mtu = first.max_transmission_unit;
    if mtu < MIN_MTU {
        return Err(Violation::Mtu(mtu));
    }
    if (mtu, first.max_burst_size) != (second.max_transmission_unit, second.max_burst_size) {
        return Err(Violation::Unsteady);
    }
    if first.max_burst_size == Some(0) {
        return Err(Violation::NoBurst);
    }
    Ok(mtu)
}

impl<D: Device + ?Sized, W: Wire> Harness<'_, D, W> {
    pub(super) fn every_length_arrives(&mut self) -> Outcome {
        for len in self.lengths() {
            let sample = self.sample(len);
            self.arrives(sample)?;
            self.receives(sample)?;
            self.is_quiet()?;
        }
        Ok(())
    }

    pub(super) fn every_length_leaves(&mut self) -> Outcome {
        for len in self.lengths() {
            let sample = self.sample(len);
            self.transmits(sample)?;
            self.departs(sample)?;
            self.is_quiet()?;
        }
        Ok(())
    }

    pub(super) fn every_length_is_answered(&mut self) -> Outcome {
        for len in self.lengths() {
            let (question, answer) = (self.sample(len), self.sample(len));
            self.arrives(question)?;
            self.answers(question, answer)?;
            self.departs(answer)?;
            self.is_quiet()?;
        }
        Ok(())
    }

    /// A stack drops many transmit tokens unused.
    pub(super) fn dropped_tokens(&mut self) -> Outcome {
        for _ in 0..DROPPED {
            let now = self.now();
            drop(self.device.transmit(now));
        }
        self.is_quiet()?;
        let sample = self.any();
        self.transmits(sample)?;
        self.departs(sample)
    }

    pub(super) fn bursts_arrive(&mut self) -> Outcome {
        let claimed = self.device.capabilities().max_burst_size.unwrap_or(1);
        for _ in 0..BURSTS {
            let burst = self.burst_arrives(claimed.max(BURST_IN));
            if burst.len() < claimed {
                return Err(Violation::Burst { claimed, held: burst.len() });
            }
            self.burst_is_received(burst)?;
            self.is_quiet()?;
        }
        Ok(())
    }

    pub(super) fn bursts_leave(&mut self) -> Outcome {
        for _ in 0..BURSTS {
            let burst = self.burst_is_sent(W::HOLDS)?;
            self.burst_departs(burst)?;
            self.is_quiet()?;
            let sample = self.any();
            self.transmits(sample)?;
            self.departs(sample)?;
        }
        Ok(())
    }

    /// Frames arrive while there is no room for an answer. Some may be received and answered nevertheless;
    /// the others must wait.
    pub(super) fn no_room(&mut self) -> Outcome {
        let sent = self.burst_is_sent(W::HOLDS)?;
        let mut questions = self.burst_arrives(MEANWHILE);
        let mut answers = self.reserve(questions.len());
        answers.end = answers.start;
        while !questions.is_empty() {
            let (question, answer) = (self.again(questions.start), self.again(answers.end));
            let Some(result) = self.answer(question, answer) else { break };
            result?;
            questions.start += 1;
            answers.end += 1;
        }
        self.burst_departs(sent)?;
        if W::DROPS_REPLIES {
            self.some_depart(answers)?;
        } else {
            self.burst_departs(answers)?;
        }
        self.burst_is_received(questions)?;
        self.is_quiet()
    }

    pub(super) fn too_long(&mut self) -> Outcome {
        for beyond in [1, 4, 5, BEYOND] {
            let (long, next) = (self.sample(self.mtu + beyond), self.any());
            self.inject(long);
            self.arrives(next)?;
            let (is_long, is_next, got) =
                self.next(next.len, |bytes| (long.is(bytes), next.is(bytes), bytes.len()))?;
            if is_long {
                self.receives(next)?;
            } else if !is_next {
                return Err(Violation::Altered { way: Way::Received, len: long.len, got });
            }
            self.is_quiet()?;
        }
        Ok(())
    }
}
