//! The pattern over kernel sockets: sent, expected, and both at once.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::{Shutdown, TcpStream},
    ops::Range,
    thread,
};

use crate::rig::pattern::Pattern;

impl Pattern {
    pub(crate) fn send(&self, to: &mut impl Write, mut range: Range<u64>) -> io::Result<()> {
        while !range.is_empty() {
            match to.write(self.piece(range.clone())) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(n) => range.start += n as u64,
                Err(error) => return Err(at(range.start, &error)),
            }
        }
        Ok(())
    }

    /// Reads `range`, and no byte beyond it.
    pub(crate) fn expect(&self, from: &mut impl Read, mut range: Range<u64>) -> io::Result<()> {
        let mut buffer = vec![0; Pattern::PIECE];
        while !range.is_empty() {
            let expected = self.piece(range.clone());
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

    /// Sends `range` and expects its echo at the same time.
    pub(crate) fn echo(&self, stream: &TcpStream, range: Range<u64>) -> io::Result<()> {
        thread::scope(|scope| {
            let sender = scope.spawn(|| self.send(&mut &*stream, range.clone()));
            let received = self.expect(&mut &*stream, range.clone());
            if received.is_err() {
                // Otherwise the sender waits for ever.
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

/// Expects the peer's FIN, without another byte before it.
pub(crate) fn expect_end(from: &mut impl Read) -> io::Result<()> {
    match from.read(&mut [0])? {
        0 => Ok(()),
        _ => Err(io::Error::new(ErrorKind::InvalidData, "a byte after the last one")),
    }
}
