//! Answers to datagrams, and the limits on them.
//!
//! Two UDP services that one spoofed datagram points at each other answer for ever (CVE-1999-0103,
//! CVE-2024-2169), and a service that answers broadcasts multiplies them. So an answer is never longer
//! than its question, and [`UdpPolicy`] restricts source ports and rates.

use heapless::Vec;
use smoltcp::time::Instant;
use smoltcp::wire::{IpAddress, IpEndpoint};

#[cfg(feature = "services")]
use super::chargen;
use crate::config::{UdpPolicy, UdpService};
use crate::event::DatagramDropReason;
use crate::named::named;
use crate::rate::TokenBucket;

/// Sources whose rate is remembered; a new one replaces the least recently active.
const SOURCES: usize = 8;

/// The longest answer of [`UdpService::Chargen`], in bytes (RFC 864).
#[cfg(feature = "services")]
const CHARGEN: usize = 512;

named! {
    /// Why [`UdpService::answer`] wrote nothing.
    AnswerError {
        /// The service does not answer.
        NoAnswer = "the service does not answer",
        /// The buffer's length is not that of [`UdpService::answer_len`].
        Length = "the buffer is not as long as the answer",
    }
}

impl core::error::Error for AnswerError {}

impl UdpService {
    /// The length of the answer to a datagram of `len` bytes; `None` if the service does not answer.
    pub fn answer_len(self, len: usize) -> Option<usize> {
        match self {
            UdpService::Echo => Some(len),
            #[cfg(feature = "services")]
            UdpService::Discard => None,
            #[cfg(feature = "services")]
            UdpService::Chargen => Some(len.min(CHARGEN)),
        }
    }

    /// Writes the answer to `question`.
    ///
    /// # Errors
    ///
    /// - [`AnswerError::NoAnswer`]: this is [`UdpService::Discard`].
    /// - [`AnswerError::Length`]: `answer` is not as long as [`answer_len`](Self::answer_len) says.
    pub fn answer(self, question: &[u8], answer: &mut [u8]) -> Result<(), AnswerError> {
        let len = self.answer_len(question.len()).ok_or(AnswerError::NoAnswer)?;
        if answer.len() != len {
            return Err(AnswerError::Length);
        }
        match self {
            UdpService::Echo => answer.copy_from_slice(question),
            #[cfg(feature = "services")]
            UdpService::Chargen => chargen::fill(answer, 0),
            #[cfg(feature = "services")]
            UdpService::Discard => {}
        }
        Ok(())
    }
}

/// Applies a [`UdpPolicy`].
pub(crate) struct UdpLimiter {
    udp_policy: UdpPolicy,
    /// Least recently active first.
    sources: Vec<(IpAddress, TokenBucket), SOURCES>,
    total: TokenBucket,
}

impl UdpLimiter {
    pub(crate) fn new(udp_policy: UdpPolicy) -> Self {
        UdpLimiter { udp_policy, sources: Vec::new(), total: TokenBucket::FULL }
    }

    /// Whether a datagram from `remote` may be answered now.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_of_another_length_is_an_error() {
        let (question, mut buffer) = ([1; 600], [0; 700]);
        for (service, len) in [(UdpService::Echo, 600), (UdpService::Chargen, 512)] {
            for wrong in [0, len - 1, len + 1] {
                let error = service.answer(&question, &mut buffer[..wrong]);
                assert_eq!(error, Err(AnswerError::Length), "{service:?}, {wrong} bytes");
            }
            assert_eq!(service.answer(&question, &mut buffer[..len]), Ok(()));
        }
        let error = UdpService::Discard.answer(&question, &mut []);
        assert_eq!(error, Err(AnswerError::NoAnswer));
    }
}
