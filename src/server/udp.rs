//! What a datagram is answered with, and who is answered at all.
//!
//! Two echoes that are told of each other by one spoofed datagram talk for ever (CVE-1999-0103,
//! CVE-2024-2169), and one that answers a broadcast multiplies it. So the answer is never longer than
//! the question, and [`Manners`] say who gets none.

use heapless::Vec;
use smoltcp::time::Instant;
use smoltcp::wire::{IpAddress, IpEndpoint};

use super::chargen;
use crate::config::{Manners, Service};
use crate::event::Ignored;
use crate::rate::Bucket;

/// Sources whose rate is remembered; with more, the one that was quiet longest is forgotten.
const SOURCES: usize = 8;

/// The most that [`Service::Chargen`] says in one datagram (RFC 864).
const CHARGEN: usize = 512;

impl Service {
    /// How long the answer to a question of `len` bytes is; `None` is no answer.
    pub fn answer_len(self, len: usize) -> Option<usize> {
        match self {
            Service::Echo => Some(len),
            Service::Discard => None,
            Service::Chargen => Some(len.min(CHARGEN)),
        }
    }

    /// Writes the answer, which is as long as [`answer_len`](Self::answer_len) said.
    pub fn answer(self, question: &[u8], answer: &mut [u8]) {
        match self {
            Service::Echo => answer.copy_from_slice(question),
            Service::Discard => {}
            Service::Chargen => chargen::fill(answer, 0),
        }
    }
}

/// Keeps the manners.
pub(crate) struct Doorman {
    manners: Manners,
    /// The last to come stands last.
    sources: Vec<(IpAddress, Bucket), SOURCES>,
    in_all: Bucket,
}

impl Doorman {
    pub(crate) fn new(manners: Manners) -> Self {
        Doorman { manners, sources: Vec::new(), in_all: Bucket::FULL }
    }

    /// Whether a question from there is answered.
    pub(crate) fn judge(&mut self, remote: &IpEndpoint, now: Instant) -> Result<(), Ignored> {
        if remote.port < self.manners.lowest_port {
            return Err(Ignored::SourcePort);
        }
        if let Some(rate) = self.manners.per_source
            && !self.source(remote.addr).take(rate, now)
        {
            return Err(Ignored::SourceRate);
        }
        if let Some(rate) = self.manners.in_all
            && !self.in_all.take(rate, now)
        {
            return Err(Ignored::TotalRate);
        }
        Ok(())
    }

    fn source(&mut self, address: IpAddress) -> &mut Bucket {
        let found = self.sources.iter().rposition(|(source, _)| *source == address);
        match found {
            Some(at) => self.sources[at..].rotate_left(1),
            None => {
                if self.sources.is_full() {
                    self.sources.remove(0);
                }
                let _ = self.sources.push((address, Bucket::FULL));
            }
        }
        let last = self.sources.len() - 1;
        &mut self.sources[last].1
    }
}
