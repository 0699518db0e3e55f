//! Datagrams: one or several in flight.

use std::io;
use std::time::{Duration, Instant};

use super::sample::{Latency, Sample};
use super::scene::{LARGE, PATIENCE, SMALL, Scene, timed};
use crate::kernel::cause::is_timeout;
use crate::kernel::pattern::{compare, pattern, resized};
use crate::kernel::socket::towards;

const WARM_UP: usize = 64;

/// A datagram without an echo after this time is lost.
const LOST: Duration = Duration::from_millis(250);

pub(super) fn round_trips(scene: &Scene, bytes: usize) -> io::Result<Sample> {
    let socket = towards(scene.target, PATIENCE)?;
    let (message, mut answer) = (pattern(bytes), [0; LARGE + 1]);
    let mut round_trip = || {
        socket.send(&message)?;
        let len = socket.recv(&mut answer)?;
        compare(&answer[..len], &message, 0)
    };
    (0..WARM_UP).try_for_each(|_| round_trip())?;
    let (span, mut latency) = (scene.meter.begin()?, Latency::new());
    timed(scene.time, || round_trip().map(|()| scene.pause()), |took| latency.record(took))?;
    Ok(Sample { latency: latency.pairs(), ..span.end(latency.count()) })
}

/// Keeps `in_flight` datagrams under way. Each has a number, so that a late one is recognized.
pub(super) fn window(scene: &Scene, in_flight: usize) -> io::Result<Sample> {
    let socket = towards(scene.target, LOST)?;
    let mut message = pattern(SMALL);
    let mut send = |number: u64| {
        message[..8].copy_from_slice(&number.to_be_bytes());
        socket.send(&message).map(drop)
    };
    let mut answer = [0; SMALL + 1];
    // The next number, the echoes received, and the first number still awaited.
    let (mut next, mut done, mut first, mut idle) = (0, 0, 0, 0);
    let span = scene.meter.begin()?;
    let begin = Instant::now();
    while next < in_flight as u64 {
        send(next)?;
        next += 1;
    }
    loop {
        match socket.recv(&mut answer) {
            Ok(len) => {
                let number = number(&answer[..len])?;
                idle = 0;
                done += 1;
                if begin.elapsed() < scene.time {
                    send(next)?;
                    next += 1;
                } else if number >= first && done >= next {
                    break;
                }
            }
            Err(error) if is_timeout(&error) && begin.elapsed() >= scene.time => break,
            // All datagrams in flight are lost: start again with a full window.
            Err(error) if is_timeout(&error) && idle < 20 => {
                idle += 1;
                first = next;
                for _ in 0..in_flight {
                    send(next)?;
                    next += 1;
                }
            }
            Err(error) => return Err(error),
        }
        if done >= next {
            break;
        }
    }
    Ok(Sample { lost: next.saturating_sub(done), ..span.end(done) })
}

fn number(answer: &[u8]) -> io::Result<u64> {
    match answer.first_chunk() {
        Some(number) if answer.len() == SMALL => Ok(u64::from_be_bytes(*number)),
        _ => Err(resized(answer.len() as u64, SMALL as u64)),
    }
}
