//! One slot: a socket set of one socket, its role, and how long each state may last.

mod advance;

use smoltcp::iface::{SocketHandle, SocketSet, SocketStorage};
use smoltcp::socket::tcp::{Socket, SocketBuffer, State};
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{IpAddress, IpEndpoint, TcpSeqNumber};

use super::index::SlotState;
use super::recovery::Recovery;
#[cfg(feature = "client")]
use crate::client::tcp::Message;
use crate::client::tcp::TcpExchange;
use crate::config::{TcpService, Timeouts};
use crate::event::{CloseReason, Tuple};
use crate::path_mtu::Path;
use crate::phy::seq_tracker::SeqState;
use crate::rate::{Rate, TokenBucket};
use crate::server::tcp::Session;

/// How long an RST may wait for the next hop's address or a transmit buffer.
const RESET_PENDING: Duration = Duration::from_secs(1);

/// The longest pause between two zero-window probes: smoltcp's longest retransmission timeout.
const PROBE_INTERVAL: Duration = Duration::from_secs(60);

/// RFC 5961 section 7: at most 10 challenge ACKs in 5 s for each connection. A common limit would be a
/// side channel: an attacker could use it up on a connection of its own and see there what it hit
/// elsewhere.
const CHALLENGES: Rate = Rate { per_second: 2, burst: 10 };

/// Room for one connection.
pub struct Slot<'a> {
    sockets: SocketSet<'a>,
    handle: SocketHandle,
    tuple: Tuple,
    role: SlotRole<'a>,
    /// The socket's state after the last [`advance`](Self::advance). With the role it is the one truth
    /// about the connection; what the pool files is derived from the two.
    state: State,
    /// When a byte last moved, or the state changed.
    progressed_at: Instant,
    /// When the peer last answered while bytes waited for its acknowledgement; to the second.
    heard_at: Instant,
    /// Snd.Wind.Shift (RFC 7323 section 2.2), as far as is known.
    snd_shift: u8,
    /// Bytes in the transmit buffer after the last `advance`.
    unacked: usize,
    received: u64,
    sent: u64,
    seq: Option<SeqState>,
    challenges: TokenBucket,
    recovery: Recovery,
    path: Option<Path>,
}

#[derive(Clone, Copy)]
enum SlotRole<'a> {
    Free,
    /// A connection with the listener of this number.
    Serve(Session, u8),
    /// A connection that this node opens.
    #[cfg_attr(not(feature = "client"), expect(dead_code))]
    Connect(TcpExchange<'a>),
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
            role: SlotRole::Free,
            state: State::Closed,
            progressed_at: Instant::ZERO,
            heard_at: Instant::ZERO,
            snd_shift: 0,
            unacked: 0,
            received: 0,
            sent: 0,
            seq: None,
            challenges: TokenBucket::FULL,
            recovery: Recovery::NONE,
            path: None,
        }
    }

    /// The socket set, and the sequence state that the tracker of its egress updates.
    pub(crate) fn parts(&mut self) -> (&mut SocketSet<'a>, &mut Option<SeqState>) {
        (&mut self.sockets, &mut self.seq)
    }

    /// Takes in a segment that smoltcp sent in answer to a frame.
    pub(crate) fn track(&mut self, seq: Option<SeqState>) {
        SeqState::update(&mut self.seq, seq);
    }

    /// The sequence state after the last segment that this node sent.
    pub(crate) fn seq(&self) -> Option<&SeqState> {
        self.seq.as_ref()
    }

    /// Takes in SEG.WND of an ACK that the gate lets through. Returns whether the ACK may matter for
    /// [`recovery`](Self::recovery), comes late, or is the first sign of the peer for a second.
    pub(crate) fn hear(
        &mut self,
        ack: TcpSeqNumber,
        window: u16,
        has_options: bool,
        now: Instant,
    ) -> bool {
        const OFTEN_ENOUGH: Duration = Duration::from_secs(1);
        let Some(seq) = &mut self.seq else { return false };
        seq.snd_wnd = u32::from(window) << self.snd_shift;
        if ack > seq.snd_una {
            return self.recovery.is_active();
        }
        let is_in_flight = seq.snd_una < seq.snd_nxt;
        ack < seq.snd_una || (is_in_flight && (has_options || self.heard_at + OFTEN_ENOUGH <= now))
    }

    pub(crate) fn recovery(&mut self) -> &mut Recovery {
        &mut self.recovery
    }

    /// RFC 9293 MUST-37: a peer that answers zero-window probes is alive.
    pub(crate) fn set_heard(&mut self, now: Instant) {
        self.heard_at = now;
    }

    /// The path, if it takes smaller packets than the link.
    pub(crate) fn path(&mut self) -> &mut Option<Path> {
        &mut self.path
    }

    /// Whether bytes have not been acknowledged.
    pub(crate) fn is_sending(&self) -> bool {
        self.unacked > 0
    }

    /// The sequence state for a challenge ACK, unless the limit for them is reached.
    pub(crate) fn challenge(&mut self, now: Instant) -> Option<SeqState> {
        let seq = self.seq?;
        self.challenges.take(CHALLENGES, now).then_some(seq)
    }

    pub(crate) fn socket(&self) -> &Socket<'a> {
        self.sockets.get(self.handle)
    }

    fn socket_mut(&mut self) -> &mut Socket<'a> {
        self.sockets.get_mut(self.handle)
    }

    pub(crate) fn tuple(&self) -> &Tuple {
        &self.tuple
    }

    /// The socket's state after the last [`advance`](Self::advance).
    pub(crate) fn state(&self) -> State {
        self.state
    }

    /// What the slot is used for.
    pub(crate) fn slot_state(&self) -> SlotState {
        match (&self.role, self.state) {
            (SlotRole::Free, _) => SlotState::Free,
            (_, State::TimeWait) => SlotState::TimeWait,
            (_, State::Closed) => SlotState::Closing,
            (SlotRole::Serve(_, listener), State::Listen | State::SynReceived) => {
                SlotState::HalfOpen(*listener)
            }
            (SlotRole::Serve(..), _) => SlotState::Accepted,
            (SlotRole::Connect(_), State::SynSent) => SlotState::Connecting,
            (SlotRole::Connect(_), _) => SlotState::Connected,
        }
    }

    /// Opens the socket for the SYN that is about to be delivered to it.
    pub(crate) fn listen(
        &mut self,
        tuple: Tuple,
        service: TcpService,
        listener: u8,
        snd_shift: u8,
        keep_alive: Option<Duration>,
        now: Instant,
    ) {
        self.begin(tuple, SlotRole::Serve(Session::new(service), listener), keep_alive, now);
        self.snd_shift = snd_shift;
        // Fails only for port 0 or an open socket; this one is closed.
        let _ = self.socket_mut().listen(tuple.local.port);
        self.state = State::Listen;
    }

    /// Opens the socket with `connect`; the next egress sends the SYN.
    #[cfg(feature = "client")]
    pub(crate) fn connect(
        &mut self,
        tuple: Tuple,
        message: Message<'a>,
        keep_alive: Option<Duration>,
        now: Instant,
        connect: impl FnOnce(&mut Socket<'a>) -> bool,
    ) -> bool {
        self.begin(tuple, SlotRole::Connect(TcpExchange::new(message)), keep_alive, now);
        let connecting = connect(self.socket_mut());
        self.state = self.socket().state();
        connecting
    }

    /// Forgets the connection. The socket is reset when the slot is used again.
    pub(crate) fn release(&mut self) {
        self.role = SlotRole::Free;
    }

    /// Resets every option of the socket, which smoltcp's own reset does not: it keeps the congestion
    /// window and the timestamp generator of the last connection. Nothing is sent.
    fn begin(
        &mut self,
        tuple: Tuple,
        role: SlotRole<'a>,
        keep_alive: Option<Duration>,
        now: Instant,
    ) {
        // A new place in the set: the old one may be silent until the last peer's address is known.
        let socket = self.sockets.remove(self.handle);
        self.handle = self.sockets.add(socket);
        let socket = self.socket_mut();
        socket.abort();
        // `listen` forgets the peer without a reset; the port does not matter.
        let _ = socket.listen(1);
        socket.close();
        socket.set_congestion_control(socket.congestion_control());
        socket.set_tsval_generator(None);
        socket.set_timeout(None);
        // Before the handshake: set later, smoltcp would send the first keep-alive at once.
        socket.set_keep_alive(keep_alive);
        socket.set_hop_limit(None);
        // An echo gains nothing by waiting for more to send: both would only add latency.
        socket.set_nagle_enabled(false);
        socket.set_ack_delay(None);
        self.tuple = tuple;
        self.role = role;
        self.state = State::Closed;
        self.progressed_at = now;
        self.heard_at = now;
        self.snd_shift = 0;
        self.unacked = 0;
        self.received = 0;
        self.sent = 0;
        self.seq = None;
        self.challenges = TokenBucket::FULL;
        self.recovery = Recovery::NONE;
        self.path = None;
    }

    /// Whether the last segment that left carried everything in the transmit buffer: no byte waits for
    /// the peer's window or for an acknowledgement of earlier bytes, and no FIN for either.
    pub(crate) fn has_sent_all(&self) -> bool {
        let len = self.seq.map_or(0, |seq| usize::from(seq.len));
        let may_send = matches!(self.state, State::Established | State::CloseWait);
        len > 0 && len == self.unacked && may_send
    }

    /// Closes the connection: bytes that have arrived are echoed, then the FIN is sent.
    pub(crate) fn finish(&mut self) {
        match &mut self.role {
            SlotRole::Free => {}
            SlotRole::Serve(session, _) => session.finish(),
            // In SYN-SENT there is nothing to close yet.
            SlotRole::Connect(_) if self.state == State::SynSent => {}
            SlotRole::Connect(_) => self.socket_mut().close(),
        }
    }

    /// Ends the connection with an RST, which the next egress sends.
    pub(crate) fn abort(&mut self, now: Instant) {
        self.socket_mut().abort();
        self.state = State::Closed;
        self.progressed_at = now;
    }

    /// When a byte last moved, or the state changed.
    pub(crate) fn progressed_at(&self) -> Instant {
        self.progressed_at
    }

    /// Whether the connection has made no progress for this long.
    pub(crate) fn is_quiet(&self, time: Duration, now: Instant) -> bool {
        self.progressed_at + time <= now
    }

    /// Whether nothing is left of the connection: no TIME-WAIT, and no RST that has to leave.
    pub(crate) fn is_over(&self) -> bool {
        // No egress ends it: the socket has no timeout, and forgets its peer only with the connection.
        if self.state == State::Established {
            return false;
        }
        let socket = self.socket();
        !socket.is_active() && socket.remote_endpoint().is_none()
    }

    /// The peer is silent for the stall time, or keeps its window shut for the persist time.
    fn stall_deadline(&self, timeouts: &Timeouts) -> Option<(Instant, CloseReason)> {
        let heard_at = self.heard_at.max(self.progressed_at);
        let is_probing = self.seq.as_ref().is_some_and(|seq| seq.snd_wnd == 0);
        let pause = if is_probing { PROBE_INTERVAL } else { Duration::ZERO };
        let persist = timeouts.persist.map(|limit| self.progressed_at + limit);
        match (timeouts.stall.map(|limit| heard_at + pause + limit), persist) {
            (Some(stall), Some(persist)) if persist < stall => {
                Some((persist, CloseReason::PersistTimeout))
            }
            (Some(stall), _) => Some((stall, CloseReason::StallTimeout)),
            (None, persist) => Some((persist?, CloseReason::PersistTimeout)),
        }
    }

    /// When this state times out, and how the connection ends then.
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
            | State::LastAck => return self.stall_deadline(timeouts),
            State::FinWait2 => (timeouts.fin_wait, CloseReason::FinWaitTimeout),
            State::TimeWait => (timeouts.time_wait, CloseReason::Finished),
            State::Closed => (Some(RESET_PENDING), CloseReason::Aborted),
        };
        Some((self.progressed_at + limit?, reason))
    }
}
