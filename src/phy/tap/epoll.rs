//! Waiting for an interface, and for whatever else its program waits for.
#![allow(unsafe_code)]

extern crate std;

use std::{
    io,
    os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd},
    time::Instant,
};

use smoltcp::time::Duration;

use super::timerfd::TimerFd;
use super::tun::{Tun, check};

/// What a program waits for: an interface, other descriptors, and a time. The kernel keeps them from one wait
/// to the next; to hand them over each time, as `ppoll` asks, costs more than the wait.
pub(super) struct Epoll {
    epoll: OwnedFd,
    timer: TimerFd,
}

/// Descriptors that a wait hears of at once; there may be more.
const EVENTS: usize = 8;

const LINE: u64 = 0;
const OTHER: u64 = 1;
const ALARM: u64 = 2;

impl Epoll {
    pub(super) fn new(tun: &Tun) -> io::Result<Epoll> {
        // SAFETY: no pointers; the descriptor is checked and owned by nobody else.
        let epoll = unsafe {
            let fd = libc::epoll_create1(libc::EPOLL_CLOEXEC);
            check(fd)?;
            OwnedFd::from_raw_fd(fd)
        };
        let watch = Epoll { epoll, timer: TimerFd::new()? };
        watch.add(tun.as_fd(), LINE, libc::EPOLLIN)?;
        // One that has rung is told of once.
        watch.add(watch.timer.as_fd(), ALARM, libc::EPOLLIN | libc::EPOLLET)?;
        Ok(watch)
    }

    /// Until it is closed.
    pub(super) fn other(&self, fd: BorrowedFd<'_>) -> io::Result<()> {
        self.add(fd, OTHER, libc::EPOLLIN)
    }

    fn add(&self, fd: BorrowedFd<'_>, data: u64, events: libc::c_int) -> io::Result<()> {
        let mut event = libc::epoll_event { events: events as u32, u64: data };
        let (epoll, fd) = (self.epoll.as_raw_fd(), fd.as_raw_fd());
        // SAFETY: both are open, and the kernel reads one event, which is what it is given.
        check(unsafe { libc::epoll_ctl(epoll, libc::EPOLL_CTL_ADD, fd, &mut event) })
    }

    /// Sleeps until one of them has something, or the time is over. Gives what the interface has, as
    /// `EPOLLIN` and its like.
    pub(super) fn wait(&mut self, timeout: Option<Duration>) -> io::Result<libc::c_int> {
        if timeout == Some(Duration::ZERO) {
            return Ok(self.look(0)?.tun);
        }
        // Later than an instant can be is never.
        let latest = timeout.and_then(|timeout| Instant::now().checked_add(timeout.into()));
        loop {
            if let Some(latest) = latest {
                self.timer.ring_by(latest)?;
            }
            let ready = self.look(-1)?;
            let is_over = || latest.is_some_and(|latest| latest <= Instant::now());
            if ready.tun != 0 || ready.other || is_over() {
                return Ok(ready.tun);
            }
        }
    }

    /// What there is, or within so many milliseconds; a negative number is without limit.
    fn look(&mut self, millis: libc::c_int) -> io::Result<Ready> {
        let mut events = [libc::epoll_event { events: 0, u64: OTHER }; EVENTS];
        // SAFETY: the events are as many as is said.
        let count = unsafe {
            let (to, len) = (events.as_mut_ptr(), EVENTS as libc::c_int);
            libc::epoll_wait(self.epoll.as_raw_fd(), to, len, millis)
        };
        check(count)?;
        let mut ready = Ready::default();
        for event in events.iter().take(count as usize) {
            match event.u64 {
                LINE => ready.tun = event.events as libc::c_int,
                ALARM => self.timer.rang(),
                _ => ready.other = true,
            }
        }
        Ok(ready)
    }
}

/// What there is, beside an alarm.
#[derive(Default)]
struct Ready {
    tun: libc::c_int,
    other: bool,
}
