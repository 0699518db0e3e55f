//! Datagrams in the node: from a port's socket to its service, and from a transmit slot to the device.

use smoltcp::phy::Device;
use smoltcp::socket::udp::Socket;
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{IpAddress, IpEndpoint};

use super::fragments::{fragments_have_left, is_fragmenting};
use super::{BindError, Node, earlier};
use crate::client::udp::Next;
use crate::config::UdpService;
use crate::event::{DatagramDropReason, Event, Protocol, Sink, Tuple};
use crate::phy::seq_tracker::SeqTracker;
use crate::udp_queue::{Port, PortRole, TxSlot};

/// smoltcp sends one ARP request or neighbour solicitation in this time, for all peers together
/// (`SILENT_TIME` of its neighbor cache). Each waiting datagram gets this number of turns.
const TURN: Duration = Duration::from_secs(1);
const TURNS: u8 = 3;

const UDP_HEADER: usize = 8;

impl<'a> Node<'a> {
    /// Serves datagrams to this port from now on.
    ///
    /// # Errors
    ///
    /// The port is 0 or already bound, or the memory has no port left: see [`BindError`].
    pub fn bind(&mut self, port: u16, service: UdpService) -> Result<(), BindError> {
        if port == 0 {
            return Err(BindError::Port);
        }
        if self.is_bound(port) {
            return Err(BindError::InUse);
        }
        self.take_port(port, PortRole::Serve(service)).ok_or(BindError::NoPort)
    }

    pub(super) fn is_bound(&self, port: u16) -> bool {
        self.ports.iter().any(|bound| self.port_of(bound) == port)
    }

    fn port_of(&self, port: &Port<'a>) -> u16 {
        self.common.get::<Socket<'a>>(port.handle).endpoint().port
    }

    pub(super) fn take_port(&mut self, port: u16, role: PortRole<'a>) -> Option<()> {
        let free = self.ports.iter_mut().find(|port| matches!(port.role, PortRole::Unbound))?;
        self.common.get_mut::<Socket<'a>>(free.handle).bind(port).ok()?;
        free.role = role;
        Some(())
    }

    /// Bytes of the largest UDP packet that any port has room for.
    pub(super) fn largest_arrival(&self) -> usize {
        let room = |port: &Port<'a>| {
            self.common.get::<Socket<'a>>(port.handle).payload_recv_capacity() + UDP_HEADER
        };
        self.ports.iter().map(room).max().unwrap_or(0)
    }

    /// The largest payload that fits into one packet, in bytes.
    pub(super) fn largest_whole(&self, remote: IpAddress) -> usize {
        let ip_header = match remote {
            IpAddress::Ipv4(_) => 20,
            #[cfg(feature = "proto-ipv6")]
            IpAddress::Ipv6(_) => 40,
        };
        self.ip_mtu - ip_header - UDP_HEADER
    }

    /// Serves the datagrams that a frame brought to the ports. `expected` has the two ends of the frame's
    /// datagram, unless it was a fragment.
    pub(super) fn answer<D: Device + ?Sized>(
        &mut self,
        expected: Option<Tuple>,
        now: Instant,
        device: &mut D,
        on_event: &mut impl Sink,
    ) {
        let mut arrived = false;
        for port in 0..self.ports.len() {
            let Some(tuple) = self.arrival(port) else { continue };
            arrived = true;
            self.stats.datagrams_received += 1;
            if let Err(reason) = self.judge(&tuple, port, now) {
                let _ = self.common.get_mut::<Socket<'a>>(self.ports[port].handle).recv();
                self.drop_datagram(reason, tuple, on_event);
            } else if let Some(sender) = self.serve(port, &tuple, now, on_event) {
                self.send(sender, now, device, on_event);
            }
        }
        if let Some(tuple) = expected
            && !arrived
            && self.is_bound(tuple.local.port)
        {
            // smoltcp drops some datagrams before a socket sees them.
            let reason = self.judge_ends(&tuple).err().unwrap_or(DatagramDropReason::Unreadable);
            self.drop_datagram(reason, tuple, on_event);
        }
    }

    /// The two ends of the datagram in a port's socket.
    fn arrival(&mut self, port: usize) -> Option<Tuple> {
        let socket = self.common.get_mut::<Socket<'a>>(self.ports[port].handle);
        let local_port = socket.endpoint().port;
        let (_, metadata) = socket.peek().ok()?;
        let local = IpEndpoint::new(metadata.local_address?, local_port);
        Some(Tuple { local, remote: metadata.endpoint })
    }

    fn judge_ends(&self, tuple: &Tuple) -> Result<(), DatagramDropReason> {
        let own = self.local_addresses();
        if !own.has(&tuple.local.addr) {
            return Err(DatagramDropReason::Destination);
        }
        if !own.is_possible_peer(&tuple.remote.addr, &tuple.local.addr) {
            return Err(DatagramDropReason::Source);
        }
        Ok(())
    }

    fn judge(
        &mut self,
        tuple: &Tuple,
        port: usize,
        now: Instant,
    ) -> Result<(), DatagramDropReason> {
        self.judge_ends(tuple)?;
        match self.ports[port].role {
            PortRole::Ask(asked, _) if asked != *tuple => Err(DatagramDropReason::Source),
            PortRole::Ask(..) | PortRole::Unbound => Ok(()),
            PortRole::Serve(_) if self.is_bound(tuple.remote.port) => {
                Err(DatagramDropReason::SourcePort)
            }
            PortRole::Serve(_) => self.udp_limiter.judge(&tuple.remote, now),
        }
    }

    /// Takes a datagram from its port and serves it. Returns the transmit slot with the answer.
    fn serve(
        &mut self,
        port: usize,
        tuple: &Tuple,
        now: Instant,
        on_event: &mut impl Sink,
    ) -> Option<usize> {
        // Only a service that answers needs a transmit slot.
        let sender = match self.ports[port].role {
            PortRole::Serve(service) if service.answer_len(0).is_some() => {
                Some(self.vacant_sender(on_event)?)
            }
            _ => None,
        };
        let Port { handle, role } = &mut self.ports[port];
        let (data, _) = self.common.get_mut::<Socket<'a>>(*handle).recv().ok()?;
        on_event(Event::Received { protocol: Protocol::Udp, tuple: *tuple, data });
        let len = match role {
            PortRole::Serve(service) => {
                let len = service.answer_len(data.len())?;
                self.tx_slots[sender?].put(*tuple, len, now, |answer| {
                    let written = service.answer(data, answer);
                    debug_assert_eq!(written, Ok(()));
                })?;
                self.waiting += 1;
                len
            }
            PortRole::Ask(_, exchange) => {
                exchange.answer(data);
                return None;
            }
            PortRole::Unbound => return None,
        };
        self.stats.datagrams_sent += 1;
        on_event(Event::Sent { protocol: Protocol::Udp, tuple: *tuple, bytes: len });
        sender
    }

    /// Sends the questions that are due, and reports the queries that have ended.
    pub(super) fn ask<D: Device + ?Sized>(
        &mut self,
        now: Instant,
        device: &mut D,
        on_event: &mut impl Sink,
    ) {
        for port in 0..self.ports.len() {
            let PortRole::Ask(tuple, mut exchange) = self.ports[port].role else { continue };
            if exchange.next(now) == Next::Timeout {
                exchange.time_out();
            }
            match exchange.next(now) {
                Next::Wait(_) | Next::Timeout => {}
                Next::Done => {
                    self.common.get_mut::<Socket<'a>>(self.ports[port].handle).close();
                    self.ports[port].role = PortRole::Unbound;
                    on_event(Event::Reported { tuple, report: exchange.report() });
                    continue;
                }
                Next::Send => {
                    let Some(sender) = self.vacant_sender(on_event) else { continue };
                    let bytes = exchange.len();
                    let ask = |question: &mut [u8]| {
                        let written = exchange.ask(question, now);
                        debug_assert_eq!(written, Ok(()));
                    };
                    if self.tx_slots[sender].put(tuple, bytes, now, ask).is_some() {
                        self.waiting += 1;
                        self.stats.datagrams_sent += 1;
                        on_event(Event::Sent { protocol: Protocol::Udp, tuple, bytes });
                        self.send(sender, now, device, on_event);
                    }
                }
            }
            self.ports[port].role = PortRole::Ask(tuple, exchange);
        }
    }

    /// Retries the datagrams that wait for a hardware address, and drops those that have waited too long.
    pub(super) fn flush<D: Device + ?Sized>(
        &mut self,
        now: Instant,
        device: &mut D,
        on_event: &mut impl Sink,
    ) {
        fragments_have_left(&mut self.iface, now, device);
        if self.waiting == 0 {
            return;
        }
        // The datagram with the fewest turns goes first: smoltcp asks for one address a second.
        for neighbor_probes in 0..=TURNS {
            for sender in 0..self.tx_slots.len() {
                match self.tx_slots[sender].deadline() {
                    Some(deadline) if deadline <= now => self.give_up(sender, on_event),
                    Some(_) if self.tx_slots[sender].neighbor_probes == neighbor_probes => {
                        self.send(sender, now, device, on_event);
                    }
                    _ => {}
                }
            }
        }
    }

    pub(super) fn datagrams_due(&mut self, now: Instant) -> Option<Instant> {
        let iface = &mut self.iface;
        if is_fragmenting(iface, now) {
            return Some(now);
        }
        let mut due = None;
        if self.waiting > 0 {
            let deadlines = self.tx_slots.iter().filter_map(TxSlot::deadline);
            due = deadlines.min().map(|deadline| deadline.min(self.next_turn));
        }
        for port in &*self.ports {
            if let PortRole::Ask(_, exchange) = &port.role {
                let at = match exchange.next(now) {
                    Next::Wait(until) => until,
                    Next::Send | Next::Timeout | Next::Done => now,
                };
                due = earlier(due, Some(at));
            }
        }
        due
    }

    /// An empty transmit slot. If there is none, the datagram that has waited longest is dropped.
    fn vacant_sender(&mut self, on_event: &mut impl Sink) -> Option<usize> {
        if let Some(vacant) = self.tx_slots.iter().position(TxSlot::is_empty) {
            return Some(vacant);
        }
        let oldest =
            (0..self.tx_slots.len()).min_by_key(|sender| self.tx_slots[*sender].since())?;
        self.give_up(oldest, on_event);
        Some(oldest)
    }

    fn give_up(&mut self, sender: usize, on_event: &mut impl Sink) {
        if let Some(tuple) = self.tx_slots[sender].clear() {
            self.waiting -= 1;
            self.drop_datagram(DatagramDropReason::Unreachable, tuple, on_event);
        }
    }

    /// Sends a transmit slot's datagram if the peer's hardware address is known.
    fn send<D: Device + ?Sized>(
        &mut self,
        sender: usize,
        now: Instant,
        device: &mut D,
        on_event: &mut impl Sink,
    ) {
        if !fragments_have_left(&mut self.iface, now, device) {
            return;
        }
        self.tx_slots[sender].clear_silence();
        let (seq, sender_sockets) = (&mut None, &mut self.tx_slots[sender].sockets);
        self.iface.poll_egress(now, &mut SeqTracker::new(device, seq), sender_sockets);
        let Some(left) = self.tx_slots[sender].take_sent() else {
            if device.transmit(now).is_none() {
                // The device has no room: this was no turn of the peer's.
                self.next_turn = now;
            } else if self.next_turn <= now {
                self.tx_slots[sender].neighbor_probes += 1;
                self.next_turn = now + TURN;
            }
            return;
        };
        self.waiting -= 1;
        let is_fragmented = left.len > self.largest_whole(left.tuple.remote.addr);
        if is_fragmented && !is_fragmenting(&mut self.iface, now) {
            // smoltcp accepts a datagram larger than its fragmentation buffer, and drops it.
            self.drop_datagram(DatagramDropReason::TooLarge, left.tuple, on_event);
        }
        fragments_have_left(&mut self.iface, now, device);
    }

    /// The node has lost an address: datagrams from it are dropped, and queries from it end.
    pub(super) fn end_datagrams_of(&mut self, address: IpAddress, on_event: &mut impl Sink) {
        for sender in 0..self.tx_slots.len() {
            if self.tx_slots[sender].tuple().is_some_and(|tuple| tuple.local.addr == address) {
                self.give_up(sender, on_event);
            }
        }
        for port in &mut *self.ports {
            if let PortRole::Ask(tuple, exchange) = &mut port.role
                && tuple.local.addr == address
            {
                exchange.give_up();
            }
        }
    }

    /// ICMP port unreachable for a query (RFC 1122 section 4.1.3.3).
    pub(super) fn refuse_query(&mut self, refused: &Tuple) {
        for port in &mut *self.ports {
            if let PortRole::Ask(tuple, exchange) = &mut port.role
                && tuple == refused
            {
                exchange.refuse();
            }
        }
    }

    fn drop_datagram(
        &mut self,
        reason: DatagramDropReason,
        tuple: Tuple,
        on_event: &mut impl Sink,
    ) {
        self.stats.count_datagram_dropped(reason);
        on_event(Event::DatagramDropped { reason, tuple });
    }
}
