//! A client over smoltcp's own sockets that behaves as the node's client does not: it pauses, reads slowly,
//! connects again from the same port, or sends no options. It has none of the node's remedies.

use smolecho::phy::Device;
use smolecho::{CloseReason, Tuple};
use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet, SocketStorage};
use smoltcp::socket::tcp::{self, State};
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{HardwareAddress, IpCidr, IpEndpoint, TcpPacket};

use crate::card::Card;
use crate::dissect;
use crate::network::{PATTERN, mac};
use crate::observed::Observed;
use crate::plan::{Habits, Visit};

/// First local port; each visit takes the next.
const FIRST_PORT: u16 = 30_000;

/// Time without progress after which it gives up: longer than any deadline of the server.
const PATIENCE: Duration = Duration::from_secs(60);

/// Polling interval while a visit pauses.
const GLANCE: Duration = Duration::from_millis(100);

/// Visits at once.
pub(crate) const CALLS: usize = 6;

/// Bytes of its largest buffer.
const LARGEST: usize = 4096;

/// A guest's memory.
pub(crate) struct GuestMemory<'a> {
    sockets: [SocketStorage<'a>; CALLS],
    rx: [[u8; LARGEST]; CALLS],
    tx: [[u8; LARGEST]; CALLS],
}

impl GuestMemory<'_> {
    pub(crate) fn new() -> Self {
        let buffers = [[0; LARGEST]; CALLS];
        GuestMemory { sockets: [SocketStorage::EMPTY; CALLS], rx: buffers, tx: buffers }
    }
}

pub(crate) struct Guest<'a> {
    iface: Interface,
    sockets: SocketSet<'a>,
    /// Each socket, and its visit.
    places: Vec<(SocketHandle, Option<Call>)>,
    next_port: u16,
    habits: Habits,
}

/// A visit under way.
#[derive(Clone, Copy)]
struct Call {
    tuple: Tuple,
    visit: Visit,
    sent: u64,
    back: u64,
    /// The connection is established, and was reported.
    open: bool,
    /// The pause is over, or the restart.
    rested: bool,
    /// Time of last progress.
    since: Instant,
    /// Time of the next read, if it reads slowly.
    reads_at: Instant,
}

/// What a visit does next.
enum Course {
    On,
    Restart,
    Over(CloseReason),
}

impl<'a> Guest<'a> {
    pub(crate) fn new(
        number: usize,
        addresses: &[IpCidr],
        seed: u64,
        habits: Habits,
        quarters: &'a mut GuestMemory<'a>,
        device: &mut impl Device,
    ) -> Self {
        let mut config = Config::new(HardwareAddress::Ethernet(mac(number)));
        config.random_seed = seed;
        let mut iface = Interface::new(config, device, Instant::ZERO);
        iface.update_ip_addrs(|own| {
            for cidr in addresses {
                let _ = own.push(*cidr);
            }
        });
        let mut sockets = SocketSet::new(&mut quarters.sockets[..]);
        let buffers = quarters.rx.iter_mut().zip(&mut quarters.tx);
        let places = buffers.map(|(rx, tx)| {
            let rx = tcp::SocketBuffer::new(&mut rx[..habits.buffer.min(LARGEST)]);
            let mut socket = tcp::Socket::new(rx, tcp::SocketBuffer::new(&mut tx[..]));
            socket.set_nagle_enabled(false);
            (sockets.add(socket), None)
        });
        let places = places.collect();
        Guest { iface, sockets, places, next_port: FIRST_PORT, habits }
    }

    pub(crate) fn begin(
        &mut self,
        server: IpEndpoint,
        visit: Visit,
        now: Instant,
    ) -> Option<Tuple> {
        self.next_port += 1;
        let local = self.iface.get_source_address(&server.addr)?;
        let tuple = Tuple { local: IpEndpoint::new(local, self.next_port), remote: server };
        let (handle, place) = self.places.iter_mut().find(|(_, call)| call.is_none())?;
        let socket = self.sockets.get_mut::<tcp::Socket<'_>>(*handle);
        socket.abort();
        socket.connect(self.iface.context(), tuple.remote, tuple.local).ok()?;
        *place = Some(Call {
            tuple,
            visit,
            sent: 0,
            back: 0,
            open: false,
            rested: visit.pause == Duration::ZERO && !visit.restarts,
            since: now,
            reads_at: now,
        });
        Some(tuple)
    }

    pub(crate) fn poll(
        &mut self,
        now: Instant,
        card: &mut Card,
        on_event: &mut dyn FnMut(Observed),
    ) {
        self.iface.poll(now, card, &mut self.sockets);
        for (handle, place) in &mut self.places {
            let Some(call) = place else { continue };
            let socket = self.sockets.get_mut::<tcp::Socket<'_>>(*handle);
            match call.goes_on(socket, now, on_event) {
                Course::On => {}
                Course::Over(reason) => {
                    let Call { tuple, back, sent, .. } = *call;
                    on_event(Observed::Closed { tuple, reason, received: back, sent });
                    *place = None;
                }
                Course::Restart => {
                    // As after a crash: the server learns of it only from the next SYN.
                    on_event(Observed::Forgotten(call.tuple));
                    socket.abort();
                    let Tuple { local, remote } = call.tuple;
                    let _ = socket.connect(self.iface.context(), remote, local);
                    (call.sent, call.back, call.open, call.rested) = (0, 0, false, true);
                    call.since = now;
                }
            }
        }
        self.iface.poll(now, card, &mut self.sockets);
        if self.habits.plain {
            for frame in &mut card.tx {
                dissect::alter(frame, forget_segment_size);
            }
        }
    }

    pub(crate) fn poll_at(&mut self, now: Instant) -> Option<Instant> {
        let glance = (self.calls() > 0).then(|| now + GLANCE);
        self.iface.poll_at(now, &self.sockets).into_iter().chain(glance).min()
    }

    /// Visits that can begin.
    pub(crate) fn free(&self) -> usize {
        CALLS - self.calls()
    }

    fn calls(&self) -> usize {
        self.places.iter().filter(|(_, call)| call.is_some()).count()
    }
}

impl Call {
    /// Bytes that may be sent by now.
    fn part(&self) -> u64 {
        let part = if self.rested { self.visit.len } else { self.visit.len / 2 };
        let piece = self.visit.piece.map_or(part, |piece| (self.back / piece + 1) * piece.get());
        part.min(piece)
    }

    fn goes_on(
        &mut self,
        socket: &mut tcp::Socket<'_>,
        now: Instant,
        on_event: &mut dyn FnMut(Observed),
    ) -> Course {
        if !self.open && socket.may_send() {
            (self.open, self.since) = (true, now);
            on_event(Observed::Opened(self.tuple));
        }
        if !self.rested
            && self.open
            && self.back == self.part()
            && now >= self.since + self.visit.pause
        {
            if self.visit.restarts {
                return Course::Restart;
            }
            self.rested = true;
        }
        self.say(socket, now);
        if !self.listen(socket, now) {
            socket.abort();
            return Course::Over(CloseReason::Mismatch);
        }
        let is_whole = self.back == self.visit.len;
        let is_said = self.sent == self.visit.len;
        if is_said && (self.visit.half_close || is_whole) {
            socket.close();
        }
        let reason = match socket.state() {
            State::TimeWait | State::Closed if is_whole => CloseReason::Finished,
            State::Closed if self.open => CloseReason::Reset,
            State::Closed => CloseReason::ConnectRefused,
            // The server was the first to close.
            State::TimeWait | State::CloseWait if socket.recv_queue() == 0 => CloseReason::Short,
            _ if now >= self.since + PATIENCE => CloseReason::StallTimeout,
            _ => return Course::On,
        };
        if reason != CloseReason::Finished {
            socket.abort();
        }
        Course::Over(reason)
    }

    fn say(&mut self, socket: &mut tcp::Socket<'_>, now: Instant) {
        while self.sent < self.part() && socket.can_send() {
            let place = (self.sent % PATTERN.len() as u64) as usize;
            let len = (self.part() - self.sent).min((PATTERN.len() - place) as u64) as usize;
            let sent = socket.send_slice(&PATTERN[place..place + len]).unwrap_or(0);
            self.sent += sent as u64;
            self.since = now;
        }
    }

    /// Reads, and whether the echo is right.
    fn listen(&mut self, socket: &mut tcp::Socket<'_>, now: Instant) -> bool {
        let mut data = [0; LARGEST];
        let most = match self.visit.reads {
            None => data.len(),
            Some((bytes, pause)) if now >= self.reads_at => {
                self.reads_at = now + pause;
                bytes.min(data.len())
            }
            Some(_) => 0,
        };
        let Ok(n @ 1..) = socket.recv_slice(&mut data[..most]) else { return true };
        let expected = PATTERN.iter().cycle().skip((self.back % PATTERN.len() as u64) as usize);
        self.back += n as u64;
        self.since = now;
        self.back <= self.sent && data[..n].iter().eq(expected.take(n))
    }
}

/// Removes the MSS option of a SYN: the peer must then assume the default MSS (RFC 9293 MUST-15).
fn forget_segment_size(tcp: &mut TcpPacket<&mut [u8]>) {
    let options = tcp.options_mut();
    if let Some(at) = options.windows(2).position(|option| option == [2, 4]) {
        // Four no-operation options.
        options[at..at + 4].fill(1);
    }
}
