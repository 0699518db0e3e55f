//! A DHCP client, and the messages of a server, built by hand.

mod wire;

use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet, SocketStorage};
use smoltcp::socket::dhcpv4::{Event, Socket};
use smoltcp::time::Instant;
use smoltcp::wire::*;

use wire::{OUR_MAC, Wire, packet};

const SERVER: Ipv4Address = Ipv4Address::new(10, 0, 0, 2);
const LENT: Ipv4Address = Ipv4Address::new(10, 0, 0, 100);
const LEASE: i64 = 100;

struct Stack {
    wire: Wire,
    iface: Interface,
    sockets: SocketSet<'static>,
    socket: SocketHandle,
    /// Source of the server's packets, and the router that it announces.
    source: Ipv4Address,
    router: Ipv4Address,
    /// It does not say mask and router again when it renews.
    is_terse: bool,
}

impl Stack {
    fn new(source: Ipv4Address, router: Ipv4Address) -> Stack {
        let mut wire = Wire::default();
        let iface = Interface::new(Config::new(OUR_MAC.into()), &mut wire, Instant::ZERO);
        let mut sockets = SocketSet::new(vec![SocketStorage::EMPTY].leak());
        let socket = sockets.add(Socket::new());
        Stack { wire, iface, sockets, socket, source, router, is_terse: false }
    }

    /// One turn of the loop in smoltcp's DHCP example, and a server that answers every message.
    fn step(&mut self, at: Instant) {
        self.iface.poll(at, &mut self.wire, &mut self.sockets);
        match self.sockets.get_mut::<Socket<'_>>(self.socket).poll() {
            Some(Event::Configured(lease)) => {
                self.iface.update_ip_addrs(|own| own.push(lease.address.into()).expect("room"));
                if let Some(router) = lease.router {
                    self.iface.routes_mut().add_default_ipv4_route(router).expect("room");
                }
            }
            Some(Event::Deconfigured) => self.iface.update_ip_addrs(|own| own.clear()),
            None => {}
        }
        let asked = std::mem::take(&mut self.wire.outbox);
        let answers = asked.iter().filter_map(|frame| self.answer(frame)).collect::<Vec<_>>();
        self.wire.inbox.extend(answers);
    }

    fn answer(&self, frame: &[u8]) -> Option<Vec<u8>> {
        let ethernet = EthernetFrame::new_checked(frame).ok()?;
        let ip = Ipv4Packet::new_checked(ethernet.payload()).ok()?;
        let udp = UdpPacket::new_checked(ip.payload()).ok()?;
        let packet = DhcpPacket::new_checked(udp.payload()).ok()?;
        let asked = DhcpRepr::parse(&packet).ok()?;
        let message_type = match asked.message_type {
            DhcpMessageType::Discover => DhcpMessageType::Offer,
            _ => DhcpMessageType::Ack,
        };
        let says_all = !self.is_terse || asked.client_ip.is_unspecified();
        let repr = DhcpRepr {
            message_type,
            your_ip: LENT,
            server_ip: SERVER,
            router: says_all.then_some(self.router),
            subnet_mask: says_all.then_some(Ipv4Address::new(255, 255, 255, 0)),
            broadcast: true,
            requested_ip: None,
            client_identifier: None,
            server_identifier: Some(SERVER),
            parameter_request_list: None,
            max_size: None,
            lease_duration: Some(LEASE as u32),
            ..asked
        };
        let mut payload = vec![0; repr.buffer_len()];
        repr.emit(&mut DhcpPacket::new_unchecked(&mut payload[..])).expect("room");
        Some(self.frame(&payload))
    }

    fn frame(&self, payload: &[u8]) -> Vec<u8> {
        let to = Ipv4Address::BROADCAST;
        let udp = UdpRepr { src_port: 67, dst_port: 68 };
        let len = udp.header_len() + payload.len();
        let mac = EthernetAddress::BROADCAST;
        packet(mac, [self.source, to], IpProtocol::Udp, len, |buffer, sums| {
            let mut packet = UdpPacket::new_unchecked(buffer);
            let fill = |room: &mut [u8]| room.copy_from_slice(payload);
            udp.emit(&mut packet, &self.source.into(), &to.into(), payload.len(), fill, sums);
        })
    }
}

/// The client renews the lease at the source address of the offer.
#[test]
#[should_panic(expected = "is_unspecified")]
fn a_server_that_answers_from_nowhere_panics_the_client() {
    let mut stack = Stack::new(Ipv4Address::UNSPECIFIED, SERVER);
    for second in 0..LEASE {
        stack.step(Instant::from_secs(second));
    }
}

/// Some servers announce 0.0.0.0 for "no router". The client panics at the first packet through it.
#[test]
#[should_panic(expected = "is_unicast")]
fn a_router_that_is_none_panics_the_client() {
    let mut stack = Stack::new(SERVER, Ipv4Address::UNSPECIFIED);
    for second in 0..5 {
        stack.step(Instant::from_secs(second));
    }
    // From another network: the answer goes through the router.
    let far = Ipv4Address::new(203, 0, 113, 5);
    let ping = Icmpv4Repr::EchoRequest { ident: 1, seq_no: 1, data: &[] };
    let len = ping.buffer_len();
    let frame = packet(OUR_MAC, [far, LENT], IpProtocol::Icmp, len, |buffer, sums| {
        ping.emit(&mut Icmpv4Packet::new_unchecked(buffer), sums);
    });
    stack.wire.inbox.push_back(frame);
    stack.step(Instant::from_secs(5));
}

/// A renewal is answered, and the lease ends all the same: the answer does not repeat the mask.
#[test]
fn a_renewal_without_a_mask_loses_the_lease() {
    let mut stack = Stack::new(SERVER, SERVER);
    stack.is_terse = true;
    let has_lost = (0..LEASE + 5).any(|second| {
        stack.step(Instant::from_secs(second));
        second > 5 && stack.iface.ipv4_addr().is_none()
    });
    assert!(has_lost);
}

/// The faults above come from the server's answers alone.
#[test]
fn a_good_server_panics_nobody() {
    let mut stack = Stack::new(SERVER, SERVER);
    for second in 0..3 * LEASE {
        stack.step(Instant::from_secs(second));
    }
    assert_eq!(stack.iface.ipv4_addr(), Some(LENT));
}
