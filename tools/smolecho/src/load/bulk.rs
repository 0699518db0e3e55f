//! Bulk echo: one connection, written and read at once.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use super::sample::Sample;
use super::scene::Scene;
use crate::kernel::pattern::{compare, pattern, resized};

/// Prime, so that no segment size divides it and swapped bytes are noticed.
const PATTERN: usize = 65_521;

/// Slices of the time, each with its own throughput.
const SLICES: u32 = 20;

pub(super) fn run(scene: &Scene) -> io::Result<Sample> {
    let pattern = pattern(PATTERN);
    let socket = scene.connect()?;
    let span = scene.meter.begin()?;
    let (received, series) = thread::scope(|scope| {
        let reader = scope.spawn(|| receive(&socket, &pattern, scene.time / SLICES));
        let sent = write_for(scene.time, &socket, &pattern);
        if sent.is_err() {
            // Otherwise the reader waits for bytes that never come.
            let _ = socket.shutdown(Shutdown::Both);
        }
        let read =
            reader.join().map_err(|_| io::Error::other("a thread of this program failed"))?;
        let ((received, series), sent) = (read?, sent?);
        if received == sent { Ok((received, series)) } else { Err(resized(received, sent)) }
    })?;
    Ok(Sample { series, ..span.end(received) })
}

/// Writes for `time`, then closes our side; returns the number of bytes.
pub(super) fn write_for(time: Duration, mut socket: &TcpStream, pattern: &[u8]) -> io::Result<u64> {
    let (begin, mut sent) = (Instant::now(), 0);
    while begin.elapsed() < time {
        socket.write_all(pattern)?;
        sent += pattern.len() as u64;
    }
    socket.shutdown(Shutdown::Write)?;
    Ok(sent)
}

/// Reads until the peer closes; returns the number of bytes, and the bytes per second of each slice.
fn receive(mut socket: &TcpStream, pattern: &[u8], slice: Duration) -> io::Result<(u64, Vec<f64>)> {
    let mut data = vec![0; 256 * 1024];
    let (mut received, mut series) = (0, Vec::new());
    let (mut begin, mut before) = (Instant::now(), 0);
    loop {
        let len = socket.read(&mut data)?;
        if len == 0 {
            return Ok((received as u64, series));
        }
        let mut rest = &data[..len];
        while !rest.is_empty() {
            let expected = &pattern[received % pattern.len()..];
            let len = rest.len().min(expected.len());
            compare(&rest[..len], &expected[..len], received)?;
            received += len;
            rest = &rest[len..];
        }
        let took = begin.elapsed();
        if took >= slice {
            series.push((received - before) as f64 / took.as_secs_f64());
            (begin, before) = (Instant::now(), received);
        }
    }
}
