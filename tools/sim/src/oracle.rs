//! The rules that hold in every run.

use std::hash::{Hash, Hasher};

use fnv::{FnvHashMap as HashMap, FnvHashSet as HashSet, FnvHasher};
use smolecho::{CloseReason, Node, Tuple};
use smoltcp::time::Instant;
use smoltcp::wire::{IpEndpoint, TcpSeqNumber};

use crate::card::QUEUE;
use crate::deadlines::Deadlines;
use crate::dissect::{self, Segment};
use crate::network::PORT;
use crate::observed::Observed;
use crate::plan::{Action, FaultKind, Operation, Plan, Visit};
use crate::station::{Stack, Station};
use crate::verdict::Verdict;

/// Frames that one poll may take, and send: an answer to each, and then as many as a card holds, twice.
const MOST_TAKEN: usize = 64;
const MOST_SENT: usize = 2 * QUEUE + MOST_TAKEN;

/// Least average segment, in bytes, of an echo to a peer without an MSS option: half of the default MSS of 536
/// (RFC 9293 MUST-15).
const SMALLEST_PIECE: u64 = 268;

/// What the oracle has seen of a run.
pub(crate) struct Oracle {
    /// Operations without an end, by station and tuple.
    begun: HashMap<(usize, Tuple), Operation>,
    /// Established connections, by station and tuple.
    open: HashSet<(usize, Tuple)>,
    /// Connections that a station has ended, or never had: the other side may receive an RST.
    ended: HashSet<Tuple>,
    /// Whether every client must be served: there is no fault, or no fault any more.
    strict: bool,
    /// Initial sequence numbers of the server, each with its connection; kept if the server reboots.
    numbers: Option<HashMap<i32, (IpEndpoint, Option<TcpSeqNumber>)>>,
    /// The acknowledgement number of the last SYN-ACK to each peer. Another number answers a forged SYN. If the
    /// server answered the peer's own SYN with a cookie, the forged one takes the slot.
    syns: HashMap<IpEndpoint, TcpSeqNumber>,
    /// Datagrams to the server without an answer, by source and hash.
    asked: HashMap<(IpEndpoint, u64), u32>,
    /// Data segments to each peer, and their bytes; kept if guests send no MSS option.
    pieces: Option<HashMap<IpEndpoint, (u64, u64)>>,
    deadlines: Deadlines,
    pub(crate) finished: u64,
    pub(crate) answered: u64,
}

impl Oracle {
    /// From now on every client must be served.
    pub(crate) fn be_strict(&mut self) {
        self.strict = true;
    }

    /// The oracle for this plan.
    pub(crate) fn of(plan: &Plan) -> Oracle {
        let boots = plan.faults.iter().any(|fault| matches!(fault.what, FaultKind::Reboot(0)));
        Oracle {
            begun: HashMap::default(),
            open: HashSet::default(),
            ended: HashSet::default(),
            strict: plan.is_calm(),
            numbers: boots.then(HashMap::default),
            syns: HashMap::default(),
            asked: HashMap::default(),
            pieces: plan.habits.plain.then(HashMap::default),
            deadlines: Deadlines::new(plan.timeouts),
            finished: 0,
            answered: 0,
        }
    }

    /// A station has rebooted.
    pub(crate) fn reboot(&mut self, number: usize) {
        let ended = &mut self.ended;
        self.open.retain(|(station, tuple)| {
            let stays = *station != number;
            if !stays {
                ended.insert(*tuple);
            }
            stays
        });
        self.begun.retain(|(station, _), _| *station != number);
        self.deadlines.forget(number);
    }

    /// A frame has arrived at the server, whose clock shows `shows`.
    pub(crate) fn arrived(&mut self, frame: &[u8], shows: Instant) {
        if let Some(Segment { from, to, .. }) = Segment::in_frame(frame).filter(|tcp| tcp.is_syn) {
            self.deadlines.begin(0, Tuple { local: to, remote: from }, shows);
        }
        if let Some((from, to, data)) =
            dissect::datagram(frame).filter(|(_, to, _)| to.port == PORT)
        {
            *self.asked.entry((from, hash(to, &data))).or_default() += 1;
        }
    }

    /// The server has sent a frame.
    pub(crate) fn sent(&mut self, frame: &[u8]) -> Verdict {
        if let Some((from, to, data)) =
            dissect::datagram(frame).filter(|(from, ..)| from.port == PORT)
        {
            let asked = self.asked.get_mut(&(to, hash(from, &data))).filter(|count| **count > 0);
            let Some(count) = asked else {
                return Err(("a datagram that nobody asked for", format!("{to}: {data:?}")));
            };
            *count -= 1;
        }
        let Some(tcp) = Segment::in_frame(frame) else { return Ok(()) };
        if let Some(numbers) = self.numbers.as_mut().filter(|_| tcp.is_syn) {
            let of = (tcp.to, tcp.ack);
            if *numbers.entry(tcp.seq.0).or_insert(of) != of {
                return Err(("an initial sequence number came again", format!("{tcp:?}")));
            }
        }
        if let Some(ack) = tcp.ack.filter(|_| tcp.is_syn)
            && self.syns.insert(tcp.to, ack).is_some_and(|before| before != ack)
        {
            self.ended.insert(Tuple { local: tcp.from, remote: tcp.to });
        }
        if let Some(pieces) = self.pieces.as_mut().filter(|_| tcp.len > 0) {
            let (segments, bytes) = pieces.entry(tcp.to).or_default();
            *segments += 1;
            *bytes += tcp.len as u64;
        }
        Ok(())
    }

    /// Whether a guest without an MSS option received segments of a decent size.
    fn no_crumbs(&self, guest: IpEndpoint) -> Verdict {
        let Some((segments, bytes)) = self.pieces.as_ref().and_then(|pieces| pieces.get(&guest))
        else {
            return Ok(());
        };
        if *segments <= 3 + bytes / SMALLEST_PIECE {
            return Ok(());
        }
        Err((
            "the echo comes in crumbs",
            format!("{bytes} bytes in {segments} segments to {guest}"),
        ))
    }

    pub(crate) fn begin(
        &mut self,
        station: usize,
        tuple: Tuple,
        operation: Operation,
        shows: Instant,
    ) {
        self.begun.insert((station, tuple), operation);
        self.deadlines.begin(station, tuple, shows);
    }

    pub(crate) fn pending(&self) -> usize {
        self.begun.len()
    }

    /// Applies the rules after a poll at which the station's clock showed `shows`.
    pub(crate) fn look(
        &mut self,
        number: usize,
        station: &mut Station<'_>,
        shows: Instant,
    ) -> Verdict {
        let is_ours = matches!(station.stack, Stack::Ours(_));
        if let Stack::Ours(node) = &station.stack {
            add_up(node)?;
            let (taken, left) = (station.card.taken, station.card.tx.len());
            if taken > MOST_TAKEN || left > MOST_SENT {
                return Err(("too much in one poll", format!("{taken} frames in, {left} out")));
            }
        }
        station.card.taken = 0;
        for observed in std::mem::take(&mut station.observed) {
            match observed {
                Observed::Opened(tuple) | Observed::Progressed(tuple) => {
                    self.deadlines.renew(number, tuple, shows);
                }
                Observed::Closed { tuple, reason, .. } if is_ours => {
                    self.deadlines.end(number, tuple, reason, shows)?;
                }
                _ => {}
            }
            match observed {
                Observed::Progressed(_) => {}
                Observed::Opened(tuple) => {
                    if !self.open.insert((number, tuple)) {
                        return Err(("a connection was opened twice", format!("{tuple:?}")));
                    }
                }
                Observed::Refused(tuple) => {
                    if self.open.contains(&(number, tuple)) {
                        return Err(("a connection was forgotten", format!("{tuple:?}")));
                    }
                    self.ended.insert(tuple);
                }
                Observed::Forgotten(tuple) => {
                    self.open.remove(&(number, tuple));
                    self.ended.insert(tuple);
                }
                Observed::Closed { tuple, reason, received, sent } if number == 0 => {
                    self.served(tuple, reason, received, sent)?;
                }
                Observed::Closed { tuple, reason, received, sent } => {
                    let operation = self.begun.remove(&(number, tuple));
                    self.open.remove(&(number, tuple));
                    self.talked(operation, tuple, reason, received, sent)?;
                }
                Observed::Reported { tuple, report } => {
                    let begun = self.begun.remove(&(number, tuple));
                    let Some(Action::Ask(count)) = begun.map(|begun| begun.what) else {
                        return Err(("a report without a question", format!("{report:?}")));
                    };
                    if report.mismatched > 0 {
                        return Err(("a wrong datagram", format!("{report:?}")));
                    }
                    if report.answered + report.lost != count {
                        return Err(("datagrams do not add up", format!("{count}: {report:?}")));
                    }
                    if self.strict && report.lost > 0 {
                        return Err(("a datagram was lost on a good cable", format!("{report:?}")));
                    }
                    self.answered += u64::from(report.answered);
                }
            }
        }
        Ok(())
    }

    /// The server has closed a connection.
    fn served(&mut self, tuple: Tuple, reason: CloseReason, received: u64, sent: u64) -> Verdict {
        let details = || format!("{tuple:?}: {reason:?}, {received} received, {sent} sent");
        if self.open.remove(&(0, tuple)) == reason.is_handshake() {
            return Err(("an end of what was not open", details()));
        }
        let is_whole = reason != CloseReason::Finished || sent == received;
        if sent > received || !is_whole {
            return Err(("the echo is not what was received", details()));
        }
        if reason == CloseReason::Reset && !self.ended.contains(&other(tuple)) {
            return Err(("a reset that nobody sent", details()));
        }
        // A failed handshake may be an attacker's.
        let is_a_clients = !reason.is_handshake() && !self.ended.contains(&other(tuple));
        if self.strict && reason != CloseReason::Finished && is_a_clients {
            return Err(("a connection did not end well on a good cable", details()));
        }
        self.ended.insert(tuple);
        Ok(())
    }

    /// A client has closed a connection.
    fn talked(
        &mut self,
        operation: Option<Operation>,
        tuple: Tuple,
        reason: CloseReason,
        received: u64,
        sent: u64,
    ) -> Verdict {
        let details =
            || format!("{tuple:?}: {reason:?}, {received} received, {sent} sent, {operation:?}");
        let Some(Visit { len, .. }) = operation.and_then(|operation| operation.what.as_visit())
        else {
            return Err(("an end of what was not begun", details()));
        };
        if reason == CloseReason::Mismatch {
            return Err(("a wrong byte", details()));
        }
        if received > sent || sent > len {
            return Err(("more than was sent", details()));
        }
        if reason == CloseReason::Finished && received != len {
            return Err(("a dialogue that ended well is not whole", details()));
        }
        if reason == CloseReason::Reset && !self.ended.contains(&other(tuple)) {
            return Err(("a reset that nobody sent", details()));
        }
        if self.strict && reason != CloseReason::Finished {
            return Err(("a dialogue did not end well on a good cable", details()));
        }
        if self.strict {
            self.no_crumbs(tuple.local)?;
        }
        self.finished += u64::from(reason == CloseReason::Finished);
        self.ended.insert(tuple);
        Ok(())
    }
}

fn hash(at: IpEndpoint, data: &[u8]) -> u64 {
    let mut hasher = FnvHasher::default();
    (at, data).hash(&mut hasher);
    hasher.finish()
}

fn other(tuple: Tuple) -> Tuple {
    Tuple { local: tuple.remote, remote: tuple.local }
}

/// The sums that the documentation of `Stats` promises.
fn add_up(node: &Node<'_>) -> Verdict {
    let (stats, occupancy) = (node.stats(), node.occupancy());
    let frames = stats.frames == stats.delivered + stats.dropped_total();
    let begun = stats.accepted + stats.connected;
    let connections = begun == occupancy.open as u64 + stats.closed();
    let datagrams = node.stats().datagrams_sent <= node.stats().datagrams_received;
    let is_client = stats.connected > 0 || stats.datagrams_received == 0 || stats.accepted == 0;
    if frames && connections && (datagrams || is_client) {
        return Ok(());
    }
    Err(("the counters do not add up", format!("{stats:?} {occupancy:?}")))
}
