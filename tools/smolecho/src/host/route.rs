//! Waits until an IPv6 address of the host works.

use std::io;
use std::net::Ipv6Addr;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use netlink_packet_core::NetlinkPayload;
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::route::{RouteAddress, RouteAttribute, RouteType};
use netlink_sys::Socket;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::netlink::{messages, subscribe};

/// Changes of IPv6 routes: `RTMGRP_IPV6_ROUTE` of `linux/rtnetlink.h`.
const IPV6_ROUTES: u32 = 0x400;

/// It takes less than 1 ms. If the notification is missed, the address works anyway.
const PATIENCE: Duration = Duration::from_secs(1);

/// The kernel acknowledges an IPv6 address before it is usable: that is when its local route appears. Until
/// then packets for it are dropped, and a link that goes down meanwhile leaves the address unusable.
pub(super) struct RouteNews {
    socket: Socket,
}

impl RouteNews {
    /// Subscribes to changes of routes.
    pub(super) fn open() -> io::Result<RouteNews> {
        subscribe(IPV6_ROUTES).map(|socket| RouteNews { socket })
    }

    /// Waits for the local route of `address`.
    pub(super) fn wait_for(&mut self, address: Ipv6Addr) {
        let end = Instant::now() + PATIENCE;
        loop {
            let left = PollTimeout::try_from(end.saturating_duration_since(Instant::now()))
                .unwrap_or(PollTimeout::ZERO);
            let mut fds = [PollFd::new(self.socket.as_fd(), PollFlags::POLLIN)];
            if !matches!(poll(&mut fds, left), Ok(1..)) {
                return;
            }
            let Ok((bytes, _)) = self.socket.recv_from_full() else { return };
            if is_local_route(&bytes, address) {
                return;
            }
        }
    }
}

fn is_local_route(bytes: &[u8], address: Ipv6Addr) -> bool {
    let to = RouteAttribute::Destination(RouteAddress::Inet6(address));
    messages(bytes).flatten().any(|message| match message.payload {
        NetlinkPayload::InnerMessage(RouteNetlinkMessage::NewRoute(route)) => {
            route.header.kind == RouteType::Local && route.attributes.contains(&to)
        }
        _ => false,
    })
}
