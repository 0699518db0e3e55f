//! Admission: to which slot a segment goes, and why it is dropped.

use smoltcp::phy::TxToken;
use smoltcp::socket::tcp::State;
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{TcpControl, TcpRepr, TcpSeqNumber};

use super::Node;
use super::ingress::{Answer, Route};
use super::inject::RECOVERS;
use crate::config::{Listener, WhenFull};
use crate::cookie::Returned;
use crate::event::{CloseReason, DropReason, Sink, Tuple};
use crate::phy::seq_tracker::SeqState;
use crate::phy::single_frame::SingleFrame;
use crate::pool::index::SlotState;
use crate::segment::{Control, Segment};

/// A handshake younger than this is kept while the backlog has room: longer than most round trips.
const YOUNG: Duration = Duration::from_secs(1);

impl Node<'_> {
    pub(super) fn admit<'f>(
        &mut self,
        segment: &'f Segment<'f>,
        now: Instant,
        on_event: &mut impl Sink,
    ) -> Route<'f> {
        let found = self.pool.find(&segment.tuple);
        // A connection's local address is this node's.
        if found.is_none()
            && let Some(reason) = self.local_addresses().drop_reason(&segment.tuple.local.addr)
        {
            return dropped(segment, reason, Answer::Nothing);
        }
        // A segment that takes a slot, or another connection's, is verified. The others are smoltcp's to
        // verify.
        let syn = match segment.control {
            Control::Syn => match segment.verify(&self.checksums) {
                None => return dropped(segment, DropReason::Malformed, Answer::Nothing),
                syn => syn,
            },
            _ => None,
        };
        match found {
            Some(slot) => self.admit_known(slot, segment, syn, now, on_event),
            None => self.admit_unknown(segment, syn, now, on_event),
        }
    }

    /// A segment whose 4-tuple is in the pool.
    fn admit_known<'f>(
        &mut self,
        slot: usize,
        segment: &'f Segment<'f>,
        syn: Option<TcpRepr<'_>>,
        now: Instant,
        on_event: &mut impl Sink,
    ) -> Route<'f> {
        let connection = self.pool.slot(slot);
        match (segment.control, connection.state()) {
            // RFC 9293 section 3.6.1, MAY-2: a new connection may follow on TIME-WAIT. An old duplicate
            // SYN does no harm: the peer resets what our SYN-ACK proposes.
            (Control::Syn, State::TimeWait) => {
                self.free_slot(slot);
                self.admit_unknown(segment, syn, now, on_event)
            }
            // This handshake belongs to a SYN that came twice: the first was answered with a cookie, and
            // the peer has taken that answer.
            (Control::Ack | Control::Fin, State::SynReceived) => {
                let theirs = connection.seq().map_or(segment.seq, |seq| seq.rcv_nxt) - 1;
                let listener = self.listener(segment.tuple.local.port);
                let returned = self.returned(segment, theirs, now);
                let (Some(returned), Some(listener)) = (returned, listener) else {
                    return self.check_in_connection(slot, segment, now);
                };
                self.forget(slot, CloseReason::HandshakeDropped, on_event);
                self.admit_returned(segment, returned, listener, now, on_event)
            }
            _ => self.check_in_connection(slot, segment, now),
        }
    }

    /// A segment whose 4-tuple is not in the pool.
    fn admit_unknown<'f>(
        &mut self,
        segment: &'f Segment<'f>,
        syn: Option<TcpRepr<'_>>,
        now: Instant,
        on_event: &mut impl Sink,
    ) -> Route<'f> {
        let Tuple { local, remote } = &segment.tuple;
        if !self.local_addresses().is_possible_peer(&remote.addr, &local.addr) {
            return dropped(segment, DropReason::BadSource, Answer::Nothing);
        }
        match (segment.control, self.listener(local.port)) {
            (Control::Syn, Some(listener)) => self.admit_new(segment, syn, listener, now, on_event),
            (Control::Syn, None) => dropped(segment, DropReason::NoListener, Answer::Reset),
            (Control::Ack | Control::Fin, Some(listener)) => {
                match self.returned(segment, segment.seq - 1, now) {
                    Some(returned) => {
                        self.admit_returned(segment, returned, listener, now, on_event)
                    }
                    None => dropped(segment, DropReason::NoConnection, Answer::Reset),
                }
            }
            // RFC 9293 section 3.10.7.2, fourth.
            (Control::NoFlags, Some(_)) => {
                dropped(segment, DropReason::NoConnection, Answer::Nothing)
            }
            // RFC 9293 section 3.10.7.1.
            (Control::NoFlags, None) => {
                dropped(segment, DropReason::NoConnection, Answer::ResetAck(segment))
            }
            // The same section; smoltcp does not answer a reset.
            _ => dropped(segment, DropReason::NoConnection, Answer::Reset),
        }
    }

    /// Refuses what smoltcp would take wrongly within a connection.
    fn check_in_connection<'f>(
        &mut self,
        slot: usize,
        segment: &'f Segment<'f>,
        now: Instant,
    ) -> Route<'f> {
        let connection = self.pool.slot(slot);
        let state = connection.state();
        // The peer's SYN came again.
        if segment.control == Control::Syn && state == State::SynReceived {
            return Route::Slot(slot);
        }
        let is_synchronized = !matches!(state, State::SynSent | State::SynReceived | State::Closed);
        let challenge = || Answer::Challenge(slot, segment);
        let Some(seq) = connection.seq() else {
            return match segment.control {
                // No simultaneous open: smoltcp panics on a SYN while our own has not left.
                Control::Syn => dropped(segment, DropReason::InUse, Answer::Nothing),
                _ => Route::Slot(slot),
            };
        };
        match segment.control {
            // RFC 9293 section 3.10.7.4, RFC 5961 section 4.
            Control::Syn | Control::SynAck if is_synchronized => {
                dropped(segment, DropReason::InUse, challenge())
            }
            Control::Syn => dropped(segment, DropReason::InUse, Answer::Nothing),
            // RFC 9293 section 3.10.7.4, RFC 5961 section 3: only RCV.NXT itself resets.
            Control::Rst if segment.seq != seq.rcv_nxt => {
                let is_in_window = seq.rcv_nxt < segment.seq && segment.seq < seq.window_end();
                let answer = if is_in_window { challenge() } else { Answer::Nothing };
                dropped(segment, DropReason::InexactReset, answer)
            }
            // RFC 9293 section 3.10.7.4: an ACK of what was not sent. smoltcp would take it for an
            // acknowledgement of unsent bytes, and drop those.
            Control::Ack | Control::Fin if is_synchronized && segment.ack > seq.snd_nxt => {
                dropped(segment, DropReason::UnsentAck, challenge())
            }
            Control::Ack | Control::Fin
                if is_overrun(segment, seq, state) && segment.verify(&self.checksums).is_some() =>
            {
                dropped(segment, DropReason::Overrun, challenge())
            }
            Control::Ack | Control::Fin => {
                let has_options = RECOVERS && segment.has_options();
                if connection.hear(segment.ack, segment.window(), has_options, now) {
                    self.recover(slot, segment, now)
                } else {
                    Route::Slot(slot)
                }
            }
            _ => Route::Slot(slot),
        }
    }

    /// An ACK that tells of a loss, comes late, or shows that a silent peer is there.
    fn recover<'f>(&mut self, slot: usize, segment: &'f Segment<'f>, now: Instant) -> Route<'f> {
        let connection = self.pool.slot(slot);
        let (Some(tcp), Some(seq)) = (segment.verify(&self.checksums), connection.seq().copied())
        else {
            return Route::Slot(slot);
        };
        if segment.ack >= seq.snd_una {
            connection.set_heard(now);
            let has_sack = tcp.sack_ranges[0].is_some();
            if RECOVERS && connection.recovery().retransmits(segment.ack, has_sack, &seq) {
                return Route::Retransmit(slot, segment);
            }
        } else if RECOVERS
            && segment.end() > seq.rcv_nxt
            && matches!(connection.state(), State::Established | State::FinWait1 | State::FinWait2)
        {
            return Route::Text(slot, segment);
        }
        Route::Slot(slot)
    }

    /// A SYN for one of our ports.
    fn admit_new<'f>(
        &mut self,
        syn: &'f Segment<'f>,
        options: Option<TcpRepr<'_>>,
        (number, listener): (u8, Listener),
        now: Instant,
        on_event: &mut impl Sink,
    ) -> Route<'f> {
        if self.is_capped(&syn.tuple) {
            return dropped(syn, DropReason::SourceCap, listener.when_full.into());
        }
        let state = SlotState::HalfOpen(number);
        let is_backlogged = self.pool.count(state) >= usize::from(listener.backlog);
        // A SYN proves nothing: a slot of another peer is taken for its cookie, once that is back.
        let is_contended =
            self.pool.vacant(now).is_none() && (self.evict_idle || self.pool.half_open() > 0);
        if (is_backlogged || is_contended) && self.gives_cookies() {
            return Route::Cookie(syn, options.and_then(|syn| syn.max_seg_size));
        }
        if let Some(oldest) = self.pool.oldest(state).filter(|_| is_backlogged) {
            self.forget(oldest, CloseReason::HandshakeDropped, on_event);
        }
        match self.make_room(now, on_event) {
            Some(slot) => {
                // RFC 7323 section 2.3: a shift of more than 14 counts as 14.
                let shift = options.and_then(|syn| syn.window_scale).unwrap_or(0).min(14);
                self.listen_in(slot, &syn.tuple, (number, listener), shift, now);
                Route::Slot(slot)
            }
            None => self.full(syn, listener),
        }
    }

    /// A segment that brings a cookie back.
    fn admit_returned<'f>(
        &mut self,
        segment: &'f Segment<'f>,
        returned: Returned,
        (number, listener): (u8, Listener),
        now: Instant,
        on_event: &mut impl Sink,
    ) -> Route<'f> {
        if segment.verify(&self.checksums).is_none() {
            return dropped(segment, DropReason::Malformed, Answer::Nothing);
        }
        if segment.ends_beyond(returned.window_end()) {
            return dropped(segment, DropReason::Overrun, Answer::Nothing);
        }
        if self.is_capped(&segment.tuple) {
            return dropped(segment, DropReason::SourceCap, listener.when_full.into());
        }
        match self.make_room(now, on_event) {
            Some(slot) => {
                self.listen_in(slot, &segment.tuple, (number, listener), 0, now);
                Route::Restored(slot, returned, segment)
            }
            // A handshake in the way is over in a moment, one way or the other. The peer sends again.
            None if self.pool.half_open() > 0 => {
                dropped(segment, DropReason::Full, Answer::Nothing)
            }
            None => self.full(segment, listener),
        }
    }

    /// Every slot is taken. Where the longest idle connection is evicted, one is free in a moment, and
    /// the peer is to try again.
    fn full<'f>(&self, segment: &'f Segment<'f>, listener: Listener) -> Route<'f> {
        let answer = if self.evict_idle { Answer::Nothing } else { listener.when_full.into() };
        dropped(segment, DropReason::Full, answer)
    }

    /// Whether a source has as many slots as it may have.
    fn is_capped(&self, tuple: &Tuple) -> bool {
        self.per_source.is_some_and(|cap| {
            let cap = usize::from(cap);
            self.pool.of_source(&tuple.remote.addr, cap) >= cap
        })
    }

    /// A slot for a new connection, by rising cost to the old: a free one; the oldest TIME-WAIT
    /// (RFC 9293 section 3.6.1); the oldest handshake (RFC 4987 section 3.4) unless it is young, since its
    /// peer may have completed it by now. Where the configuration says so, the longest idle
    /// connection is reset (RFC 6429 section 5 lets a server choose), but its slot is free only when the
    /// RST has left.
    fn make_room(&mut self, now: Instant, on_event: &mut impl Sink) -> Option<usize> {
        let slot = self.pool.vacant(now).or_else(|| {
            let oldest = self.pool.oldest_half_open();
            oldest
                .filter(|slot| self.pool.slot(*slot).is_quiet(YOUNG, now))
                .inspect(|slot| self.forget(*slot, CloseReason::HandshakeDropped, on_event))
        });
        if let Some(slot) = slot {
            self.free_slot(slot);
        } else if self.evict_idle
            && let Some(idle) = self.pool.oldest(SlotState::Accepted)
        {
            self.reset(idle, CloseReason::IdleEvicted, now, on_event);
        }
        slot
    }

    fn listen_in(
        &mut self,
        slot: usize,
        tuple: &Tuple,
        (number, listener): (u8, Listener),
        shift: u8,
        now: Instant,
    ) {
        let connection = self.pool.slot(slot);
        connection.listen(*tuple, listener.service, number, shift, self.keep_alive, now);
        self.pool.enter(slot);
    }

    /// Answers a dropped frame.
    pub(super) fn answer_dropped<Tx: TxToken>(
        &mut self,
        answer: Answer<'_>,
        mut frame: SingleFrame<'_, Tx>,
        now: Instant,
    ) {
        match answer {
            Answer::Nothing => {}
            Answer::Reset => {
                self.iface.poll_ingress_single(now, &mut frame, &mut self.common);
            }
            Answer::ResetAck(segment) => {
                if segment.verify(&self.checksums).is_some() {
                    segment
                        .answer(TcpControl::Rst, TcpSeqNumber(0), segment.next_seq(), 0)
                        .send(frame.into_reply());
                }
            }
            #[cfg(feature = "proto-ipv6")]
            Answer::Problem(problem, from) => {
                let bytes = frame.bytes();
                if let Some(token) = frame.into_reply() {
                    problem.send(bytes, (self.mac, from), token);
                }
            }
            Answer::Challenge(slot, segment) => {
                if segment.verify(&self.checksums).is_some()
                    && let Some(seq) = self.pool.slot(slot).challenge(now)
                {
                    self.stats.challenges += 1;
                    segment
                        .answer(TcpControl::None, seq.snd_nxt, seq.rcv_nxt, seq.rcv_wnd)
                        .send(frame.into_reply());
                }
            }
        }
    }
}

fn dropped<'f>(segment: &'f Segment<'f>, reason: DropReason, answer: Answer<'f>) -> Route<'f> {
    Route::Drop(reason, Some(&segment.tuple), answer)
}

/// RFC 9293 section 3.10.7.4: text and FIN beyond the window are cut off, and behind a FIN there is no
/// text. smoltcp cuts off the text alone, and takes text behind a FIN. A window of 0 it holds by itself,
/// and answers a probe of it without limit.
fn is_overrun(segment: &Segment<'_>, seq: &SeqState, state: State) -> bool {
    (seq.rcv_wnd > 0 && segment.ends_beyond(seq.window_end()))
        || (state == State::CloseWait && segment.seq.max(seq.rcv_nxt) < segment.end())
}

impl From<WhenFull> for Answer<'_> {
    fn from(when_full: WhenFull) -> Self {
        match when_full {
            WhenFull::Reset => Answer::Reset,
            WhenFull::Silence => Answer::Nothing,
        }
    }
}
