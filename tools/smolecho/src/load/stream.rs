//! One connection with one message in flight.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::prctl::set_timerslack;

use super::sample::{Latency, Sample};
use super::scene::{LARGE, PATIENCE, SMALL, Scene, timed};
use crate::kernel::pattern::{compare, pattern};
use crate::kernel::socket::{self, Setup};

/// Round trips before measuring: hardware address, caches, CPU frequency.
const WARM_UP: usize = 64;

pub(super) fn round_trips(scene: &Scene, bytes: usize) -> io::Result<Sample> {
    let (mut echo, mut latency) = (Echo::new(scene.connect()?, bytes), Latency::new());
    echo.warm_up()?;
    let span = scene.meter.begin()?;
    timed(scene.time, || echo.round_trip().map(|()| scene.pause()), |took| latency.record(took))?;
    Ok(Sample { latency: latency.pairs(), ..span.end(latency.count()) })
}

/// A request is sent when it is due, or right after the previous answer.
pub(super) fn paced(scene: &Scene, per_second: u32) -> io::Result<Sample> {
    let interval = Duration::from_secs(1) / per_second.max(1);
    let (mut echo, mut latency) = (Echo::new(scene.connect()?, SMALL), Latency::new());
    echo.warm_up()?;
    // By default the kernel wakes us up to 50 µs late, to save power.
    let _ = set_timerslack(1);
    let span = scene.meter.begin()?;
    let (mut due, mut done) = (span.begin(), 0);
    while due - span.begin() < scene.time {
        thread::sleep(due.saturating_duration_since(Instant::now()));
        let sent = Instant::now();
        echo.round_trip()?;
        latency.record_paced(sent.elapsed(), interval);
        done += 1;
        // Missed requests are not sent later: the histogram has accounted for them.
        due = (due + interval).max(Instant::now());
    }
    Ok(Sample { latency: latency.pairs(), ..span.end(done) })
}

/// Checks that one message comes back over a connection.
pub(crate) fn is_served(target: SocketAddr) -> io::Result<()> {
    Echo::new(socket::connect(target, Setup::default(), PATIENCE)?, SMALL).round_trip()
}

/// A connection, its message, and room for the answer.
pub(super) struct Echo {
    pub(super) socket: TcpStream,
    message: Vec<u8>,
    answer: [u8; LARGE],
}

impl Echo {
    pub(super) fn new(socket: TcpStream, bytes: usize) -> Echo {
        Echo { socket, message: pattern(bytes.min(LARGE)), answer: [0; LARGE] }
    }

    pub(super) fn round_trip(&mut self) -> io::Result<()> {
        let answer = &mut self.answer[..self.message.len()];
        self.socket.write_all(&self.message)?;
        self.socket.read_exact(answer)?;
        compare(answer, &self.message, 0)
    }

    pub(super) fn warm_up(&mut self) -> io::Result<()> {
        (0..WARM_UP).try_for_each(|_| self.round_trip())
    }
}
