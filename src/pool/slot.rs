//! One slot: a socket set of one socket, what is done with it, and how long that may take.

use core::mem;

use smoltcp::iface::{SocketHandle, SocketSet, SocketStorage};
use smoltcp::socket::tcp::{Socket, SocketBuffer, State};
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{IpAddress, IpEndpoint};

use crate::client::tcp::{Message, Outcome, TcpExchange};
use crate::config::{TcpService, Timeouts};
use crate::event::{CloseReason, Event, Protocol, Sink, Stats, Tuple};
use crate::phy::seq_tracker::SeqState;
use crate::rate::{Rate, TokenBucket};
use crate::server::tcp::Session;

/// How long a reset may wait for a neighbour's address or a transmit buffer before it is given up.
const RESET_PENDING: Duration = Duration::from_secs(1);

/// RFC 5961 section 7: challenges are few, whatever provokes them; 10 in 5 s. Each connection has its own
/// limit, for with a common one whoever uses it up on a connection of his own learns from what is missing
/// there what he hit elsewhere.
const CHALLENGES: Rate = Rate { per_second: 2, burst: 10 };

/// Room for one connection.
pub struct Slot<'a> {
    sockets: SocketSet<'a>,
    handle: SocketHandle,
    tuple: Tuple,
    task: SlotRole<'a>,
    /// The socket's state when it was last looked at.
    state: State,
    /// When the connection last got on: a byte moved, or a state changed.
    since: Instant,
    /// Bytes that waited for the peer's acknowledgement at that time.
    unacked: usize,
    received: u64,
    sent: u64,
    said: Option<SeqState>,
    challenges: TokenBucket,
}

#[derive(Clone, Copy)]
enum SlotRole<'a> {
    Serve(Session),
    Talk(TcpExchange<'a>),
}

const NOBODY: Tuple = Tuple { local: ANY, remote: ANY };
const ANY: IpEndpoint = IpEndpoint { addr: IpAddress::v4(0, 0, 0, 0), port: 0 };

impl<'a> Slot<'a> {
    /// A slot over caller-owned memory: one [`SocketStorage`] and the two buffers.
    ///
    /// # Panics
    /// If `storage` is empty.
    pub fn new(storage: &'a mut [SocketStorage<'a>], rx: &'a mut [u8], tx: &'a mut [u8]) -> Self {
        let mut sockets = SocketSet::new(storage);
        let handle = sockets.add(Socket::new(SocketBuffer::new(rx), SocketBuffer::new(tx)));
        Slot {
            sockets,
            handle,
            tuple: NOBODY,
            task: SlotRole::Serve(Session::new(TcpService::Stream)),
            state: State::Closed,
            since: Instant::ZERO,
            unacked: 0,
            received: 0,
            sent: 0,
            said: None,
            challenges: TokenBucket::FULL,
        }
    }

    /// The socket set, and where what it sends is remembered.
    pub(crate) fn parts(&mut self) -> (&mut SocketSet<'a>, &mut Option<SeqState>) {
        (&mut self.sockets, &mut self.said)
    }

    /// Remembers what smoltcp answered at once.
    pub(crate) fn remember(&mut self, said: Option<SeqState>) {
        SeqState::learn(&mut self.said, said);
    }

    /// Where the connection stands, by the last segment of ours.
    pub(crate) fn said(&self) -> Option<SeqState> {
        self.said
    }

    /// The same for whoever is to be challenged, unless that was done too often.
    pub(crate) fn challenge(&mut self, now: Instant) -> Option<SeqState> {
        let said = self.said?;
        self.challenges.take(CHALLENGES, now).then_some(said)
    }

    pub(crate) fn socket(&self) -> &Socket<'a> {
        self.sockets.get(self.handle)
    }

    pub(crate) fn socket_mut(&mut self) -> &mut Socket<'a> {
        self.sockets.get_mut(self.handle)
    }

    pub(crate) fn tuple(&self) -> &Tuple {
        &self.tuple
    }

    pub(crate) fn state(&self) -> State {
        self.state
    }

    pub(crate) fn bytes(&self) -> (u64, u64) {
        (self.received, self.sent)
    }

    /// Whether one of our listeners serves it: the one of this port, or any.
    pub(crate) fn is_served(&self, port: Option<u16>) -> bool {
        matches!(self.task, SlotRole::Serve(_))
            && port.is_none_or(|port| port == self.tuple.local.port)
    }

    /// Waits for the SYN that is about to be delivered.
    pub(crate) fn listen(
        &mut self,
        tuple: Tuple,
        service: TcpService,
        keep_alive: Option<Duration>,
        now: Instant,
    ) {
        self.begin(tuple, SlotRole::Serve(Session::new(service)), keep_alive, now);
        // Fails only for port 0 or an open socket, and this one is as new.
        let _ = self.socket_mut().listen(tuple.local.port);
        self.state = State::Listen;
    }

    /// The next egress sends our SYN.
    pub(crate) fn connect(
        &mut self,
        tuple: Tuple,
        message: Message<'a>,
        keep_alive: Option<Duration>,
        now: Instant,
        connect: impl FnOnce(&mut Socket<'a>) -> bool,
    ) -> bool {
        self.begin(tuple, SlotRole::Talk(TcpExchange::new(message)), keep_alive, now);
        let connecting = connect(self.socket_mut());
        self.state = self.socket().state();
        connecting
    }

    fn begin(
        &mut self,
        tuple: Tuple,
        task: SlotRole<'a>,
        keep_alive: Option<Duration>,
        now: Instant,
    ) {
        self.clear();
        // Before the handshake: set later, smoltcp would send the first one at once.
        self.socket_mut().set_keep_alive(keep_alive);
        self.tuple = tuple;
        self.task = task;
        self.since = now;
    }

    /// Back to nothing, silently, with every option of the socket as new: smoltcp's own reset keeps
    /// the congestion window and the timestamp generator of the last connection.
    fn clear(&mut self) {
        // A new place in the set: the old one may still wait for the last peer's hardware address.
        let socket = self.sockets.remove(self.handle);
        self.handle = self.sockets.add(socket);
        let socket = self.socket_mut();
        socket.abort();
        // `listen` is what forgets the peer without a reset; the port does not matter.
        let _ = socket.listen(1);
        socket.close();
        socket.set_congestion_control(socket.congestion_control());
        socket.set_tsval_generator(None);
        socket.set_timeout(None);
        socket.set_keep_alive(None);
        socket.set_hop_limit(None);
        // An echo gains nothing by waiting for more to send: both cost latency only.
        socket.set_nagle_enabled(false);
        socket.set_ack_delay(None);
        self.tuple = NOBODY;
        self.state = State::Closed;
        self.unacked = 0;
        self.received = 0;
        self.sent = 0;
        self.said = None;
        self.challenges = TokenBucket::FULL;
    }

    /// Lets the flow move bytes, and notes whether the connection got on. Says whether there is more to
    /// send now, and how the connection has ended, if it has. To be called before a reset of ours leaves.
    pub(crate) fn serve(
        &mut self,
        scratch: &mut [u8],
        now: Instant,
        stats: &mut Stats,
        on_event: &mut impl Sink,
    ) -> (bool, Option<CloseReason>) {
        let tuple = &self.tuple;
        let socket = self.sockets.get_mut::<Socket<'a>>(self.handle);
        let acked = socket.send_queue() < self.unacked;
        let mut received = 0;
        let on_data = |data: &[u8]| {
            received += data.len();
            on_event(Event::Received { protocol: Protocol::Tcp, tuple: *tuple, data });
        };
        let sent = match &mut self.task {
            SlotRole::Serve(session) => session.serve(socket, scratch, on_data),
            SlotRole::Talk(exchange) => {
                let before = exchange.sent();
                exchange.serve(socket, scratch, on_data);
                (exchange.sent() - before) as usize
            }
        };
        if sent > 0 {
            on_event(Event::Sent { protocol: Protocol::Tcp, tuple: *tuple, bytes: sent });
        }
        self.unacked = socket.send_queue();
        let state = socket.state();
        if acked || received > 0 || sent > 0 {
            self.since = now;
        }
        self.received += received as u64;
        self.sent += sent as u64;
        stats.bytes_received += received as u64;
        stats.bytes_sent += sent as u64;
        let reason = if state == self.state { None } else { self.enter(state, now) };
        (sent > 0, reason)
    }

    /// Whether the segment that has just left had all data that there is: none of it waits behind the
    /// peer's window, none before it for an acknowledgement, and no FIN for either.
    pub(crate) fn has_sent_all(&self) -> bool {
        let len = self.said.map_or(0, |said| usize::from(said.len));
        let may_send = matches!(self.state, State::Established | State::CloseWait);
        len > 0 && len == self.unacked && may_send
    }

    /// Ends the connection politely: what has arrived is echoed, then our FIN goes out.
    pub(crate) fn finish(&mut self) {
        match &mut self.task {
            SlotRole::Serve(session) => session.finish(),
            // A handshake of ours has nothing to close yet.
            SlotRole::Talk(_) if self.state == State::SynSent => {}
            SlotRole::Talk(_) => self.socket_mut().close(),
        }
    }

    /// Ends the connection with a reset, which the next egress sends.
    pub(crate) fn abort(&mut self, now: Instant) {
        self.socket_mut().abort();
        self.state = State::Closed;
        self.since = now;
    }

    /// Whether the handshake is complete, said once.
    pub(crate) fn has_opened(&mut self, now: Instant) -> bool {
        let is_handshake = |state| {
            matches!(state, State::Listen | State::SynReceived | State::SynSent | State::Closed)
        };
        if !is_handshake(self.state) || is_handshake(self.socket().state()) {
            return false;
        }
        self.state = State::Established;
        self.since = now;
        true
    }

    /// The socket is in another state: how the connection has ended thereby, said once. Its TIME-WAIT, or
    /// our reset, may still keep the slot.
    fn enter(&mut self, state: State, now: Instant) -> Option<CloseReason> {
        let was = mem::replace(&mut self.state, state);
        self.since = now;
        // smoltcp forgets the peer when a connection has ended, but not while our reset is to leave.
        let reset_by_us = self.socket().remote_endpoint().is_some();
        let (unread, unacked) = (self.socket().recv_queue() > 0, self.socket().send_queue() > 0);
        match (was, state) {
            (State::Listen | State::TimeWait, _) => None,
            (State::SynReceived, State::Listen | State::Closed) => {
                Some(CloseReason::HandshakeReset)
            }
            (State::SynSent, State::Closed) => Some(CloseReason::ConnectRefused),
            (_, State::TimeWait) if unread => Some(self.verdict(CloseReason::Unread)),
            (_, State::TimeWait) => Some(self.verdict(CloseReason::Finished)),
            (_, State::Closed) if reset_by_us => Some(self.verdict(CloseReason::Unread)),
            (State::LastAck, State::Closed) if !unacked => {
                Some(self.verdict(CloseReason::Finished))
            }
            (_, State::Closed) => Some(CloseReason::Reset),
            _ => None,
        }
    }

    /// Whether nothing has happened to it for so long.
    pub(crate) fn is_quiet(&self, time: Duration, now: Instant) -> bool {
        self.since + time <= now
    }

    /// Whether a byte has moved, or a state changed, just now.
    pub(crate) fn progressed_at(&self, now: Instant) -> bool {
        self.since == now
    }

    /// Whether nothing is left of the connection: no TIME-WAIT, no reset that has still to leave.
    pub(crate) fn is_over(&self) -> bool {
        // No egress ends it: the socket has no timeout, and loses its address only with the connection.
        if self.state == State::Established {
            return false;
        }
        let socket = self.socket();
        !socket.is_active() && socket.remote_endpoint().is_none()
    }

    /// A client knows better than its socket how the connection ended.
    fn verdict(&self, reason: CloseReason) -> CloseReason {
        match &self.task {
            SlotRole::Serve(_) => reason,
            SlotRole::Talk(exchange) => match exchange.outcome() {
                Outcome::Verified => CloseReason::Finished,
                Outcome::Mismatch => CloseReason::Mismatch,
                Outcome::Short | Outcome::Pending => CloseReason::Short,
            },
        }
    }

    /// When this state will have lasted too long, and how the connection ends then.
    pub(crate) fn deadline(&self, timeouts: &Timeouts) -> Option<(Instant, CloseReason)> {
        let (limit, reason) = match self.state {
            State::Listen | State::SynReceived | State::SynSent => {
                (timeouts.handshake, CloseReason::HandshakeTimeout)
            }
            State::Established | State::CloseWait if self.unacked == 0 => {
                (timeouts.idle, CloseReason::IdleTimeout)
            }
            State::Established
            | State::CloseWait
            | State::FinWait1
            | State::Closing
            | State::LastAck => (timeouts.stall, CloseReason::StallTimeout),
            State::FinWait2 => (timeouts.fin_wait, CloseReason::FinWaitTimeout),
            State::TimeWait => (timeouts.time_wait, CloseReason::Finished),
            State::Closed => (Some(RESET_PENDING), CloseReason::Aborted),
        };
        Some((self.since + limit?, reason))
    }
}
