//! Connections in the node: from the SYN, or from `connect`, until the slot is free.

use core::mem;

use smoltcp::iface::PollResult;
use smoltcp::phy::Device;
use smoltcp::socket::tcp::State;
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::IpAddress;

use super::{ListenError, Node, earlier};
use crate::config::Listener;
use crate::event::{CloseReason, Event, Sink};
use crate::phy::seq_tracker::SeqTracker;
use crate::pool::index::SlotState;

/// Segments that one connection may send before the next has its turn.
const SEGMENTS_PER_TURN: usize = 64;

/// The shortest retransmission timeout (RFC 6298 section 2.4), in smoltcp too. A socket whose last segment
/// carried all its data is not due sooner, and is asked for the exact time then.
const SOONEST_RETRANSMISSION: Duration = Duration::from_secs(1);

/// How long a deadline waits while frames come.
const POSTPONEMENT: Duration = Duration::from_millis(1);

impl<'a> Node<'a> {
    /// Listens on a port: `bind` and `listen` in one call.
    ///
    /// # Errors
    ///
    /// The port or the backlog is 0, the port already has a listener, or there are 4 listeners already: see
    /// [`ListenError`].
    pub fn listen(&mut self, listener: Listener) -> Result<(), ListenError> {
        if listener.port == 0 {
            return Err(ListenError::Port);
        }
        if listener.backlog == 0 {
            return Err(ListenError::Backlog);
        }
        if self.listener(listener.port).is_some() {
            return Err(ListenError::InUse);
        }
        self.listeners.push(listener).map_err(|_| ListenError::TooMany)
    }

    /// Stops accepting, and closes every connection once the bytes that have arrived on it are echoed. Clients
    /// in SYN-SENT still complete their exchange.
    pub fn finish(&mut self, now: Instant) {
        self.listeners.clear();
        for slot in 0..self.pool.len() {
            let state = self.pool.state(slot);
            if state.is_handshake() || state.is_open() {
                self.pool.slot(slot).finish();
                self.pool.schedule(slot, Some(now));
            }
        }
    }

    /// Stops accepting and resets every connection.
    pub fn abort<D: Device + ?Sized>(
        &mut self,
        now: Instant,
        device: &mut D,
        mut on_event: impl FnMut(Event<'_>),
    ) {
        self.listeners.clear();
        for slot in 0..self.pool.len() {
            let state = self.pool.state(slot);
            if state.is_handshake() {
                self.forget(slot, CloseReason::HandshakeDropped, &mut on_event);
            } else if state.is_open() {
                self.reset(slot, CloseReason::Aborted, now, &mut on_event);
                self.service_slot(slot, now, device, &mut on_event);
            }
        }
    }

    /// Moves a connection on, sends what it has to send, and sets its next deadline.
    pub(super) fn service_slot<D: Device + ?Sized>(
        &mut self,
        slot: usize,
        now: Instant,
        device: &mut D,
        on_event: &mut impl Sink,
    ) {
        let connection = self.pool.slot(slot);
        let progress = connection.advance(self.scratch, now, &mut self.stats, on_event);
        if progress.has_new_state {
            self.pool.update(slot);
        }
        let socket_at = self.transmit_on_path(slot, progress.has_more, now, device);
        let connection = self.pool.slot(slot);
        if connection.is_over() {
            self.pool.release(slot);
            return;
        }
        let slot_at = connection.deadline(&self.timeouts).map(|(at, _)| at);
        if self.evict_idle && connection.progressed_at() == now {
            self.pool.refresh(slot);
        }
        self.pool.schedule(slot, earlier(slot_at, socket_at));
    }

    /// Sends what the connection has to send by now. `has_more` says that it has something; otherwise its
    /// socket is asked. Returns when it will have more.
    pub(super) fn transmit<D: Device + ?Sized>(
        &mut self,
        slot: usize,
        mut has_more: bool,
        now: Instant,
        device: &mut D,
    ) -> Option<Instant> {
        let connection = self.pool.slot(slot);
        let mut is_waiting = false;
        for _ in 0..SEGMENTS_PER_TURN {
            let (sockets, seq) = connection.parts();
            if !mem::take(&mut has_more) {
                let at = self.iface.poll_at(now, sockets)?;
                if at > now {
                    return Some(at);
                }
            }
            let mut tracker = SeqTracker::new(device, seq);
            if self.iface.poll_egress(now, &mut tracker, sockets) == PollResult::None {
                is_waiting = tracker.is_used();
                break;
            }
            if connection.has_sent_all() {
                return Some(now + SOONEST_RETRANSMISSION);
            }
            // This state sends one ACK at most. smoltcp does not stop its zero-window probes when the FIN
            // behind them is acknowledged, and would send that ACK without end.
            if connection.socket().state() == State::FinWait2 {
                let (sockets, _) = connection.parts();
                return self.iface.poll_at(now, sockets).filter(|at| *at > now);
            }
        }
        let (sockets, _) = connection.parts();
        // smoltcp's "now" is an instant in the past; as such it would sort before every other slot's
        // deadline, and one busy connection could starve the rest.
        let at = self.iface.poll_at(now, sockets).map(|at| at.max(now));
        if is_waiting {
            let remote = connection.tuple().remote.addr;
            self.pool.wait_for(slot, &self.next_hop(remote));
        }
        at
    }

    /// The neighbour that a packet to this address goes to.
    fn next_hop(&self, remote: IpAddress) -> IpAddress {
        let routes = self.iface.routes();
        let router = match remote {
            _ if self.iface.ip_addrs().iter().any(|own| own.contains_addr(&remote)) => None,
            IpAddress::Ipv4(_) => routes.get_default_ipv4_route(),
            #[cfg(feature = "proto-ipv6")]
            IpAddress::Ipv6(_) => routes.get_default_ipv6_route(),
        };
        router.map_or(remote, |route| route.via_router)
    }

    /// Ends a connection whose state has timed out, if `is_current`: no older frame waits in the device.
    /// Returns whether the slot is still in use.
    pub(super) fn keep_deadline(
        &mut self,
        slot: usize,
        is_current: bool,
        now: Instant,
        on_event: &mut impl Sink,
    ) -> bool {
        let deadline = self.pool.slot(slot).deadline(&self.timeouts);
        if let Some((_, reason)) = deadline.filter(|(at, _)| is_current && *at <= now) {
            let state = self.pool.state(slot);
            if state.is_open() {
                self.reset(slot, reason, now, on_event);
            } else if state.is_handshake() {
                self.forget(slot, reason, on_event);
            } else {
                self.pool.release(slot);
            }
        }
        self.pool.state(slot) != SlotState::Free
    }

    /// Schedules a slot whose deadline has passed, and was not kept, again.
    pub(super) fn postpone_deadline(&mut self, slot: usize, now: Instant) {
        let deadline = self.pool.slot(slot).deadline(&self.timeouts);
        if self.pool.state(slot) != SlotState::Free && deadline.is_some_and(|(at, _)| at <= now) {
            self.pool.schedule(slot, Some(now + POSTPONEMENT));
        }
    }

    /// Ends a handshake or a connection without a segment: the peer may never have been there.
    pub(super) fn forget(&mut self, slot: usize, reason: CloseReason, on_event: &mut impl Sink) {
        self.pool.slot(slot).report_closed(reason, &mut self.stats, on_event);
        self.pool.release(slot);
    }

    /// Resets a connection. The RST leaves with the slot's next egress, which is due at once.
    pub(super) fn reset(
        &mut self,
        slot: usize,
        reason: CloseReason,
        now: Instant,
        on_event: &mut impl Sink,
    ) {
        let connection = self.pool.slot(slot);
        connection.report_closed(reason, &mut self.stats, on_event);
        connection.abort(now);
        self.pool.update(slot);
        self.pool.schedule(slot, Some(now));
    }

    /// Frees a slot whose connection has ended.
    pub(super) fn free_slot(&mut self, slot: usize) {
        match self.pool.state(slot) {
            SlotState::Free => return,
            SlotState::TimeWait => self.stats.recycled += 1,
            _ => {}
        }
        self.pool.release(slot);
    }

    /// The node has lost an address. Its connections end in silence: an RST could only come from an
    /// address that is no longer this node's.
    pub(super) fn end_connections_of(&mut self, address: IpAddress, on_event: &mut impl Sink) {
        for slot in 0..self.pool.len() {
            if self.pool.slot(slot).tuple().local.addr != address {
                continue;
            }
            let state = self.pool.state(slot);
            if state.is_handshake() {
                self.forget(slot, CloseReason::HandshakeDropped, on_event);
            } else if state.is_open() {
                self.forget(slot, CloseReason::AddressLost, on_event);
            } else {
                self.pool.release(slot);
            }
        }
    }

    /// The listener of this port, with its number.
    pub(super) fn listener(&self, port: u16) -> Option<(u8, Listener)> {
        let numbered = (0..).zip(self.listeners.iter().copied());
        numbered.into_iter().find(|(_, listener)| listener.port == port)
    }
}
