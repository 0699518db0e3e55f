//! Test data, and its comparison with what came back.

use std::io::{self, ErrorKind};

/// Bytes of which a swap, a loss or a repetition is noticed.
pub(crate) fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i * 7 + i / 251 + i / 65_521) as u8).collect()
}

/// Compares an answer with what was sent, which began `offset` bytes into the stream.
pub(crate) fn compare(received: &[u8], sent: &[u8], offset: usize) -> io::Result<()> {
    if received == sent {
        return Ok(());
    }
    match received.iter().zip(sent).position(|(a, b)| a != b) {
        None => Err(resized(received.len() as u64, sent.len() as u64)),
        Some(at) => Err(io::Error::new(
            ErrorKind::InvalidData,
            format!(
                "byte {} was sent as {:#04x} and came back as {:#04x}",
                offset + at,
                sent[at],
                received[at]
            ),
        )),
    }
}

/// The error of an answer of another length.
pub(crate) fn resized(received: u64, sent: u64) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, format!("{sent} bytes came back as {received}"))
}
