//! Connect, echo, close; one thread per client.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use super::sample::Sample;
use super::scene::{SMALL, Scene};
use super::stream::Echo;

pub(super) fn run(scene: &Scene, clients: usize) -> io::Result<Sample> {
    // The first connection resolves the hardware address.
    Echo::new(scene.connect()?, SMALL).round_trip()?;
    let span = scene.meter.begin()?;
    let (begin, done) = (Instant::now(), AtomicU64::new(0));
    let client = || {
        while begin.elapsed() < scene.time && done.load(Ordering::Relaxed) < scene.most {
            Echo::new(scene.connect()?, SMALL).round_trip()?;
            done.fetch_add(1, Ordering::Relaxed);
        }
        io::Result::Ok(())
    };
    thread::scope(|scope| {
        let others: Vec<_> = (1..clients).map(|_| scope.spawn(client)).collect();
        let mut ended = client();
        for other in others {
            let other =
                other.join().map_err(|_| io::Error::other("a thread of this program failed"));
            ended = ended.and(other.flatten());
        }
        ended
    })?;
    Ok(span.end(done.into_inner()))
}
