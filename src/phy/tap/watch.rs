//! Waiting for an interface, and for whatever else its program waits for.
#![allow(unsafe_code)]

extern crate std;

use core::{ptr, time::Duration as CoreDuration};
use std::{
    io,
    os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd},
};

use smoltcp::time::Duration;

use super::line::{Line, check};

/// What a program waits for: an interface, and other descriptors. The kernel keeps them from one wait to
/// the next; to hand them over each time, as `ppoll` asks, costs more than the wait.
pub(super) struct Watch(OwnedFd);

impl Watch {
    const LINE: u64 = 0;
    const OTHER: u64 = 1;

    /// Descriptors that a wait hears of at once; there may be more.
    const EVENTS: usize = 8;

    pub(super) fn new(line: &Line) -> io::Result<Watch> {
        // SAFETY: no pointers; the descriptor is checked and owned by nobody else.
        let watch = unsafe {
            let fd = libc::epoll_create1(libc::EPOLL_CLOEXEC);
            check(fd)?;
            Watch(OwnedFd::from_raw_fd(fd))
        };
        watch.add(line.as_fd(), Self::LINE)?;
        Ok(watch)
    }

    /// Until it is closed.
    pub(super) fn other(&self, fd: BorrowedFd<'_>) -> io::Result<()> {
        self.add(fd, Self::OTHER)
    }

    fn add(&self, fd: BorrowedFd<'_>, data: u64) -> io::Result<()> {
        let mut event = libc::epoll_event { events: libc::EPOLLIN as u32, u64: data };
        let (watch, fd) = (self.0.as_raw_fd(), fd.as_raw_fd());
        // SAFETY: both are open, and the kernel reads one event, which is what it is given.
        check(unsafe { libc::epoll_ctl(watch, libc::EPOLL_CTL_ADD, fd, &mut event) })
    }

    /// Sleeps until one of them has something, or the time is over. Gives what the interface has, as
    /// `EPOLLIN` and its like.
    pub(super) fn wait(&self, timeout: Option<Duration>) -> io::Result<libc::c_int> {
        let mut events = [libc::epoll_event { events: 0, u64: Self::OTHER }; Self::EVENTS];
        let ready = match self.wait_finely(&mut events, timeout) {
            // Linux before 5.11 counts in milliseconds.
            Err(error) if error.raw_os_error() == Some(libc::ENOSYS) => {
                self.wait_coarsely(&mut events, timeout)?
            }
            ready => ready?,
        };
        let line = events[..ready].iter().find(|event| event.u64 == Self::LINE);
        Ok(line.map_or(0, |event| event.events as libc::c_int))
    }

    fn wait_finely(
        &self,
        events: &mut [libc::epoll_event; Self::EVENTS],
        timeout: Option<Duration>,
    ) -> io::Result<usize> {
        let timeout = timeout.map(|duration| {
            let duration = CoreDuration::from(duration);
            libc::timespec {
                tv_sec: libc::time_t::try_from(duration.as_secs()).unwrap_or(libc::time_t::MAX),
                tv_nsec: duration.subsec_nanos() as _,
            }
        });
        let timeout: *const libc::timespec = timeout.as_ref().map_or(ptr::null(), |t| t);
        let (epoll, mask) = (self.0.as_raw_fd(), ptr::null::<libc::sigset_t>());
        // SAFETY: the events are as many as is said; the timeout is null or points to a live timespec; no
        // signal mask.
        let ready = unsafe {
            let (to, len) = (events.as_mut_ptr(), Self::EVENTS);
            libc::syscall(libc::SYS_epoll_pwait2, epoll, to, len, timeout, mask, 0usize)
        };
        usize::try_from(ready).map_err(|_| io::Error::last_os_error())
    }

    fn wait_coarsely(
        &self,
        events: &mut [libc::epoll_event; Self::EVENTS],
        timeout: Option<Duration>,
    ) -> io::Result<usize> {
        let millis = timeout.map(|duration| duration.total_micros().div_ceil(1000));
        let millis = millis.map_or(-1, |millis| millis.try_into().unwrap_or(libc::c_int::MAX));
        let (to, len) = (events.as_mut_ptr(), Self::EVENTS as libc::c_int);
        // SAFETY: the events are as many as is said.
        let ready = unsafe { libc::epoll_wait(self.0.as_raw_fd(), to, len, millis) };
        usize::try_from(ready).map_err(|_| io::Error::last_os_error())
    }
}
