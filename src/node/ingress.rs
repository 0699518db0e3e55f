//! The way of a frame into the node: taken from the device, classified, routed, delivered.

use smoltcp::phy::{Device, RxToken, TxToken};
use smoltcp::time::Instant;
#[cfg(feature = "proto-ipv6")]
use smoltcp::wire::Ipv6Address;
use smoltcp::wire::{EthernetFrame, IpAddress};

use super::Node;
use crate::cookie::Returned;
use crate::event::{DropReason, Event, Sink, Tuple};
use crate::gate::{FrameClass, LocalAddresses};
#[cfg(feature = "proto-ipv6")]
use crate::ipv6::Problem;
use crate::phy::seq_tracker::TrackedTxToken;
use crate::phy::single_frame::SingleFrame;
use crate::segment::Segment;
use crate::strip;

/// Where a frame goes.
pub(super) enum Route<'f> {
    /// To the socket of this slot.
    Slot(usize),
    /// The same, and then the socket retransmits its first segment.
    Retransmit(usize, &'f Segment<'f>),
    /// Its text goes to the socket of this slot, with another ACK.
    Text(usize, &'f Segment<'f>),
    /// To the socket of this slot, once it has the state that the returned cookie stands for.
    Restored(usize, Returned, &'f Segment<'f>),
    /// Nowhere: its SYN is answered with a cookie, for a peer with this maximum segment size.
    Cookie(&'f Segment<'f>, Option<u16>),
    /// To the sockets of the ports, and on to their services; a whole datagram has its two ends.
    Ports(Option<Tuple>),
    /// To the DHCP client.
    Dhcp,
    /// To smoltcp; it may tell the hardware address of this next hop.
    Neighbor(Option<IpAddress>),
    /// To smoltcp and to the addresses that come from routers.
    #[cfg(feature = "proto-ipv6")]
    Router,
    /// To smoltcp, which ignores it: the connection of this slot sends smaller segments from now on.
    Narrowed(usize),
    /// To smoltcp, which answers by itself: ping, ICMP errors.
    Interface,
    /// Nowhere.
    Drop(DropReason, Option<&'f Tuple>, Answer<'f>),
}

/// What the sender of a dropped frame is sent.
pub(super) enum Answer<'f> {
    Nothing,
    Reset,
    /// A challenge ACK for this segment, with the sequence state of the connection in this slot
    /// (RFC 5961): an honest peer follows it, a blind attacker learns nothing.
    Challenge(usize, &'f Segment<'f>),
    /// A reset that acknowledges this segment, which has no ACK; smoltcp's does so for a SYN alone.
    ResetAck(&'f Segment<'f>),
    /// An ICMPv6 parameter problem, from this address.
    #[cfg(feature = "proto-ipv6")]
    Problem(Problem, Ipv6Address),
}

/// What is to be served after a delivery.
enum Delivered {
    Slot(usize),
    Narrowed(usize),
    Ports(Option<Tuple>),
    Nothing,
}

impl<'a> Node<'a> {
    /// Takes one frame from the device and sees it through. Returns false if there was none.
    pub(super) fn ingress<D: Device + ?Sized>(
        &mut self,
        now: Instant,
        device: &mut D,
        on_event: &mut impl Sink,
    ) -> bool {
        let Some((rx, token)) = device.receive(now) else {
            return false;
        };
        self.stats.frames += 1;
        let (meta, mut seq) = (rx.meta(), None);
        let reply = TrackedTxToken { token, seq: &mut seq };
        let delivered = rx.consume(|frame| {
            let frame = SingleFrame::new(frame, meta, reply);
            if strip::is_needed(frame.bytes()) {
                self.take_stripped(frame, now, on_event)
            } else {
                self.take(frame, now, on_event)
            }
        });
        match delivered {
            Delivered::Slot(slot) => {
                self.pool.slot(slot).track(seq);
                self.service_slot(slot, now, device, on_event);
            }
            Delivered::Narrowed(slot) => {
                self.rewind(slot, now, device);
                self.service_slot(slot, now, device, on_event);
            }
            Delivered::Ports(tuple) => self.answer(tuple, now, device, on_event),
            Delivered::Nothing => {}
        }
        true
    }

    fn take<Tx: TxToken>(
        &mut self,
        frame: SingleFrame<'_, Tx>,
        now: Instant,
        on_event: &mut impl Sink,
    ) -> Delivered {
        let class = self.local_addresses().classify(frame.bytes());
        let route = self.route(&class, now, on_event);
        self.deliver(route, frame, now, on_event)
    }

    /// Takes a frame with headers that smoltcp does not read. Not inlined: only such frames need the stack for
    /// the copy.
    #[inline(never)]
    fn take_stripped<Tx: TxToken>(
        &mut self,
        frame: SingleFrame<'_, Tx>,
        now: Instant,
        on_event: &mut impl Sink,
    ) -> Delivered {
        let mut buffer = [0; strip::MAX_LEN];
        match strip::strip(frame.bytes(), &mut buffer) {
            Some(bytes) => self.take(frame.with_bytes(bytes), now, on_event),
            None => {
                let route = Route::Drop(DropReason::UnknownProtocol, None, Answer::Nothing);
                self.deliver(route, frame, now, on_event)
            }
        }
    }

    /// The gate's view of this node.
    pub(super) fn local_addresses(&self) -> LocalAddresses<'_> {
        LocalAddresses { mac: self.mac, addresses: self.iface.ip_addrs() }
    }

    /// Decides where a frame goes. A SYN that is admitted has its slot afterwards.
    fn route<'f>(
        &mut self,
        class: &'f FrameClass<'f>,
        now: Instant,
        on_event: &mut impl Sink,
    ) -> Route<'f> {
        match *class {
            FrameClass::Segment(ref segment) => self.admit(segment, now, on_event),
            FrameClass::Dhcp(ref tuple)
                if self.addresses.leases() && !tuple.remote.addr.is_unicast() =>
            {
                Route::Drop(DropReason::BadSource, Some(tuple), Answer::Nothing)
            }
            FrameClass::Dhcp(_) if self.addresses.leases() => Route::Dhcp,
            // RFC 4443 section 2.4 (e): a datagram to a group gets no "port unreachable"; smoltcp sends it.
            FrameClass::Datagram(ref tuple) | FrameClass::Dhcp(ref tuple)
                if tuple.local.addr.is_multicast() && !self.is_bound(tuple.local.port) =>
            {
                Route::Drop(DropReason::Broadcast, Some(tuple), Answer::Nothing)
            }
            FrameClass::Datagram(tuple) | FrameClass::Dhcp(tuple) => Route::Ports(Some(tuple)),
            FrameClass::Fragment(end) if end > self.largest_arrival() => {
                Route::Drop(DropReason::Fragment, None, Answer::Nothing)
            }
            FrameClass::Fragment(_) => Route::Ports(None),
            FrameClass::Neighbor(next_hop) => Route::Neighbor(next_hop),
            #[cfg(feature = "proto-ipv6")]
            FrameClass::Router => Route::Router,
            #[cfg(feature = "proto-ipv6")]
            FrameClass::Problem(problem, from, to) => self.refuse_ipv6(problem, from, to),
            FrameClass::TooBig(too_big, router) => match self.narrow(&too_big, router, now) {
                Some(slot) => Route::Narrowed(slot),
                None => Route::Interface,
            },
            FrameClass::PortUnreachable(ref tuple) => {
                self.refuse_query(tuple);
                Route::Interface
            }
            FrameClass::Other => Route::Interface,
            FrameClass::Drop(reason) => Route::Drop(reason, None, Answer::Nothing),
        }
    }

    /// Which answer an IPv6 packet has that is not understood.
    #[cfg(feature = "proto-ipv6")]
    fn refuse_ipv6<'f>(&self, problem: Problem, from: Ipv6Address, to: Ipv6Address) -> Route<'f> {
        let own = self.local_addresses();
        if !to.is_multicast() && !own.has(&to.into()) {
            return Route::Drop(DropReason::NotOurs, None, Answer::Nothing);
        }
        if !own.is_possible_peer(&from.into(), &to.into()) {
            return Route::Drop(DropReason::BadSource, None, Answer::Nothing);
        }
        // RFC 4443 section 2.4 (e.3).
        let answer = match (to.is_multicast(), problem.is_for_groups) {
            (false, _) => Answer::Problem(problem, to),
            (true, true) => match self.iface.get_source_address_ipv6(&from) {
                source if own.has(&source.into()) => Answer::Problem(problem, source),
                _ => Answer::Nothing,
            },
            (true, false) => Answer::Nothing,
        };
        Route::Drop(DropReason::UnknownProtocol, None, answer)
    }

    /// Hands a frame to smoltcp together with the sockets that may take it, or drops it; counts it once.
    fn deliver<Tx: TxToken>(
        &mut self,
        route: Route<'_>,
        mut frame: SingleFrame<'_, Tx>,
        now: Instant,
        on_event: &mut impl Sink,
    ) -> Delivered {
        if let Route::Drop(reason, tuple, answer) = route {
            self.answer_dropped(answer, frame, now);
            self.stats.count_dropped(reason);
            on_event(Event::Dropped { reason, tuple: tuple.copied() });
            return Delivered::Nothing;
        }
        self.stats.delivered += 1;
        match route {
            Route::Restored(slot, returned, segment) => {
                self.restore(slot, returned, segment, now);
                self.iface.poll_ingress_single(now, &mut frame, self.pool.slot(slot).parts().0);
                return Delivered::Slot(slot);
            }
            Route::Narrowed(slot) => return Delivered::Narrowed(slot),
            Route::Slot(slot) => {
                if let Some(path) = self.pool.slot(slot).path() {
                    path.next_hop = EthernetFrame::new_unchecked(frame.bytes()).src_addr();
                }
                self.iface.poll_ingress_single(now, &mut frame, self.pool.slot(slot).parts().0);
                return Delivered::Slot(slot);
            }
            Route::Retransmit(slot, segment) => {
                self.iface.poll_ingress_single(now, &mut frame, self.pool.slot(slot).parts().0);
                self.retransmit(slot, segment, now);
                return Delivered::Slot(slot);
            }
            Route::Text(slot, segment) => {
                self.deliver_text(slot, segment, now);
                return Delivered::Slot(slot);
            }
            Route::Ports(tuple) => {
                self.iface.poll_ingress_single(now, &mut frame, &mut self.common);
                return Delivered::Ports(tuple);
            }
            Route::Cookie(syn, segment_size) => self.give_cookie(syn, segment_size, frame, now),
            Route::Dhcp => self.addresses.offered(frame.bytes(), now, &self.checksums),
            Route::Neighbor(next_hop) => self.hear_neighbor(next_hop, frame, now),
            #[cfg(feature = "proto-ipv6")]
            Route::Router => {
                let bytes = frame.bytes();
                self.iface.poll_ingress_single(now, &mut frame, &mut self.common);
                self.addresses.advertised(bytes, now);
            }
            Route::Interface | Route::Drop(..) => {
                self.iface.poll_ingress_single(now, &mut frame, &mut self.common);
            }
        }
        Delivered::Nothing
    }
}
