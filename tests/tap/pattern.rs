//! Bytes that are known by their place, so that one that is lost, doubled or swapped is noticed.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::{Shutdown, TcpStream},
    ops::Range,
    thread,
};

/// A prime: no buffer is in step with it.
const PERIOD: usize = 8191;

/// The most that is read or written at once.
const PIECE: usize = 65_536;

/// An endless sequence of bytes, another one for each seed.
pub(crate) struct Pattern {
    bytes: Vec<u8>,
}

impl Pattern {
    pub(crate) fn new(seed: u32) -> Pattern {
        // Marsaglia's xorshift; its state must not be zero.
        let mut state = seed.wrapping_mul(0x9E37_79B9) | 1;
        let period: Vec<u8> = (0..PERIOD)
            .map(|_| {
                state ^= state << 13;
                state ^= state >> 17;
                state ^= state << 5;
                (state >> 24) as u8
            })
            .collect();
        Pattern { bytes: period.into_iter().cycle().take(PERIOD + PIECE).collect() }
    }

    /// What stands in `range`, as much of it as is at hand in one piece.
    pub(crate) fn piece(&self, range: &Range<u64>) -> &[u8] {
        let len = usize::try_from(range.end - range.start).unwrap_or(PIECE).min(PIECE);
        let start = (range.start % PERIOD as u64) as usize;
        &self.bytes[start..][..len]
    }

    pub(crate) fn send(&self, to: &mut impl Write, mut range: Range<u64>) -> io::Result<()> {
        while !range.is_empty() {
            match to.write(self.piece(&range)) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(n) => range.start += n as u64,
                Err(error) => return Err(at(range.start, &error)),
            }
        }
        Ok(())
    }

    /// Reads `range` and nothing beyond it.
    pub(crate) fn expect(&self, from: &mut impl Read, mut range: Range<u64>) -> io::Result<()> {
        let mut buffer = vec![0; PIECE];
        while !range.is_empty() {
            let expected = self.piece(&range);
            let n = match from.read(&mut buffer[..expected.len()]) {
                Ok(0) => return Err(at(range.start, &ErrorKind::UnexpectedEof.into())),
                Ok(n) => n,
                Err(error) => return Err(at(range.start, &error)),
            };
            if let Some(wrong) = (0..n).find(|&i| buffer[i] != expected[i]) {
                let place = range.start + wrong as u64;
                return Err(at(place, &io::Error::new(ErrorKind::InvalidData, "another byte")));
            }
            range.start += n as u64;
        }
        Ok(())
    }

    /// Sends `range` and expects it back, both at once.
    pub(crate) fn echo(&self, stream: &TcpStream, range: Range<u64>) -> io::Result<()> {
        thread::scope(|scope| {
            let sender = scope.spawn(|| self.send(&mut &*stream, range.clone()));
            let received = self.expect(&mut &*stream, range.clone());
            if received.is_err() {
                // Or the sender waits for room that nobody makes.
                let _ = stream.shutdown(Shutdown::Both);
            }
            let sent = sender.join().expect("the sender");
            received.and(sent)
        })
    }
}

fn at(place: u64, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("at byte {place}: {error}"))
}

/// The peer has closed, and there is not a byte more.
pub(crate) fn expect_end(from: &mut impl Read) -> io::Result<()> {
    match from.read(&mut [0])? {
        0 => Ok(()),
        _ => Err(io::Error::new(ErrorKind::InvalidData, "a byte after the last one")),
    }
}
