//! TCP: one interface, one socket, and segments built by hand.

mod wire;

use smoltcp::iface::{Config, Interface, PollResult, SocketHandle, SocketSet, SocketStorage};
use smoltcp::socket::tcp::{Socket, SocketBuffer, State};
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::*;

use wire::{OUR_MAC, PEER_MAC, Wire, frame, packet};

const OURS: Ipv4Address = Ipv4Address::new(10, 0, 0, 1);
const PEER: Ipv4Address = Ipv4Address::new(10, 0, 0, 2);

struct Stack {
    wire: Wire,
    iface: Interface,
    sockets: SocketSet<'static>,
    socket: SocketHandle,
    /// Window of the peer's segments.
    window: u16,
}

impl Stack {
    fn new() -> Stack {
        let mut wire = Wire::default();
        let mut iface = Interface::new(Config::new(OUR_MAC.into()), &mut wire, Instant::ZERO);
        iface.update_ip_addrs(|own| own.push(IpCidr::new(OURS.into(), 24)).expect("room"));
        let mut sockets = SocketSet::new(vec![SocketStorage::EMPTY].leak());
        let [rx, tx] = [(); 2].map(|()| SocketBuffer::new(vec![0; 1024].leak()));
        let socket = sockets.add(Socket::new(rx, tx));
        Stack { wire, iface, sockets, socket, window: 1000 }
    }

    fn socket(&mut self) -> &mut Socket<'static> {
        self.sockets.get_mut(self.socket)
    }

    fn poll(&mut self, at: Instant) {
        self.iface.poll(at, &mut self.wire, &mut self.sockets);
    }

    /// A segment from port 7 of the peer to our port 12345.
    fn segment(&mut self, to: Ipv4Address, control: TcpControl, seq: i32, ack: Option<i32>) {
        self.say(to, control, seq, ack, &[]);
    }

    /// The same with payload.
    fn say(
        &mut self,
        to: Ipv4Address,
        control: TcpControl,
        seq: i32,
        ack: Option<i32>,
        payload: &[u8],
    ) {
        let tcp = TcpRepr {
            src_port: 7,
            dst_port: 12_345,
            control,
            seq_number: TcpSeqNumber(seq),
            ack_number: ack.map(TcpSeqNumber),
            window_len: self.window,
            window_scale: None,
            max_seg_size: None,
            sack_permitted: false,
            sack_ranges: [None; 3],
            timestamp: None,
            payload,
        };
        let frame =
            packet(OUR_MAC, [PEER, to], IpProtocol::Tcp, tcp.buffer_len(), |buffer, sums| {
                tcp.emit(&mut TcpPacket::new_unchecked(buffer), &PEER.into(), &to.into(), sums);
            });
        self.wire.inbox.push_back(frame);
    }

    /// An ARP request from the peer, from which the interface learns the peer's hardware address.
    fn hello(&mut self) {
        let arp = ArpRepr::EthernetIpv4 {
            operation: ArpOperation::Request,
            source_hardware_addr: PEER_MAC,
            source_protocol_addr: PEER,
            target_hardware_addr: EthernetAddress([0; 6]),
            target_protocol_addr: OURS,
        };
        self.wire.inbox.push_back(frame(
            OUR_MAC,
            EthernetProtocol::Arp,
            arp.buffer_len(),
            |bytes| {
                arp.emit(&mut ArpPacket::new_unchecked(bytes));
            },
        ));
    }

    /// Listens and accepts the peer's connection. Returns our initial sequence number; the peer's is 1000.
    fn accept(&mut self) -> i32 {
        self.socket().listen(12_345).expect("a free socket");
        self.hello();
        self.segment(OURS, TcpControl::Syn, 1000, None);
        self.poll(Instant::ZERO);
        let ours = self.last_number();
        self.segment(OURS, TcpControl::None, 1001, Some(ours + 1));
        self.poll(Instant::from_millis(1));
        ours
    }

    /// The sequence number of the last segment that was sent.
    fn last_number(&self) -> i32 {
        let frame = self.wire.outbox.last().expect("a segment");
        TcpPacket::new_unchecked(&frame[34..]).seq_number().0
    }
}

#[test]
fn a_syn_to_a_broadcast_address_moves_a_listener() {
    let mut stack = Stack::new();
    stack.socket().listen(12_345).expect("a free socket");
    stack.segment(Ipv4Address::new(10, 0, 0, 255), TcpControl::Syn, 1000, None);
    stack.poll(Instant::ZERO);
    assert_ne!(stack.socket().state(), State::Listen);
}

#[test]
fn a_syn_without_an_answer_keeps_a_listener_for_ever() {
    let mut stack = Stack::new();
    stack.socket().listen(12_345).expect("a free socket");
    stack.segment(OURS, TcpControl::Syn, 1000, None);
    for second in 0..3600 {
        stack.poll(Instant::from_secs(second));
    }
    assert_eq!(stack.socket().state(), State::SynReceived);
}

#[test]
fn a_syn_within_a_connection_gets_no_challenge() {
    let mut stack = Stack::new();
    stack.accept();
    assert_eq!(stack.socket().state(), State::Established);
    let before = stack.wire.outbox.len();
    stack.segment(OURS, TcpControl::Syn, 500_000, None);
    stack.poll(Instant::from_secs(1));
    assert_eq!(stack.wire.outbox.len(), before);
}

#[test]
#[should_panic(expected = "underflow")]
fn a_syn_to_a_client_whose_own_has_not_left_panics() {
    let mut stack = Stack::new();
    let socket = stack.sockets.get_mut::<Socket<'_>>(stack.socket);
    socket.connect(stack.iface.context(), (PEER, 7), 12_345).expect("a free socket");
    // The peer's hardware address is unknown: the SYN waits, and no window was announced.
    stack.poll(Instant::ZERO);
    stack.segment(OURS, TcpControl::Syn, 1000, None);
    stack.poll(Instant::from_millis(1));
    stack.iface.poll_at(Instant::from_millis(1), &stack.sockets);
}

#[test]
fn a_window_that_stays_shut_behind_our_fin_is_answered_without_end() {
    let mut stack = Stack::new();
    stack.window = 0;
    let ours = stack.accept();
    stack.socket().send_slice(b"1").expect("room");
    stack.socket().close();
    stack.segment(OURS, TcpControl::None, 1001, Some(ours + 1));
    stack.poll(Instant::from_millis(2));
    // The probe carries the byte and the FIN; both are acknowledged, and the timer stays.
    stack.poll(Instant::from_secs(2));
    stack.segment(OURS, TcpControl::None, 1001, Some(ours + 3));
    stack.poll(Instant::from_secs(2));
    assert_eq!(stack.socket().state(), State::FinWait2);
    // `Interface::poll` would not return before the device is full.
    for _ in 0..1000 {
        let result =
            stack.iface.poll_egress(Instant::from_secs(5), &mut stack.wire, &mut stack.sockets);
        assert_eq!(result, PollResult::SocketStateChanged);
    }
}

/// RFC 9293 section 3.10.7.4: a segment is trimmed to the window, its FIN included.
#[test]
fn a_fin_is_taken_although_the_text_before_it_was_cut() {
    let mut stack = Stack::new();
    let ours = stack.accept();
    stack.say(OURS, TcpControl::Fin, 1001, Some(ours + 1), &[0; 1025]);
    stack.poll(Instant::from_millis(2));
    assert_eq!(stack.socket().recv_queue(), 1024);
    assert_eq!(stack.socket().state(), State::CloseWait);
}

/// RFC 9293 section 3.10.7.4, seventh step: in CLOSE-WAIT the segment text is ignored.
#[test]
fn text_behind_a_fin_is_taken() {
    let mut stack = Stack::new();
    let ours = stack.accept();
    stack.segment(OURS, TcpControl::Fin, 1001, Some(ours + 1));
    stack.say(OURS, TcpControl::None, 1002, Some(ours + 1), b"more");
    stack.poll(Instant::from_millis(2));
    assert_eq!(stack.socket().state(), State::CloseWait);
    assert_eq!(stack.socket().recv_queue(), 4);
}

/// No type and no error requires a unicast gateway; the first packet through it panics.
#[test]
#[should_panic(expected = "is_unicast")]
fn a_default_route_to_no_host_panics() {
    let mut stack = Stack::new();
    stack.iface.routes_mut().add_default_ipv4_route(Ipv4Address::BROADCAST).expect("room");
    let far = Ipv4Address::new(203, 0, 113, 5);
    let socket = stack.sockets.get_mut::<Socket<'_>>(stack.socket);
    socket.connect(stack.iface.context(), (far, 7), 12_345).expect("a free socket");
    stack.poll(Instant::ZERO);
}

/// `Instant + Duration` casts to `i64`: the longest duration is -1 µs, and half of it panics or wraps.
#[test]
fn a_timeout_without_end_is_over_at_once() {
    let mut stack = Stack::new();
    let socket = stack.sockets.get_mut::<Socket<'_>>(stack.socket);
    socket.set_timeout(Some(Duration::MAX));
    socket.connect(stack.iface.context(), (PEER, 7), 12_345).expect("a free socket");
    stack.poll(Instant::from_secs(1));
    assert_eq!(stack.socket().state(), State::Closed);
}

/// RFC 9293 section 3.10.7.4, fifth step: a window update is taken in LAST-ACK as in every state.
#[test]
fn a_window_update_in_last_ack_is_ignored() {
    let mut stack = Stack::new();
    let ours = stack.accept();
    stack.window = 0;
    stack.segment(OURS, TcpControl::Fin, 1001, Some(ours + 1));
    stack.poll(Instant::from_millis(2));
    stack.socket().send_slice(b"waits for the window").expect("room");
    stack.socket().close();
    stack.poll(Instant::from_millis(3));
    assert_eq!(stack.socket().state(), State::LastAck);
    let before = stack.wire.outbox.len();
    stack.window = 1000;
    stack.segment(OURS, TcpControl::None, 1002, Some(ours + 1));
    stack.poll(Instant::from_millis(4));
    let texts = stack.wire.outbox[before..].iter().filter(|frame| frame.len() > 54);
    assert_eq!(texts.count(), 0, "an ACK at most: the text waits for the next probe");
}

/// RFC 6675 section 2: an ACK with new SACK information is a duplicate ACK, with text or without.
#[test]
fn duplicate_acks_that_carry_text_are_not_counted() {
    let mut stack = Stack::new();
    let ours = stack.accept();
    stack.socket().send_slice(b"lost").expect("room");
    stack.poll(Instant::from_millis(2));
    let before = stack.wire.outbox.len();
    for n in 0..5 {
        stack.say(OURS, TcpControl::None, 1001 + n, Some(ours + 1), b"x");
        stack.poll(Instant::from_millis(3));
    }
    let again = stack.wire.outbox[before..].iter().filter(|frame| frame.ends_with(b"lost"));
    assert_eq!(again.count(), 0);
}

/// RFC 9293 section 3.10.7.4, fifth step: an old ACK is ignored, and the text is taken.
#[test]
fn text_with_an_old_ack_is_dropped() {
    let mut stack = Stack::new();
    let ours = stack.accept();
    stack.socket().send_slice(b"1234").expect("room");
    stack.poll(Instant::from_millis(2));
    stack.segment(OURS, TcpControl::None, 1001, Some(ours + 5));
    stack.say(OURS, TcpControl::None, 1001, Some(ours + 1), b"late");
    stack.poll(Instant::from_millis(3));
    assert_eq!(stack.socket().recv_queue(), 0);
}
