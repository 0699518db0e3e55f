//! Many connections with one message in flight each.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Instant;

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

use super::sample::Sample;
use super::scene::{PATIENCE, SMALL, Scene};
use crate::kernel::pattern::{compare, pattern};

/// Events per wake-up.
const EVENTS: usize = 64;

pub(super) fn run(scene: &Scene, count: usize) -> io::Result<Sample> {
    let sockets: Vec<TcpStream> = (0..count).map(|_| scene.connect()).collect::<io::Result<_>>()?;
    let message = pattern(SMALL);
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
    for (i, socket) in sockets.iter().enumerate() {
        epoll.add(socket, EpollEvent::new(EpollFlags::EPOLLIN, i as u64))?;
    }
    let span = scene.meter.begin()?;
    for mut socket in &sockets {
        socket.write_all(&message)?;
    }
    let mut events = [EpollEvent::empty(); EVENTS];
    let mut answer = [0; SMALL];
    let (mut done, mut under_way) = (0, count);
    let begin = Instant::now();
    while under_way > 0 {
        let timeout = EpollTimeout::try_from(PATIENCE).unwrap_or(EpollTimeout::NONE);
        let ready = epoll.wait(&mut events, timeout)?;
        if ready == 0 {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let goes_on = begin.elapsed() < scene.time;
        for event in &events[..ready] {
            let mut socket = &sockets[event.data() as usize];
            socket.read_exact(&mut answer)?;
            compare(&answer, &message, 0)?;
            done += 1;
            if goes_on {
                socket.write_all(&message)?;
            } else {
                under_way -= 1;
            }
        }
    }
    Ok(span.end(done))
}
