//! Addresses from dnsmasq, by DHCP and by router advertisement, and the link-local address.

use std::{
    io::{Read, Write},
    net::{Ipv6Addr, SocketAddr, SocketAddrV6, TcpStream, UdpSocket},
    thread,
    time::Duration as Wall,
};

use nix::net::if_::if_nametoindex;
use smolecho::{
    CloseReason, Listener, Timeouts, UdpService,
    smoltcp::wire::{IpAddress, IpCidr},
};

use crate::{
    dnsmasq::Dnsmasq,
    host,
    lab::{Lab, Naming, Setup},
    program::Change,
    rig::{Family, PORT},
    sockets::{PATIENCE, be_patient},
    trial::{Case, cases},
};

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = cases![
        lease_is_gained_renewed_lost_and_gained_again,
        nak_for_a_lease_of_another_network_moves_the_node,
        prefix_is_gained_used_and_lost,
    ];
    cases = cases.into_iter().map(|case| case.needs("dnsmasq")).collect();
    cases.extend(cases![
        link_local_address_serves_with_a_scope,
        without_a_dhcp_server_it_keeps_asking,
    ]);
    cases
}

/// dnsmasq's shortest lease is two minutes: 6 s of real time with this clock.
const HASTE: u32 = 20;

fn setup(naming: Naming) -> Setup {
    // Without this deadline only the loss of the address ends a quiet connection.
    let timeouts = Timeouts { idle: None, ..Timeouts::DEFAULT };
    Setup {
        services: vec![(PORT, UdpService::Echo)],
        listener: Some(Listener::new(PORT, 8)),
        naming,
        timeouts,
        haste: HASTE,
        ..Setup::default()
    }
}

/// The address gained after `before` earlier changes.
#[track_caller]
fn gained(lab: &Lab, before: usize) -> IpCidr {
    lab.until("an address is gained", |view| match view.changes.get(before) {
        Some(Change::Gained(cidr)) => Some(*cidr),
        _ => None,
    })
}

#[track_caller]
fn lost(lab: &Lab, before: usize) -> IpCidr {
    lab.until("the address is lost", |view| match view.changes.get(before) {
        Some(Change::Lost(cidr)) => Some(*cidr),
        _ => None,
    })
}

fn endpoint(cidr: IpCidr) -> SocketAddr {
    match cidr.address() {
        IpAddress::Ipv4(v4) => (v4, PORT).into(),
        IpAddress::Ipv6(v6) => (v6, PORT).into(),
    }
}

/// An echo over UDP and one over TCP.
#[track_caller]
fn assert_echoes(server: SocketAddr, local: SocketAddr) {
    let socket = UdpSocket::bind(local).expect("bind");
    socket.set_read_timeout(Some(PATIENCE)).expect("timeout");
    socket.send_to(b"datagram", server).expect("send");
    let mut answer = [0; 64];
    let (n, from) = socket.recv_from(&mut answer).expect("an answer");
    assert_eq!((&answer[..n], from), (&b"datagram"[..], server));

    let mut stream = TcpStream::connect_timeout(&server, PATIENCE).expect("connect");
    be_patient(&stream);
    stream.write_all(b"stream").expect("send");
    stream.read_exact(&mut answer[..6]).expect("echo");
    assert_eq!(&answer[..6], b"stream");
}

const ANY_V4: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED), 0);
const ANY_V6: SocketAddr = SocketAddr::new(std::net::IpAddr::V6(Ipv6Addr::UNSPECIFIED), 0);

/// A server that lends the stations of a range.
fn lend(lab: &Lab, first: u8, last: u8) -> Dnsmasq {
    let host = lab.network.host(Family::V4).to_string();
    let net = host.rsplit_once('.').expect("IPv4").0.to_owned();
    let range = format!("--dhcp-range={net}.{first},{net}.{last},255.255.255.0,2m");
    Dnsmasq::run(&lab.network.interface, &[range])
}

fn lease_is_gained_renewed_lost_and_gained_again() {
    let lab = setup(Naming::Dhcp).run();
    let server = lend(&lab, 100, 110);
    let first = gained(&lab, 0);
    assert!(lab.network.is_in(first), "{first}");
    assert_echoes(endpoint(first), ANY_V4);
    let stream = TcpStream::connect_timeout(&endpoint(first), PATIENCE).expect("connect");
    be_patient(&stream);
    // One lease and a half: it has been renewed, and the connection still works.
    thread::sleep(Wall::from_secs(180) / HASTE);
    assert!(server.log().matches("DHCPACK").count() >= 2, "{}", server.log());
    assert_echoes(endpoint(first), ANY_V4);
    (&stream).write_all(b"still").expect("send");
    (&stream).read_exact(&mut [0; 5]).expect("echo");
    lab.until("no change", |view| (view.changes.len() == 1).then_some(()));

    drop(server);
    assert_eq!(lost(&lab, 1), first);
    let end = lab.until_closed(stream.local_addr().expect("address")).end;
    assert_eq!(end, CloseReason::AddressLost);
    TcpStream::connect_timeout(&endpoint(first), Wall::from_millis(300)).expect_err("gone");

    let _server = lend(&lab, 100, 110);
    let second = gained(&lab, 2);
    assert_echoes(endpoint(second), ANY_V4);
}

/// A new server with another range answers the renewal with NAK and offers another address.
fn nak_for_a_lease_of_another_network_moves_the_node() {
    let lab = setup(Naming::Dhcp).run();
    let server = lend(&lab, 100, 110);
    let first = gained(&lab, 0);
    drop(server);
    let server = lend(&lab, 200, 201);
    assert_eq!(lost(&lab, 1), first);
    let second = gained(&lab, 2);
    assert_ne!(first, second);
    assert!(server.log().contains("DHCPNAK"), "{}", server.log());
    assert_echoes(endpoint(second), ANY_V4);
}

/// The address of an advertised prefix is lost when the prefix expires.
fn prefix_is_gained_used_and_lost() {
    let lab = setup(Naming::Router).run();
    let IpAddress::Ipv6(host) = lab.network.host(Family::V6).into() else { panic!("IPv6") };
    let mut prefix = host.segments();
    prefix[4..].fill(0);
    let prefix = Ipv6Addr::from(prefix);
    let server = Dnsmasq::run(
        &lab.network.interface,
        &[
            "--enable-ra".to_owned(),
            format!("--ra-param={},4,60", lab.network.interface),
            format!("--dhcp-range={prefix},ra-only,64,2m"),
        ],
    );
    let cidr = gained(&lab, 0);
    assert!(lab.network.is_in(cidr), "{cidr}");
    assert_echoes(endpoint(cidr), ANY_V6);
    let stream = TcpStream::connect_timeout(&endpoint(cidr), PATIENCE).expect("connect");
    be_patient(&stream);
    (&stream).write_all(b"hello").expect("send");
    (&stream).read_exact(&mut [0; 5]).expect("echo");
    drop(server);
    assert_eq!(lost(&lab, 1), cidr);
    let end = lab.until_closed(stream.local_addr().expect("address")).end;
    assert_eq!(end, CloseReason::AddressLost);
}

/// `fe80::…%echo1`, for TCP and UDP.
fn link_local_address_serves_with_a_scope() {
    let lab = Setup { haste: 1, ..setup(Naming::Static) }.run();
    let [a, b, c, d, e, f] = lab.network.node_mac().map(u16::from);
    let address =
        Ipv6Addr::new(0xfe80, 0, 0, 0, (a ^ 2) << 8 | b, c << 8 | 0xff, 0xfe00 | d, e << 8 | f);
    let scope = if_nametoindex(lab.network.interface.as_str()).expect("interface");
    let server = SocketAddrV6::new(address, PORT, 0, scope);
    host::until_link_local(&lab.network.interface);
    assert_echoes(server.into(), ANY_V6);
}

/// Without an answer: few frames, and no address.
fn without_a_dhcp_server_it_keeps_asking() {
    let lab = setup(Naming::Dhcp).run();
    let sent =
        lab.until("it asks again and again", |view| (view.tap.sent >= 5).then_some(view.tap.sent));
    assert!(sent < 10);
    assert!(lab.until("no address", |view| Some(view.changes.is_empty())));
}
