//! A timer that a wait is ended by.
#![allow(unsafe_code)]

extern crate std;

use core::{ptr, time::Duration};
use std::{
    io,
    os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd},
    time::Instant,
};

use super::tun::check;

/// Deadlines mostly move away, with each frame that comes. To start and stop a timer around each wait costs a
/// 30th of a round trip; so this one is left to ring too soon, and then set anew.
pub(super) struct TimerFd {
    timer: OwnedFd,
    /// When it rings next.
    at: Option<Instant>,
}

impl TimerFd {
    pub(super) fn new() -> io::Result<TimerFd> {
        let flags = libc::TFD_CLOEXEC | libc::TFD_NONBLOCK;
        // SAFETY: no pointers; the descriptor is checked and owned by nobody else.
        let timer = unsafe {
            let fd = libc::timerfd_create(libc::CLOCK_MONOTONIC, flags);
            check(fd)?;
            OwnedFd::from_raw_fd(fd)
        };
        Ok(TimerFd { timer, at: None })
    }

    /// Rings at this instant at the latest.
    pub(super) fn ring_by(&mut self, latest: Instant) -> io::Result<()> {
        if self.at.is_some_and(|at| at <= latest) {
            return Ok(());
        }
        // Zero would stop it.
        let left = latest.saturating_duration_since(Instant::now()).max(Duration::from_nanos(1));
        let setting = libc::itimerspec {
            it_interval: libc::timespec { tv_sec: 0, tv_nsec: 0 },
            it_value: libc::timespec {
                tv_sec: libc::time_t::try_from(left.as_secs()).unwrap_or(libc::time_t::MAX),
                tv_nsec: left.subsec_nanos() as _,
            },
        };
        let timer = self.timer.as_raw_fd();
        // SAFETY: the setting lives as long as the call, which asks for no old one.
        check(unsafe { libc::timerfd_settime(timer, 0, &setting, ptr::null_mut()) })?;
        self.at = Some(latest);
        Ok(())
    }

    /// It has rung.
    pub(super) fn rang(&mut self) {
        self.at = None;
    }
}

impl AsFd for TimerFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.timer.as_fd()
    }
}
