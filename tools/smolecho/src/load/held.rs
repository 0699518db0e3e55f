//! Many open connections: the cost of each while others work, or none.

use std::io;
use std::thread;
use std::time::Duration;

use socket2::Socket;

use super::sample::{Latency, Sample};
use super::scene::{SMALL, Scene, timed};
use super::stream::Echo;

/// Until the last timers have expired: smoltcp's first retransmission is due after 1 s.
const SETTLE: Duration = Duration::from_millis(1_200);

/// Resets between two round trips.
const AT_ONCE: usize = 64;

/// The shortest time for a count per second.
const AT_LEAST: Duration = Duration::from_secs(1);

/// Round trips on the first connection, or on each in turn.
pub(super) fn work(scene: &Scene, count: usize, in_turn: bool) -> io::Result<Sample> {
    let mut held = Held::open(scene, count)?;
    held.0[0].warm_up()?;
    let active = if in_turn { held.0.len() } else { 1 };
    let (mut turn, mut latency) = (0, Latency::new());
    let round_trip = || {
        turn += 1;
        held.0[turn % active].round_trip()
    };
    let span = scene.meter.begin()?;
    timed(scene.time, round_trip, |took| latency.record(took))?;
    Ok(Sample { latency: latency.pairs(), ..span.end(latency.count()) })
}

pub(super) fn idle(scene: &Scene, count: usize) -> io::Result<Sample> {
    let _held = Held::open(scene, count)?;
    thread::sleep(SETTLE);
    let span = scene.meter.begin()?;
    thread::sleep(scene.time.max(AT_LEAST));
    Ok(span.end(0))
}

/// Connections that have echoed once.
struct Held(Vec<Echo>);

impl Held {
    fn open(scene: &Scene, count: usize) -> io::Result<Held> {
        let mut held = Held(Vec::with_capacity(count));
        for _ in 0..count {
            let mut echo = Echo::new(scene.connect()?, SMALL);
            echo.round_trip()?;
            held.0.push(echo);
        }
        Ok(held)
    }
}

/// Resets them, instead of 10,000 closing handshakes; no faster than the server reads, because a reset that the
/// TAP's queue drops is not retransmitted.
impl Drop for Held {
    fn drop(&mut self) {
        let Some(mut last) = self.0.pop() else { return };
        for (i, echo) in self.0.drain(..).enumerate() {
            let _ = Socket::from(echo.socket).set_linger(Some(Duration::ZERO));
            if i.is_multiple_of(AT_ONCE) {
                // If it fails, there is no server left to spare.
                let _ = last.round_trip();
            }
        }
    }
}
