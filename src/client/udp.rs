//! The client's flow over datagrams: send – wait – verify, again when no answer comes.

use smoltcp::time::{Duration, Instant};

use crate::config::MAX_WAIT;
use crate::event::Report;

/// What the client asks, how often, and how patiently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Query<'m> {
    message: &'m [u8],
    count: u32,
    wait: Duration,
    tries: u8,
}

impl<'m> Query<'m> {
    /// One datagram with these bytes, asked up to 5 times; 1 s for the first answer, twice as long each
    /// time it does not come.
    pub const fn new(message: &'m [u8]) -> Self {
        Query { message, count: 1, wait: Duration::from_secs(1), tries: 5 }
    }

    /// So many datagrams, one after the other. With more than one each carries its number behind the
    /// message, 4 bytes in network order, so that answers can be told apart.
    pub const fn count(mut self, count: u32) -> Self {
        self.count = count;
        self
    }

    /// How long to wait for the first answer, up to [`MAX_WAIT`], and how often to ask in all.
    pub const fn patience(mut self, wait: Duration, tries: u8) -> Self {
        self.wait = if wait.total_micros() > MAX_WAIT.total_micros() { MAX_WAIT } else { wait };
        self.tries = tries;
        self
    }

    /// Bytes of each datagram.
    pub const fn len(&self) -> usize {
        self.message.len() + self.number_len()
    }

    /// Whether the datagrams carry nothing.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    const fn number_len(&self) -> usize {
        if self.count > 1 { 4 } else { 0 }
    }
}

/// What is to be done next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Send the question again, or the next one.
    Send,
    /// Nothing before this instant, unless an answer comes.
    Wait(Instant),
    /// Everything was asked.
    Done,
}

/// The client's side of a row of questions.
#[derive(Clone, Copy, Debug)]
pub struct UdpExchange<'m> {
    query: Query<'m>,
    /// The question that waits for its answer.
    number: u32,
    tries: u8,
    due: Instant,
    /// Which of the 64 questions before this one have been answered, the latest in the lowest bit.
    answered: u64,
    report: Report,
}

impl<'m> UdpExchange<'m> {
    /// Nothing is asked yet.
    pub const fn new(query: Query<'m>) -> Self {
        let report =
            Report { sent: 0, answered: 0, lost: 0, duplicates: 0, reordered: 0, mismatched: 0 };
        UdpExchange { query, number: 0, tries: 0, due: Instant::ZERO, answered: 0, report }
    }

    /// How it went so far.
    pub const fn report(&self) -> Report {
        self.report
    }

    /// What is to be done at `now`.
    pub fn next(&mut self, now: Instant) -> Next {
        if self.query.tries == 0 {
            self.give_up();
        }
        while self.number < self.query.count {
            if self.tries > 0 && now < self.due {
                return Next::Wait(self.due);
            }
            if self.tries < self.query.tries {
                return Next::Send;
            }
            self.report.lost += 1;
            self.advance(false);
        }
        Next::Done
    }

    /// Asks nothing more: what has not been answered is lost.
    pub fn give_up(&mut self) {
        let left = self.query.count.saturating_sub(self.number);
        self.report.lost += left;
        self.number += left;
        self.answered = self.answered.checked_shl(left).unwrap_or(0);
    }

    /// Bytes of the question.
    pub const fn len(&self) -> usize {
        self.query.len()
    }

    /// Whether the question carries nothing.
    pub const fn is_empty(&self) -> bool {
        self.query.is_empty()
    }

    /// Writes the question, [`len`](Self::len) bytes, and takes it as sent.
    pub fn ask(&mut self, out: &mut [u8], now: Instant) {
        let (message, number) = out.split_at_mut(self.query.message.len());
        message.copy_from_slice(self.query.message);
        number.copy_from_slice(&self.number.to_be_bytes()[..self.query.number_len()]);
        let wait = self.query.wait.total_micros() << self.tries.min(16);
        self.due = now + Duration::from_micros(wait);
        self.tries += 1;
        self.report.sent += 1;
    }

    /// Takes an answer.
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

    /// Which question this answers, if any that was asked.
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

    /// What is still on its way when nobody wants to know it any more.
    #[test]
    fn answers_after_giving_up_count_once_each() {
        let mut exchange = UdpExchange::new(Query::new(b"?").count(100));
        let mut question = [0; 5];
        for n in 0..50u32 {
            exchange.ask(&mut question, Instant::ZERO);
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
}
