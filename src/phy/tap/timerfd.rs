//! The timer that ends a wait.
#![allow(unsafe_code)]

extern crate std;

use core::{ptr, time::Duration};
use std::{
    io,
    os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd},
    time::Instant,
};

use super::tun::check;

/// Deadlines usually move away with each frame, and to set a timer for each wait costs 1/30 of a round trip. So
/// the timer is not set for a later deadline: it expires early once, and is then set again.
pub(super) struct TimerFd {
    timer: OwnedFd,
    /// The next expiration.
    at: Option<Instant>,
}

impl TimerFd {
    pub(super) fn new() -> io::Result<TimerFd> {
        let flags = libc::TFD_CLOEXEC | libc::TFD_NONBLOCK;
        // SAFETY: no pointers; the descriptor is checked and has no other owner.
        let timer = unsafe {
            let fd = libc::timerfd_create(libc::CLOCK_MONOTONIC, flags);
            check(fd)?;
            OwnedFd::from_raw_fd(fd)
        };
        Ok(TimerFd { timer, at: None })
    }

    /// Makes the timer expire at `latest` or before.
    pub(super) fn arm(&mut self, latest: Instant) -> io::Result<()> {
        if self.at.is_some_and(|at| at <= latest) {
            return Ok(());
        }
        // Zero would disarm it.
        let left = latest.saturating_duration_since(Instant::now()).max(Duration::from_nanos(1));
        let setting = libc::itimerspec {
            it_interval: libc::timespec { tv_sec: 0, tv_nsec: 0 },
            it_value: libc::timespec {
                tv_sec: libc::time_t::try_from(left.as_secs()).unwrap_or(libc::time_t::MAX),
                tv_nsec: left.subsec_nanos() as _,
            },
        };
        let timer = self.timer.as_raw_fd();
        // SAFETY: the setting is valid for the call, and the old one is not requested.
        check(unsafe { libc::timerfd_settime(timer, 0, &setting, ptr::null_mut()) })?;
        self.at = Some(latest);
        Ok(())
    }

    /// Notes that the timer has expired.
    pub(super) fn expired(&mut self) {
        self.at = None;
    }
}

impl AsFd for TimerFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.timer.as_fd()
    }
}
