//! Discard (RFC 863) and chargen (RFC 864): bulk in one direction.

use std::io::{self, ErrorKind, Read};
use std::time::Instant;

use super::bulk::write_for;
use super::sample::Sample;
use super::scene::Scene;
use crate::kernel::pattern::pattern;

const PIECE: usize = 65_536;

/// Ends when the server has read the last byte and closes.
pub(super) fn discard(scene: &Scene) -> io::Result<Sample> {
    let mut socket = scene.connect()?;
    let span = scene.meter.begin()?;
    let sent = write_for(scene.time, &socket, &pattern(PIECE))?;
    match socket.read(&mut [0; 64]) {
        Ok(0) => Ok(span.end(sent)),
        Ok(_) => Err(io::Error::new(ErrorKind::InvalidData, "it answers, and should not")),
        Err(error) => Err(error),
    }
}

pub(super) fn chargen(scene: &Scene) -> io::Result<Sample> {
    let mut socket = scene.connect()?;
    let mut data = vec![0; 256 * 1024];
    let span = scene.meter.begin()?;
    let (begin, mut received) = (Instant::now(), 0);
    while begin.elapsed() < scene.time {
        match socket.read(&mut data)? {
            0 => return Err(ErrorKind::UnexpectedEof.into()),
            len => received += len as u64,
        }
    }
    Ok(span.end(received))
}
