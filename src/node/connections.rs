//! The life of a connection in the node: from the SYN, or from `connect`, until its slot is free.

use core::mem;

use smoltcp::iface::PollResult;
use smoltcp::phy::Device;
use smoltcp::socket::tcp::State;
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{IpAddress, IpEndpoint};

use super::{ConnectError, ListenError, Node, earlier};
use crate::client::tcp::Message;
use crate::config::Listener;
use crate::event::{CloseReason, Event, Sink, Tuple};
use crate::phy::seq_tracker::SeqTracker;
use crate::pool::age_lists::SlotState;

/// Segments that one connection may send before the next has its turn.
const SEGMENTS_PER_TURN: usize = 64;

/// RFC 6298 section 2.4, which smoltcp keeps to. A socket whose last segment had all that it has to send
/// is due then at the soonest and need not be asked when; at that time it is.
const SOONEST_RETRANSMISSION: Duration = Duration::from_secs(1);

impl<'a> Node<'a> {
    /// `bind` and `listen`: from now on connections to this port are accepted and served.
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

    /// `connect`, and then send, recv, verify, close, as the polls go by. Events tell how it goes.
    pub fn connect(
        &mut self,
        remote: IpEndpoint,
        message: Message<'a>,
        now: Instant,
    ) -> Result<Tuple, ConnectError> {
        let local = self.source_for(remote)?;
        let slot = self.pool.vacant(now).ok_or(ConnectError::NoSlot)?;
        let tuple = self.unused_tuple(local, remote).ok_or(ConnectError::NoPort)?;

        self.free_slot(slot);
        let context = self.iface.context();
        self.pool
            .slot(slot)
            .connect(tuple, message, self.keep_alive, now, |socket| {
                socket.connect(context, tuple.remote, tuple.local).is_ok()
            })
            .then(|| {
                self.pool.enter(slot, &tuple);
                self.pool.schedule(slot, Some(now));
                tuple
            })
            .ok_or(ConnectError::Unaddressable)
    }

    /// Stops accepting and closes every connection once what has arrived on it is echoed. A client whose
    /// handshake is under way still has its say.
    pub fn finish(&mut self, now: Instant) {
        self.listeners.clear();
        for slot in 0..self.pool.len() {
            if matches!(self.pool.standing(slot), SlotState::HalfOpen | SlotState::Open) {
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
            match self.pool.standing(slot) {
                SlotState::HalfOpen => {
                    self.drop_handshake(slot, CloseReason::HandshakeDropped, &mut on_event);
                }
                SlotState::Open => {
                    self.reset(slot, CloseReason::Aborted, now, &mut on_event);
                    self.service_slot(slot, now, device, &mut on_event);
                }
                SlotState::Free | SlotState::TimeWait | SlotState::Leaving => {}
            }
        }
    }

    /// Lets a connection's flow move bytes, sends what comes of it, and sets its next deadline.
    pub(super) fn service_slot<D: Device + ?Sized>(
        &mut self,
        slot: usize,
        now: Instant,
        device: &mut D,
        on_event: &mut impl Sink,
    ) {
        if self.pool.slot(slot).has_opened(now) {
            self.on_established(slot, on_event);
        }
        let connection = self.pool.slot(slot);
        let (has_more, reason) = connection.serve(self.scratch, now, &mut self.stats, on_event);
        if let Some(reason) = reason {
            self.on_closed(slot, reason, on_event);
        }
        let socket_at = self.transmit(slot, has_more, now, device);
        let connection = self.pool.slot(slot);
        if connection.is_over() {
            self.pool.release(slot);
            return;
        }
        let slot_at = connection.deadline(&self.timeouts).map(|(at, _)| at);
        if self.evict_idle && connection.progressed_at(now) {
            self.pool.refresh(slot);
        }
        self.pool.schedule(slot, earlier(slot_at, socket_at));
    }

    /// Sends what the connection has to send by now; `has_more` says that it has, which else its socket is
    /// asked. Says when it will have more.
    fn transmit<D: Device + ?Sized>(
        &mut self,
        slot: usize,
        mut has_more: bool,
        now: Instant,
        device: &mut D,
    ) -> Option<Instant> {
        let connection = self.pool.slot(slot);
        for _ in 0..SEGMENTS_PER_TURN {
            let (sockets, said) = connection.parts();
            if !mem::take(&mut has_more) {
                let at = self.iface.poll_at(now, sockets)?;
                if at > now {
                    return Some(at);
                }
            }
            let mut tracker = SeqTracker::new(device, said);
            if self.iface.poll_egress(now, &mut tracker, sockets) == PollResult::None {
                break;
            }
            if connection.has_sent_all() {
                return Some(now + SOONEST_RETRANSMISSION);
            }
            // One ACK is all that this state can have to say. smoltcp does not stop the probes of a shut
            // window when the FIN behind them is acknowledged, and sends that ACK without end.
            if connection.socket().state() == State::FinWait2 {
                let (sockets, _) = connection.parts();
                return self.iface.poll_at(now, sockets).filter(|at| *at > now);
            }
        }
        let (sockets, _) = connection.parts();
        // What smoltcp calls "now" is an instant in the past; as such it would stand before every
        // other slot's deadline, and one busy connection could starve the rest.
        self.iface.poll_at(now, sockets).map(|at| at.max(now))
    }

    /// A handshake is complete.
    fn on_established(&mut self, slot: usize, on_event: &mut impl Sink) {
        self.pool.stand(slot, SlotState::Open);
        let tuple = *self.pool.slot(slot).tuple();
        if self.pool.slot(slot).is_served(None) {
            self.stats.accepted += 1;
            on_event(Event::Accepted { tuple });
        } else {
            self.stats.connected += 1;
            on_event(Event::Connected { tuple });
        }
    }

    /// A connection has ended.
    fn on_closed(&mut self, slot: usize, reason: CloseReason, on_event: &mut impl Sink) {
        let standing = match self.pool.slot(slot).state() {
            State::TimeWait => SlotState::TimeWait,
            _ => SlotState::Leaving,
        };
        self.report(slot, reason, on_event);
        self.pool.stand(slot, standing);
    }

    /// Ends what has lasted too long. Says whether the slot is still taken.
    pub(super) fn keep_deadline(
        &mut self,
        slot: usize,
        now: Instant,
        on_event: &mut impl Sink,
    ) -> bool {
        let deadline = self.pool.slot(slot).deadline(&self.timeouts);
        if let Some((_, reason)) = deadline.filter(|(at, _)| *at <= now) {
            match self.pool.standing(slot) {
                SlotState::Free => {}
                SlotState::HalfOpen => self.drop_handshake(slot, reason, on_event),
                SlotState::Open => self.reset(slot, reason, now, on_event),
                SlotState::TimeWait | SlotState::Leaving => self.pool.release(slot),
            }
        }
        self.pool.standing(slot) != SlotState::Free
    }

    /// Forgets a handshake. Nothing is sent: the peer may never have been there.
    pub(super) fn drop_handshake(
        &mut self,
        slot: usize,
        reason: CloseReason,
        on_event: &mut impl Sink,
    ) {
        self.report(slot, reason, on_event);
        self.pool.release(slot);
    }

    /// Ends a connection; the reset leaves with the slot's next egress, and before it is free.
    pub(super) fn reset(
        &mut self,
        slot: usize,
        reason: CloseReason,
        now: Instant,
        on_event: &mut impl Sink,
    ) {
        self.report(slot, reason, on_event);
        self.pool.slot(slot).abort(now);
        self.pool.stand(slot, SlotState::Leaving);
    }

    /// Makes a slot free whose connection is over.
    pub(super) fn free_slot(&mut self, slot: usize) {
        match self.pool.standing(slot) {
            SlotState::Free => return,
            SlotState::TimeWait => self.stats.recycled += 1,
            _ => {}
        }
        self.pool.release(slot);
    }

    fn report(&mut self, slot: usize, reason: CloseReason, on_event: &mut impl Sink) {
        self.stats.count_closed(reason);
        let connection = self.pool.slot(slot);
        let (received, sent) = connection.bytes();
        on_event(Event::Closed { tuple: *connection.tuple(), reason, received, sent });
    }

    /// The node has lost an address. Its connections end without a word: a reset could only come from
    /// an address that is no longer ours.
    pub(super) fn end_connections_of(&mut self, address: IpAddress, on_event: &mut impl Sink) {
        for slot in 0..self.pool.len() {
            if self.pool.slot(slot).tuple().local.addr != address {
                continue;
            }
            match self.pool.standing(slot) {
                SlotState::Free => {}
                SlotState::HalfOpen => {
                    self.drop_handshake(slot, CloseReason::HandshakeDropped, on_event)
                }
                SlotState::Open => {
                    self.report(slot, CloseReason::AddressLost, on_event);
                    self.pool.release(slot);
                }
                SlotState::TimeWait | SlotState::Leaving => self.pool.release(slot),
            }
        }
    }

    pub(super) fn listener(&self, port: u16) -> Option<&Listener> {
        self.listeners.iter().find(|listener| listener.port == port)
    }

    /// Our address towards a peer.
    pub(super) fn source_for(&self, remote: IpEndpoint) -> Result<IpAddress, ConnectError> {
        let own = self.own();
        if remote.port == 0 || !own.is_possible_peer(&remote.addr, &remote.addr) {
            return Err(ConnectError::Unaddressable);
        }
        let local = self.iface.get_source_address(&remote.addr);
        local.filter(|local| own.has(local)).ok_or(ConnectError::NoAddress)
    }

    /// A random port of ours (RFC 6056) that is not in use, with any peer or with this one.
    pub(super) fn unused_tuple(&mut self, local: IpAddress, remote: IpEndpoint) -> Option<Tuple> {
        const TRIES: usize = 32;
        for _ in 0..TRIES {
            let port = self.random.port();
            let tuple = Tuple { local: IpEndpoint::new(local, port), remote };
            let in_use = self.listener(port).is_some() || self.is_bound(port);
            if !in_use && self.pool.find(&tuple).is_none() {
                return Some(tuple);
            }
        }
        None
    }
}
