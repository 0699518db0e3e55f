//! Admission: which slot a segment goes to, and the rules by which it goes to none.

use smoltcp::phy::TxToken;
use smoltcp::socket::tcp::State;
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{IpAddress, TcpControl};

use super::Node;
use crate::config::{Listener, WhenFull};
use crate::cookie::Returned;
use crate::event::{CloseReason, DropReason, Sink, Tuple};
use crate::gate::{Control, Header};
use crate::phy::seq_tracker::SeqState;
use crate::phy::single_frame::SingleFrame;
use crate::pool::age_lists::SlotState;
use crate::segment::Segment;

/// A handshake as young as this is left alone while the backlog has room: longer than most round trips.
const YOUNG: Duration = Duration::from_secs(1);

/// What becomes of a segment.
pub(super) enum Verdict {
    /// Its connection's socket takes it.
    Deliver(usize),
    /// It asks for a connection while the backlog is full: answer with a cookie.
    Cookie(Segment),
    /// It brings a cookie back: make the connection in this slot, then deliver.
    Revive(usize, Returned),
    /// It is turned away.
    Drop(DropReason, Reply),
}

/// What the sender of a refused segment is told.
pub(super) enum Reply {
    Silence,
    Reset,
    /// Where the connection in this slot stands (RFC 5961): an honest peer follows, a blind one learns
    /// nothing.
    Challenge(usize),
}

impl Node<'_> {
    pub(super) fn admit_segment(
        &mut self,
        header: &Header,
        frame: &[u8],
        now: Instant,
        on_event: &mut impl Sink,
    ) -> Verdict {
        let Tuple { local, remote } = &header.tuple;
        let found = self.pool.find(&header.tuple);
        let own = self.own();
        // A connection has an address that is ours.
        if found.is_none()
            && let Some(reason) = own.drop_reason(&local.addr)
        {
            return Verdict::Drop(reason, Reply::Silence);
        }
        // What takes a slot, or another's, must be whole. The rest is smoltcp's to verify.
        let syn = match header.control {
            Control::Syn => match Segment::read(frame, &self.checksums) {
                None => return Verdict::Drop(DropReason::Malformed, Reply::Silence),
                syn => syn,
            },
            _ => None,
        };
        if let Some(slot) = found {
            match (header.control, self.pool.slot(slot).state()) {
                // RFC 9293 section 3.6.1, MAY-2: a new connection may follow on TIME-WAIT. An old
                // duplicate SYN does no harm: the peer resets what our SYN-ACK proposes.
                (Control::Syn, State::TimeWait) => self.free_slot(slot),
                // This handshake is of a SYN that came twice: the first was answered with a cookie, and
                // that answer is the one that the peer has taken.
                (Control::Ack | Control::Fin, State::SynReceived) => {
                    let said = self.pool.slot(slot).said();
                    let theirs = said.map_or(header.seq, |said| said.rcv_nxt) - 1;
                    let listener = self.listener(local.port).copied();
                    let returned = self.returned(header, theirs, now);
                    let (Some(returned), Some(listener)) = (returned, listener) else {
                        return self.check_in_connection(slot, header, frame);
                    };
                    self.drop_handshake(slot, CloseReason::HandshakeDropped, on_event);
                    return self.admit_returned(frame, returned, listener, now, on_event);
                }
                _ => return self.check_in_connection(slot, header, frame),
            }
        }
        let listener = self.listener(local.port).copied();
        let own = self.own();
        if !own.is_possible_peer(&remote.addr, &local.addr) {
            return Verdict::Drop(DropReason::BadSource, Reply::Silence);
        }
        if let (Some(syn), Some(listener)) = (syn, listener) {
            return self.admit_new(&syn, listener, now, on_event);
        }
        match (header.control, listener) {
            (Control::Syn, _) => Verdict::Drop(DropReason::NoListener, Reply::Reset),
            (Control::Ack | Control::Fin, Some(listener)) => {
                match self.returned(header, header.seq - 1, now) {
                    Some(returned) => self.admit_returned(frame, returned, listener, now, on_event),
                    None => Verdict::Drop(DropReason::NoConnection, Reply::Reset),
                }
            }
            // RFC 9293 section 3.10.7.2, fourth.
            (Control::NoFlags, Some(_)) => Verdict::Drop(DropReason::NoConnection, Reply::Silence),
            // RFC 9293 section 3.10.7.1; smoltcp knows that a reset is not answered.
            _ => Verdict::Drop(DropReason::NoConnection, Reply::Reset),
        }
    }

    /// A segment with the 4-tuple of a connection.
    fn check_in_connection(&mut self, slot: usize, header: &Header, frame: &[u8]) -> Verdict {
        let connection = self.pool.slot(slot);
        let state = connection.state();
        let is_synchronized = !matches!(state, State::SynSent | State::SynReceived | State::Closed);
        match (header.control, connection.said()) {
            // The peer's SYN came again.
            (Control::Syn, _) if state == State::SynReceived => Verdict::Deliver(slot),
            // RFC 9293 section 3.10.7.4, RFC 5961 section 4.
            (Control::Syn | Control::SynAck, Some(_)) if is_synchronized => {
                Verdict::Drop(DropReason::InUse, Reply::Challenge(slot))
            }
            // No simultaneous open: smoltcp panics on a SYN while our own has not left.
            (Control::Syn, _) => Verdict::Drop(DropReason::InUse, Reply::Silence),
            // RFC 9293 section 3.10.7.4, RFC 5961 section 3: only the very next number resets.
            (Control::Rst, Some(said)) if header.seq != said.rcv_nxt => {
                let is_in_window = said.rcv_nxt < header.seq && header.seq < said.window_end();
                let reply = if is_in_window { Reply::Challenge(slot) } else { Reply::Silence };
                Verdict::Drop(DropReason::InexactReset, reply)
            }
            // RFC 9293 section 3.10.7.4: nobody can acknowledge what was not sent. smoltcp takes it for
            // what it has still to send, and drops that.
            (Control::Ack | Control::Fin, Some(said))
                if is_synchronized && header.ack > said.snd_nxt =>
            {
                Verdict::Drop(DropReason::UnsentAck, Reply::Challenge(slot))
            }
            (Control::Ack | Control::Fin, Some(said))
                if (header.control == Control::Fin || state == State::CloseWait)
                    && Segment::read(frame, &self.checksums)
                        .is_some_and(|segment| is_overrun(&segment, &said, state)) =>
            {
                Verdict::Drop(DropReason::Overrun, Reply::Challenge(slot))
            }
            _ => Verdict::Deliver(slot),
        }
    }

    /// A SYN for one of our ports.
    fn admit_new(
        &mut self,
        syn: &Segment,
        listener: Listener,
        now: Instant,
        on_event: &mut impl Sink,
    ) -> Verdict {
        let tuple = &syn.tuple();
        if self.is_capped(&tuple.remote.addr) {
            return Verdict::Drop(DropReason::SourceCap, listener.when_full.into());
        }
        let (half_open, oldest) = self.pool.half_open(Some(listener.port));
        let is_backlogged = half_open >= usize::from(listener.backlog);
        // A SYN proves nothing: what costs somebody else a slot is its cookie, once it is back.
        let is_contended =
            self.pool.vacant(now).is_none() && (self.evict_idle || self.pool.half_open(None).0 > 0);
        if (is_backlogged || is_contended) && self.gives_cookies() {
            return Verdict::Cookie(*syn);
        }
        if let Some(oldest) = oldest.filter(|_| is_backlogged) {
            self.drop_handshake(oldest, CloseReason::HandshakeDropped, on_event);
        }
        match self.make_room(YOUNG, now, on_event) {
            Some(slot) => {
                self.listen_in(slot, tuple, listener, now);
                Verdict::Deliver(slot)
            }
            None => self.full(listener),
        }
    }

    /// A cookie has come back.
    fn admit_returned(
        &mut self,
        frame: &[u8],
        returned: Returned,
        listener: Listener,
        now: Instant,
        on_event: &mut impl Sink,
    ) -> Verdict {
        let Some(segment) = Segment::read(frame, &self.checksums) else {
            return Verdict::Drop(DropReason::Malformed, Reply::Silence);
        };
        if segment.ends_beyond(returned.window_end) {
            return Verdict::Drop(DropReason::Overrun, Reply::Silence);
        }
        if self.is_capped(&returned.tuple.remote.addr) {
            return Verdict::Drop(DropReason::SourceCap, listener.when_full.into());
        }
        // This peer has proved that it is there; a handshake under way has not, however young.
        match self.make_room(Duration::ZERO, now, on_event) {
            Some(slot) => {
                self.listen_in(slot, &returned.tuple, listener, now);
                Verdict::Revive(slot, returned)
            }
            None => self.full(listener),
        }
    }

    /// Every slot is taken. Where the longest idle connection gives way, one is free in a moment, and the
    /// peer is to come again.
    fn full(&self, listener: Listener) -> Verdict {
        let reply = if self.evict_idle { Reply::Silence } else { listener.when_full.into() };
        Verdict::Drop(DropReason::Full, reply)
    }

    /// Whether a source has as many slots as it may have.
    fn is_capped(&mut self, source: &IpAddress) -> bool {
        let Some(cap) = self.per_source else { return false };
        let mut taken = 0;
        for slot in 0..self.pool.len() {
            let counts = matches!(self.pool.standing(slot), SlotState::HalfOpen | SlotState::Open);
            taken += usize::from(counts && self.pool.slot(slot).tuple().remote.addr == *source);
        }
        taken >= usize::from(cap)
    }

    /// A slot for a new connection, by rising cost to the old: a free one; the oldest TIME-WAIT
    /// (RFC 9293 section 3.6.1); the oldest handshake (RFC 4987 section 3.4) unless it is younger than
    /// `grace`, for then it may be honest and on its way. The longest idle connection is reset where the
    /// configuration wants that (RFC 6429 section 5 lets a server choose), but its slot is free only when
    /// the reset has left.
    fn make_room(
        &mut self,
        grace: Duration,
        now: Instant,
        on_event: &mut impl Sink,
    ) -> Option<usize> {
        let slot = self.pool.vacant(now).or_else(|| {
            let (_, oldest) = self.pool.half_open(None);
            oldest
                .filter(|slot| self.pool.slot(*slot).is_quiet(grace, now))
                .inspect(|slot| self.drop_handshake(*slot, CloseReason::HandshakeDropped, on_event))
        });
        if let Some(slot) = slot {
            self.free_slot(slot);
        } else if self.evict_idle
            && let Some(idle) = self.pool.longest_idle()
        {
            self.reset(idle, CloseReason::IdleEvicted, now, on_event);
            self.pool.schedule(idle, Some(now));
        }
        slot
    }

    fn listen_in(&mut self, slot: usize, tuple: &Tuple, listener: Listener, now: Instant) {
        self.pool.slot(slot).listen(*tuple, listener.service, self.keep_alive, now);
        self.pool.enter(slot, tuple);
    }

    /// Tells the sender of a refused segment what it is to be told. A reset is smoltcp's.
    pub(super) fn reply<Tx: TxToken>(
        &mut self,
        frame: &[u8],
        mut single: SingleFrame<'_, Tx>,
        reply: Reply,
        now: Instant,
    ) {
        match reply {
            Reply::Silence => {}
            Reply::Reset => {
                self.iface.poll_ingress_single(now, &mut single, &mut self.common);
            }
            Reply::Challenge(slot) => {
                let Some(segment) = Segment::read(frame, &self.checksums) else { return };
                if let Some(said) = self.pool.slot(slot).challenge(now) {
                    self.stats.challenges += 1;
                    segment
                        .answer(TcpControl::None, said.snd_nxt, said.rcv_nxt, said.rcv_wnd)
                        .send(single.into_reply());
                }
            }
        }
    }
}

/// Whether a segment says more than it may. RFC 9293 section 3.10.7.4: what lies beyond the window is cut
/// off, and behind a FIN there is no text. smoltcp cuts off the text alone, and takes text behind a FIN. A
/// window of nothing it holds by itself, and answers a probe of it without limit.
fn is_overrun(segment: &Segment, said: &SeqState, state: State) -> bool {
    (said.rcv_wnd > 0 && segment.ends_beyond(said.window_end()))
        || (state == State::CloseWait && segment.seq.max(said.rcv_nxt) < segment.end)
}

impl From<WhenFull> for Reply {
    fn from(when_full: WhenFull) -> Reply {
        match when_full {
            WhenFull::Reset => Reply::Reset,
            WhenFull::Silence => Reply::Silence,
        }
    }
}
