//! What smoltcp does not read: ICMP errors, priority tags, IPv6's extension headers.

mod wire;

use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet, SocketStorage};
use smoltcp::socket::{tcp, udp};
use smoltcp::time::Instant;
use smoltcp::wire::*;

use wire::{OUR_MAC, PEER_MAC, Wire, frame, packet};

const OURS: Ipv4Address = Ipv4Address::new(10, 0, 0, 1);
const PEER: Ipv4Address = Ipv4Address::new(10, 0, 0, 2);
const OURS_V6: Ipv6Address = Ipv6Address::new(0xfd00, 0, 0, 0, 0, 0, 0, 1);
const PEER_V6: Ipv6Address = Ipv6Address::new(0xfd00, 0, 0, 0, 0, 0, 0, 2);
const ALL_NODES: Ipv6Address = IPV6_LINK_LOCAL_ALL_NODES;

/// The numbers of headers that no IPv6 packet needs.
const FRAGMENT: u8 = 44;
const NONE: u8 = 59;
const DESTINATION: u8 = 60;

struct Stack {
    wire: Wire,
    iface: Interface,
    sockets: SocketSet<'static>,
    tcp: SocketHandle,
    udp: SocketHandle,
}

impl Stack {
    /// With a TCP socket and a UDP socket, each at port 7, and a peer whose hardware address is known.
    fn new() -> Stack {
        let mut wire = Wire::default();
        let mut iface = Interface::new(Config::new(OUR_MAC.into()), &mut wire, Instant::ZERO);
        iface.update_ip_addrs(|own| {
            own.push(IpCidr::new(OURS.into(), 24)).expect("room");
            own.push(IpCidr::new(OURS_V6.into(), 64)).expect("room");
        });
        let mut sockets = SocketSet::new(vec![SocketStorage::EMPTY, SocketStorage::EMPTY].leak());
        let [rx, tx] = [(); 2].map(|()| tcp::SocketBuffer::new(vec![0; 4096].leak()));
        let mut server = tcp::Socket::new(rx, tx);
        server.listen(7).expect("a free socket");
        let [rx, tx] = [(); 2].map(|()| {
            let metadata = vec![udp::PacketMetadata::EMPTY; 4].leak();
            udp::PacketBuffer::new(metadata, vec![0; 4096].leak())
        });
        let mut port = udp::Socket::new(rx, tx);
        port.bind(7).expect("a free socket");
        let (tcp, udp) = (sockets.add(server), sockets.add(port));
        let mut stack = Stack { wire, iface, sockets, tcp, udp };

        let arp = ArpRepr::EthernetIpv4 {
            operation: ArpOperation::Request,
            source_hardware_addr: PEER_MAC,
            source_protocol_addr: PEER,
            target_hardware_addr: EthernetAddress([0; 6]),
            target_protocol_addr: OURS,
        };
        let hello = frame(OUR_MAC, EthernetProtocol::Arp, arp.buffer_len(), |bytes| {
            arp.emit(&mut ArpPacket::new_unchecked(bytes));
        });
        stack.take(hello);
        let solicit = Icmpv6Repr::Ndisc(NdiscRepr::NeighborSolicit {
            target_addr: OURS_V6,
            lladdr: Some(PEER_MAC.into()),
        });
        stack.take(icmpv6(PEER_V6, OURS_V6, &solicit));
        stack
    }

    /// The frames that are sent in answer to this one.
    fn take(&mut self, frame: Vec<u8>) -> Vec<Vec<u8>> {
        self.wire.inbox.push_back(frame);
        self.poll(Instant::ZERO)
    }

    fn poll(&mut self, at: Instant) -> Vec<Vec<u8>> {
        self.wire.outbox.clear();
        self.iface.poll(at, &mut self.wire, &mut self.sockets);
        self.wire.outbox.clone()
    }
}

fn segment(control: TcpControl, port: u16, seq: i32, ack: Option<TcpSeqNumber>) -> Vec<u8> {
    let tcp = TcpRepr {
        src_port: 5000,
        dst_port: port,
        control,
        seq_number: TcpSeqNumber(seq),
        ack_number: ack,
        window_len: 65_535,
        window_scale: None,
        max_seg_size: (control == TcpControl::Syn).then_some(1460),
        sack_permitted: false,
        sack_ranges: [None; 3],
        timestamp: None,
        payload: &[],
    };
    packet(OUR_MAC, [PEER, OURS], IpProtocol::Tcp, tcp.buffer_len(), |buffer, sums| {
        tcp.emit(&mut TcpPacket::new_unchecked(buffer), &PEER.into(), &OURS.into(), sums);
    })
}

fn ipv6(
    from: Ipv6Address,
    to: Ipv6Address,
    next_header: u8,
    len: usize,
    write: impl FnOnce(&mut [u8]),
) -> Vec<u8> {
    let mac = if to.is_multicast() { EthernetAddress([0x33, 0x33, 0, 0, 0, 1]) } else { OUR_MAC };
    let ip = Ipv6Repr {
        src_addr: from,
        dst_addr: to,
        next_header: next_header.into(),
        payload_len: len,
        hop_limit: 255,
    };
    frame(mac, EthernetProtocol::Ipv6, 40 + len, |buffer| {
        ip.emit(&mut Ipv6Packet::new_unchecked(&mut buffer[..]));
        write(&mut buffer[40..]);
    })
}

fn icmpv6(from: Ipv6Address, to: Ipv6Address, repr: &Icmpv6Repr<'_>) -> Vec<u8> {
    ipv6(from, to, 58, repr.buffer_len(), |buffer| {
        let mut icmp = Icmpv6Packet::new_unchecked(buffer);
        repr.emit(&from, &to, &mut icmp, &Default::default());
    })
}

const ECHO: Icmpv6Repr<'static> = Icmpv6Repr::EchoRequest { ident: 1, seq_no: 1, data: b"ping" };

/// A ping behind a header of eight bytes.
fn ping_behind(kind: u8, header: [u8; 8], to: Ipv6Address) -> Vec<u8> {
    let ping = icmpv6(PEER_V6, to, &ECHO);
    let icmp = &ping[14 + 40..];
    ipv6(PEER_V6, to, kind, 8 + icmp.len(), |buffer| {
        buffer[..8].copy_from_slice(&header);
        buffer[8..].copy_from_slice(icmp);
    })
}

/// The type, the code and the pointer of an ICMPv6 error.
fn error(frame: &[u8]) -> (u8, u8, u32) {
    let icmp = &frame[14 + 40..];
    (icmp[0], icmp[1], u32::from_be_bytes(icmp[4..8].try_into().expect("four bytes")))
}

/// RFC 9293 section 3.10.7.1 wants an ACK of all of it.
#[test]
fn a_fin_without_ack_to_a_closed_port_is_reset_without_ack() {
    let answers = Stack::new().take(segment(TcpControl::Fin, 9, 1000, None));
    let tcp = TcpPacket::new_unchecked(&answers[0][34..]);
    assert!(tcp.rst() && !tcp.ack());
}

/// RFC 8200 section 4.6, RFC 6946: both carry a ping. The pointer should be 6, the place of the field.
#[test]
fn destination_options_and_an_atomic_fragment_are_a_parameter_problem() {
    for kind in [DESTINATION, FRAGMENT] {
        let padding =
            if kind == FRAGMENT { [58, 0, 0, 0, 0, 0, 0, 1] } else { [58, 0, 1, 4, 0, 0, 0, 0] };
        let answers = Stack::new().take(ping_behind(kind, padding, OURS_V6));
        assert_eq!(error(&answers[0]), (4, 1, 40));
    }
}

/// RFC 8200 section 4.7: nothing follows, and nothing is wrong.
#[test]
fn no_next_header_is_a_parameter_problem() {
    let answers = Stack::new().take(ipv6(PEER_V6, OURS_V6, NONE, 0, |_| {}));
    assert_eq!(error(&answers[0]), (4, 1, 40));
}

/// RFC 4443 section 2.4 (e.3).
#[test]
fn a_group_is_told_of_a_parameter_problem() {
    let answers = Stack::new().take(ipv6(PEER_V6, ALL_NODES, 254, 8, |_| {}));
    assert_eq!(error(&answers[0]), (4, 1, 40));
}

/// RFC 8200 section 8.1.
#[test]
fn a_datagram_without_a_checksum_is_taken_over_ipv6() {
    let mut stack = Stack::new();
    stack.take(ipv6(PEER_V6, OURS_V6, 17, 9, |buffer| {
        buffer.copy_from_slice(&[0x13, 0x88, 0, 7, 0, 9, 0, 0, b'!']);
    }));
    assert!(stack.sockets.get_mut::<udp::Socket<'_>>(stack.udp).can_recv());
}

#[test]
fn a_ping_from_our_own_address_is_answered_over_ipv6() {
    let mut stack = Stack::new();
    // The answer waits for our own hardware address.
    assert_eq!(stack.take(icmpv6(OURS_V6, OURS_V6, &ECHO)).len(), 1);
}

/// IEEE 802.1Q: VLAN ID 0 says a priority, and no VLAN.
#[test]
fn a_priority_tag_is_an_unknown_protocol() {
    let syn = segment(TcpControl::Syn, 7, 1000, None);
    let tagged = [&syn[..12], &[0x81, 0, 0, 0], &syn[12..]].concat();
    assert_eq!(Stack::new().take(tagged).len(), 0);
}

/// RFC 1191: the segments that follow should be smaller.
#[test]
fn fragmentation_needed_is_ignored() {
    let mut stack = Stack::new();
    let syn_ack = stack.take(segment(TcpControl::Syn, 7, 1000, None)).remove(0);
    let ours = TcpPacket::new_unchecked(&syn_ack[34..]).seq_number() + 1;
    stack.take(segment(TcpControl::None, 7, 1001, Some(ours)));
    let socket = stack.sockets.get_mut::<tcp::Socket<'_>>(stack.tcp);
    socket.send_slice(&[7; 1460]).expect("room");
    let sent = stack.poll(Instant::ZERO).remove(0);
    assert_eq!(sent.len(), 14 + 1500);

    let too_big = packet(OUR_MAC, [PEER, OURS], IpProtocol::Icmp, 36, |buffer, _| {
        buffer[..8].copy_from_slice(&[3, 4, 0, 0, 0, 0, 0x05, 0x14]);
        buffer[8..].copy_from_slice(&sent[14..42]);
        Icmpv4Packet::new_unchecked(buffer).fill_checksum();
    });
    stack.take(too_big);
    let again = stack.poll(Instant::from_secs(3)).remove(0);
    assert_eq!(again.len(), 14 + 1500);
}
