//! Waiting with epoll for the interface, other descriptors and a timeout.
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

/// The descriptors of a wait. With epoll the kernel keeps them between waits; `ppoll` takes them with each call,
/// which costs more than the wait.
pub(super) struct Epoll {
    epoll: OwnedFd,
    timer: TimerFd,
}

/// Events per system call; further ones follow in the next call.
const EVENTS: usize = 8;

const TUN: u64 = 0;
const TIMER: u64 = 1;
const WATCHED: u64 = 2;

impl Epoll {
    pub(super) fn new(tun: &Tun) -> io::Result<Epoll> {
        // SAFETY: no pointers; the descriptor is checked and has no other owner.
        let epoll = unsafe {
            let fd = libc::epoll_create1(libc::EPOLL_CLOEXEC);
            check(fd)?;
            OwnedFd::from_raw_fd(fd)
        };
        let epoll = Epoll { epoll, timer: TimerFd::new()? };
        epoll.add(tun.as_fd(), TUN, libc::EPOLLIN)?;
        // Edge-triggered: an expiration is reported once and need not be read.
        epoll.add(epoll.timer.as_fd(), TIMER, libc::EPOLLIN | libc::EPOLLET)?;
        Ok(epoll)
    }

    /// Adds a descriptor, until it is closed.
    pub(super) fn watch(&self, fd: BorrowedFd<'_>) -> io::Result<()> {
        self.add(fd, WATCHED, libc::EPOLLIN)
    }

    fn add(&self, fd: BorrowedFd<'_>, data: u64, events: libc::c_int) -> io::Result<()> {
        let mut event = libc::epoll_event { events: events as u32, u64: data };
        let (epoll, fd) = (self.epoll.as_raw_fd(), fd.as_raw_fd());
        // SAFETY: both descriptors are open, and the kernel reads one event, to which it gets a pointer.
        check(unsafe { libc::epoll_ctl(epoll, libc::EPOLL_CTL_ADD, fd, &mut event) })
    }

    /// Sleeps until a descriptor is ready or the timeout has passed. Returns the interface's events (`EPOLLIN` and
    /// others).
    pub(super) fn wait(&mut self, timeout: Option<Duration>) -> io::Result<libc::c_int> {
        if timeout == Some(Duration::ZERO) {
            return Ok(self.epoll_wait(0)?.tun);
        }
        // A timeout beyond the clock's range is none.
        let latest = timeout.and_then(|timeout| Instant::now().checked_add(timeout.into()));
        loop {
            if let Some(latest) = latest {
                self.timer.arm(latest)?;
            }
            let ready = self.epoll_wait(-1)?;
            let is_over = || latest.is_some_and(|latest| latest <= Instant::now());
            if ready.tun != 0 || ready.watched || is_over() {
                return Ok(ready.tun);
            }
        }
    }

    /// One system call, with a timeout in milliseconds; -1 is no limit.
    fn epoll_wait(&mut self, millis: libc::c_int) -> io::Result<Ready> {
        let mut events = [libc::epoll_event { events: 0, u64: WATCHED }; EVENTS];
        // SAFETY: the kernel writes at most `EVENTS` events, for which there is room.
        let count = unsafe {
            let (to, len) = (events.as_mut_ptr(), EVENTS as libc::c_int);
            libc::epoll_wait(self.epoll.as_raw_fd(), to, len, millis)
        };
        check(count)?;
        let mut ready = Ready::default();
        for event in events.iter().take(count as usize) {
            match event.u64 {
                TUN => ready.tun = event.events as libc::c_int,
                TIMER => self.timer.expired(),
                _ => ready.watched = true,
            }
        }
        Ok(ready)
    }
}

/// The interface's events, and whether a watched descriptor is ready.
#[derive(Default)]
struct Ready {
    tun: libc::c_int,
    watched: bool,
}
