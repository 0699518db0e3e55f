//! What a datagram is answered with, and who is answered at all.
//!
//! Two echoes that are told of each other by one spoofed datagram talk for ever (CVE-1999-0103,
//! CVE-2024-2169), and one that answers a broadcast multiplies it. So the answer is never longer than
//! the question, and [`UdpPolicy`] say who gets none.

use heapless::Vec;
use smoltcp::time::Instant;
use smoltcp::wire::{IpAddress, IpEndpoint};

use super::chargen;
use crate::config::{UdpPolicy, UdpService};
use crate::event::DatagramDropReason;
use crate::rate::TokenBucket;

/// Sources whose rate is remembered; with more, the one that was quiet longest is forgotten.
const SOURCES: usize = 8;

/// The most that [`UdpService::Chargen`] says in one datagram (RFC 864).
const CHARGEN: usize = 512;

impl UdpService {
    /// How long the answer to a question of `len` bytes is; `None` is no answer.
    pub fn answer_len(self, len: usize) -> Option<usize> {
        match self {
            UdpService::Echo => Some(len),
            UdpService::Discard => None,
            UdpService::Chargen => Some(len.min(CHARGEN)),
        }
    }

    /// Writes the answer, which is as long as [`answer_len`](Self::answer_len) said.
    pub fn answer(self, question: &[u8], answer: &mut [u8]) {
        match self {
            UdpService::Echo => answer.copy_from_slice(question),
            UdpService::Discard => {}
            UdpService::Chargen => chargen::fill(answer, 0),
        }
    }
}

/// Keeps the manners.
pub(crate) struct UdpLimiter {
    udp_policy: UdpPolicy,
    /// The last to come stands last.
    sources: Vec<(IpAddress, TokenBucket), SOURCES>,
    total: TokenBucket,
}

impl UdpLimiter {
    pub(crate) fn new(udp_policy: UdpPolicy) -> Self {
        UdpLimiter { udp_policy, sources: Vec::new(), total: TokenBucket::FULL }
    }

    /// Whether a question from there is answered.
    pub(crate) fn judge(
        &mut self,
        remote: &IpEndpoint,
        now: Instant,
    ) -> Result<(), DatagramDropReason> {
        if remote.port < self.udp_policy.lowest_port {
            return Err(DatagramDropReason::SourcePort);
        }
        if let Some(rate) = self.udp_policy.per_source
            && !self.source(remote.addr).take(rate, now)
        {
            return Err(DatagramDropReason::SourceRate);
        }
        if let Some(rate) = self.udp_policy.total
            && !self.total.take(rate, now)
        {
            return Err(DatagramDropReason::TotalRate);
        }
        Ok(())
    }

    fn source(&mut self, address: IpAddress) -> &mut TokenBucket {
        let found = self.sources.iter().rposition(|(source, _)| *source == address);
        match found {
            Some(at) => self.sources[at..].rotate_left(1),
            None => {
                if self.sources.is_full() {
                    self.sources.remove(0);
                }
                let _ = self.sources.push((address, TokenBucket::FULL));
            }
        }
        let last = self.sources.len() - 1;
        &mut self.sources[last].1
    }
}
