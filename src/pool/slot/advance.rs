//! One step of a connection: it opens, bytes move, it closes, and each is told once.

use core::mem;

use smoltcp::socket::tcp::{Socket, State};
use smoltcp::time::Instant;

use super::{Slot, SlotRole};
use crate::client::tcp::Outcome;
use crate::event::{CloseReason, Event, Protocol, Sink, Stats};

/// The outcome of one step.
pub(crate) struct Progress {
    /// There is more to send now.
    pub(crate) has_more: bool,
    pub(crate) has_new_state: bool,
}

impl<'a> Slot<'a> {
    /// Moves the connection on as far as its buffers allow, and tells what happened: opened, received,
    /// sent, closed. A reset of this node must not have left before.
    pub(crate) fn advance(
        &mut self,
        scratch: &mut [u8],
        now: Instant,
        stats: &mut Stats,
        on_event: &mut impl Sink,
    ) -> Progress {
        let was = self.state;
        if is_handshake(was) && !is_handshake(self.socket().state()) {
            self.open(now, stats, on_event);
        }
        let has_more = self.exchange(scratch, now, stats, on_event);
        if self.socket().state() != self.state
            && let Some(reason) = self.close(now)
        {
            self.report_closed(reason, stats, on_event);
        }
        Progress { has_more, has_new_state: self.state != was }
    }

    /// The transition to ESTABLISHED, once for each connection.
    fn open(&mut self, now: Instant, stats: &mut Stats, on_event: &mut impl Sink) {
        self.state = State::Established;
        self.progressed_at = now;
        if let SlotRole::Serve(..) = self.role {
            stats.accepted += 1;
            on_event(Event::Accepted { tuple: self.tuple });
        } else {
            stats.connected += 1;
            on_event(Event::Connected { tuple: self.tuple });
        }
    }

    /// Lets the service or the client move bytes.
    fn exchange(
        &mut self,
        scratch: &mut [u8],
        now: Instant,
        stats: &mut Stats,
        on_event: &mut impl Sink,
    ) -> bool {
        let tuple = &self.tuple;
        let socket = self.sockets.get_mut::<Socket<'a>>(self.handle);
        let acked = self.unacked.saturating_sub(socket.send_queue());
        if let Some(seq) = self.seq.as_mut().filter(|_| acked > 0) {
            seq.snd_una += acked;
        }
        let mut received = 0;
        let on_data = |data: &[u8]| {
            received += data.len();
            on_event(Event::Received { protocol: Protocol::Tcp, tuple: *tuple, data });
        };
        let sent = match &mut self.role {
            SlotRole::Free => 0,
            SlotRole::Serve(session, _) => {
                session.set_peer_window(self.seq.as_ref().map_or(0, |seq| seq.snd_wnd as usize));
                session.serve(socket, scratch, on_data)
            }
            SlotRole::Connect(exchange) => {
                let before = exchange.sent();
                exchange.serve(socket, scratch, on_data);
                (exchange.sent() - before) as usize
            }
        };
        if sent > 0 {
            on_event(Event::Sent { protocol: Protocol::Tcp, tuple: *tuple, bytes: sent });
        }
        self.unacked = socket.send_queue();
        if acked > 0 || received > 0 || sent > 0 {
            self.progressed_at = now;
        }
        self.received += received as u64;
        self.sent += sent as u64;
        stats.bytes_received += received as u64;
        stats.bytes_sent += sent as u64;
        sent > 0
    }

    /// Follows the socket's state. Returns how the connection has closed, once. Its TIME-WAIT, or an RST
    /// that has to leave, may still hold the slot.
    fn close(&mut self, now: Instant) -> Option<CloseReason> {
        let state = self.socket().state();
        let was = mem::replace(&mut self.state, state);
        self.progressed_at = now;
        // smoltcp forgets the peer when a connection has ended, but not while an RST is to leave.
        let reset_by_us = self.socket().remote_endpoint().is_some();
        let (unread, unacked) = (self.socket().recv_queue() > 0, self.socket().send_queue() > 0);
        match (was, state) {
            (State::Listen | State::TimeWait, _) => None,
            (State::SynReceived, State::Listen | State::Closed) => {
                Some(CloseReason::HandshakeReset)
            }
            (State::SynSent, State::Closed) => Some(CloseReason::ConnectRefused),
            (_, State::TimeWait) if unread => Some(self.outcome(CloseReason::Unread)),
            (_, State::TimeWait) => Some(self.outcome(CloseReason::Finished)),
            (_, State::Closed) if reset_by_us => Some(self.outcome(CloseReason::Unread)),
            (State::LastAck, State::Closed) if !unacked => {
                Some(self.outcome(CloseReason::Finished))
            }
            (_, State::Closed) => Some(CloseReason::Reset),
            _ => None,
        }
    }

    /// The client knows better than its socket how the connection ended.
    fn outcome(&self, reason: CloseReason) -> CloseReason {
        match &self.role {
            SlotRole::Free | SlotRole::Serve(..) => reason,
            SlotRole::Connect(exchange) => match exchange.outcome() {
                Outcome::Verified => CloseReason::Finished,
                Outcome::Mismatch => CloseReason::Mismatch,
                Outcome::Short | Outcome::Pending => CloseReason::Short,
            },
        }
    }

    /// Counts and reports the end of the connection, or of the attempt.
    pub(crate) fn report_closed(
        &self,
        reason: CloseReason,
        stats: &mut Stats,
        on_event: &mut impl Sink,
    ) {
        stats.count_closed(reason);
        let Slot { tuple, received, sent, .. } = *self;
        on_event(Event::Closed { tuple, reason, received, sent });
    }
}

/// Before ESTABLISHED. CLOSED is among them: a socket that is about to connect or listen.
fn is_handshake(state: State) -> bool {
    matches!(state, State::Closed | State::Listen | State::SynSent | State::SynReceived)
}
