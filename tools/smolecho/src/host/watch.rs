//! The state of the link, read again only when rtnetlink reports a change.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use netlink_sys::Socket;
use smolecho::phy::tap::Tap;

use super::netlink::subscribe;
use crate::fault::Fault;

/// Changes of links: `RTMGRP_LINK` of `man 7 rtnetlink`.
const LINK_CHANGES: u32 = 1;

pub(crate) struct LinkWatch {
    news: Socket,
    up: bool,
}

impl LinkWatch {
    /// Watches the links of the caller's network namespace.
    pub(crate) fn open(tap: &Tap) -> Result<LinkWatch, Fault> {
        let open = || {
            let news = subscribe(LINK_CHANGES)?;
            news.set_non_blocking(true)?;
            Ok(LinkWatch { news, up: tap.is_up()? })
        };
        open().map_err(|error: io::Error| {
            Fault::machine(format!("cannot watch {}: {error}; see ip link show", tap.name()))
        })
    }

    pub(crate) fn is_up(&self) -> bool {
        self.up
    }

    /// The new state, if it changed. Costs one system call without a notification.
    pub(crate) fn changed(&mut self, tap: &Tap) -> Option<bool> {
        let mut news = false;
        while self.news.recv_from_full().is_ok() {
            news = true;
        }
        // If the interface was removed, waiting for it reports that.
        let up = if news { tap.is_up().ok()? } else { self.up };
        (std::mem::replace(&mut self.up, up) != up).then_some(up)
    }
}

impl AsFd for LinkWatch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.news.as_fd()
    }
}
