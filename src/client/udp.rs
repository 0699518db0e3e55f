//! The client's side of a UDP exchange: send – wait – verify, and send again if no answer comes.

use smoltcp::time::{Duration, Instant};

use crate::config::MAX_WAIT;
use crate::event::Report;
use crate::named::named;

/// The datagrams that a client sends, and its retransmission policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Query<'m> {
    message: &'m [u8],
    count: u32,
    wait: Duration,
    tries: u8,
}

impl<'m> Query<'m> {
    /// One datagram with this payload, sent up to 5 times: again after 1 s without an answer, then after
    /// 2 s, 4 s and 8 s.
    pub const fn new(message: &'m [u8]) -> Self {
        Query { message, count: 1, wait: Duration::from_secs(1), tries: 5 }
    }

    /// Sends `count` datagrams, each after the answer to the last; 0 sends none. If there are several,
    /// each carries its number after the message (4 bytes, big-endian), to match answers to datagrams.
    pub const fn count(mut self, count: u32) -> Self {
        self.count = count;
        self
    }

    /// The time to wait for the first answer, at most [`MAX_WAIT`], and how often each datagram is sent.
    /// The wait doubles with each try. With 0 tries nothing is sent, and every datagram counts as lost.
    pub const fn patience(mut self, wait: Duration, tries: u8) -> Self {
        self.wait = if wait.total_micros() > MAX_WAIT.total_micros() { MAX_WAIT } else { wait };
        self.tries = tries;
        self
    }

    /// The payload length of each datagram, in bytes.
    pub const fn len(&self) -> usize {
        self.message.len() + self.number_len()
    }

    /// Whether the datagrams have an empty payload.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    const fn number_len(&self) -> usize {
        if self.count > 1 { 4 } else { 0 }
    }
}

/// The next step of a [`UdpExchange`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Send a datagram: see [`ask`](UdpExchange::ask).
    Send,
    /// Nothing until this instant, unless an answer arrives.
    Wait(Instant),
    /// The last try got no answer in time: call [`time_out`](UdpExchange::time_out).
    Timeout,
    /// The exchange is over.
    Done,
}

named! {
    /// Why [`UdpExchange::ask`] wrote nothing.
    AskError {
        /// [`UdpExchange::next`] is not [`Next::Send`].
        NotDue = "no datagram is due",
        /// The buffer's length is not [`UdpExchange::len`].
        Length = "the buffer is not as long as the datagram",
    }
}

impl core::error::Error for AskError {}

/// The client's side of one [`Query`].
#[derive(Clone, Copy, Debug)]
pub struct UdpExchange<'m> {
    query: Query<'m>,
    /// The datagram whose answer is awaited.
    number: u32,
    tries: u8,
    due: Instant,
    /// One bit for each of the previous 64 datagrams, the latest lowest: set if it was answered.
    answered: u64,
    report: Report,
}

impl<'m> UdpExchange<'m> {
    /// An exchange that has sent nothing yet.
    pub const fn new(query: Query<'m>) -> Self {
        let report = Report {
            sent: 0,
            answered: 0,
            lost: 0,
            duplicates: 0,
            reordered: 0,
            mismatched: 0,
            refused: false,
        };
        UdpExchange { query, number: 0, tries: 0, due: Instant::ZERO, answered: 0, report }
    }

    /// The counters so far.
    pub const fn report(&self) -> Report {
        self.report
    }

    /// The next step at `now`.
    pub fn next(&self, now: Instant) -> Next {
        if self.number >= self.query.count {
            Next::Done
        } else if self.tries > 0 && now < self.due {
            Next::Wait(self.due)
        } else if self.tries < self.query.tries {
            Next::Send
        } else {
            Next::Timeout
        }
    }

    /// Counts the current datagram as lost and goes on to the next one.
    pub fn time_out(&mut self) {
        if self.query.tries == 0 {
            self.give_up();
        } else if self.number < self.query.count {
            self.report.lost += 1;
            self.advance(false);
        }
    }

    /// Ends the exchange: nobody listens on the remote port.
    pub fn refuse(&mut self) {
        self.report.refused = true;
        self.give_up();
    }

    /// Ends the exchange: all datagrams without an answer count as lost.
    pub fn give_up(&mut self) {
        let left = self.query.count.saturating_sub(self.number);
        self.report.lost += left;
        self.number += left;
        self.answered = self.answered.checked_shl(left).unwrap_or(0);
    }

    /// The length of each datagram, in bytes.
    pub const fn len(&self) -> usize {
        self.query.len()
    }

    /// Whether the datagrams are empty.
    pub const fn is_empty(&self) -> bool {
        self.query.is_empty()
    }

    /// Writes the next datagram, [`len`](Self::len) bytes, to `out` and counts it as sent.
    ///
    /// # Errors
    ///
    /// [`AskError::NotDue`] or [`AskError::Length`]; nothing is written or counted then.
    pub fn ask(&mut self, out: &mut [u8], now: Instant) -> Result<(), AskError> {
        if self.next(now) != Next::Send {
            return Err(AskError::NotDue);
        }
        if out.len() != self.len() {
            return Err(AskError::Length);
        }
        let (message, number) = out.split_at_mut(self.query.message.len());
        message.copy_from_slice(self.query.message);
        number.copy_from_slice(&self.number.to_be_bytes()[..self.query.number_len()]);
        let wait = self.query.wait.total_micros() << self.tries.min(16);
        self.due = now + Duration::from_micros(wait);
        self.tries += 1;
        self.report.sent += 1;
        Ok(())
    }

    /// Counts the payload of a datagram that came from the server.
    pub fn answer(&mut self, answer: &[u8]) {
        let Some(number) = self.number_of(answer) else {
            self.report.mismatched += 1;
            return;
        };
        if number == self.number {
            self.report.answered += 1;
            self.advance(true);
            return;
        }
        match 1u64.checked_shl(self.number - 1 - number) {
            Some(bit) if self.answered & bit == 0 => {
                self.answered |= bit;
                self.report.reordered += 1;
                self.report.answered += 1;
                self.report.lost -= 1;
            }
            _ => self.report.duplicates += 1,
        }
    }

    /// The number of the datagram that this answers, if it was sent.
    fn number_of(&self, answer: &[u8]) -> Option<u32> {
        let number = answer.strip_prefix(self.query.message)?;
        if self.query.number_len() == 0 {
            return (number.is_empty() && (self.number > 0 || self.tries > 0)).then_some(0);
        }
        let number = u32::from_be_bytes(number.try_into().ok()?);
        let asked = self.number + u32::from(self.tries > 0);
        (number < asked).then_some(number)
    }

    fn advance(&mut self, answered: bool) {
        self.answered = (self.answered << 1) | u64::from(answered);
        self.number += 1;
        self.tries = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_after_giving_up_count_once_each() {
        let mut exchange = UdpExchange::new(Query::new(b"?").count(100));
        let mut question = [0; 5];
        for n in 0..50u32 {
            exchange.ask(&mut question, Instant::ZERO).expect("the next question");
            assert_eq!(question[1..], n.to_be_bytes());
            exchange.answer(&question);
        }
        exchange.give_up();
        assert_eq!((exchange.report().answered, exchange.report().lost), (50, 50));
        for n in 0..100u32 {
            question[1..].copy_from_slice(&n.to_be_bytes());
            exchange.answer(&question);
        }
        let report = exchange.report();
        assert_eq!(report.answered + report.lost, 100);
    }

    #[test]
    fn to_look_changes_nothing() {
        let query = Query::new(b"?").count(3).patience(Duration::from_secs(1), 1);
        let mut exchange = UdpExchange::new(query);
        exchange.ask(&mut [0; 5], Instant::ZERO).expect("the first question");
        let late = Instant::from_secs(2);
        assert_eq!([exchange.next(late); 2], [Next::Timeout; 2]);
        assert_eq!(exchange.report().lost, 0);
        exchange.time_out();
        assert_eq!((exchange.next(late), exchange.report().lost), (Next::Send, 1));

        let mut silent = UdpExchange::new(query.patience(Duration::ZERO, 0));
        assert_eq!(silent.next(Instant::ZERO), Next::Timeout);
        silent.time_out();
        assert_eq!((silent.next(late), silent.report().lost), (Next::Done, 3));
        silent.time_out();
        assert_eq!(silent.report().lost, 3);
    }

    #[test]
    fn a_question_that_cannot_be_written_counts_nothing() {
        let mut exchange = UdpExchange::new(Query::new(b"what?"));
        for len in [0, 4, 6] {
            let error = exchange.ask(&mut [0; 8][..len], Instant::ZERO);
            assert_eq!(error, Err(AskError::Length), "{len} bytes");
        }
        assert_eq!(exchange.report().sent, 0);
        assert_eq!(exchange.ask(&mut [0; 5], Instant::ZERO), Ok(()));
        assert_eq!(exchange.ask(&mut [0; 5], Instant::ZERO), Err(AskError::NotDue));
        assert_eq!(exchange.report().sent, 1);
    }
}
