//! The way there: link, hardware address, ping.

use std::io::{self, ErrorKind, Read};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use super::case::{Scene, Trouble};
use super::peer::{is_timeout, pattern};
use crate::host::neighbors::{self, Neighbor};

/// Between two looks at what the kernel has found out.
const LOOK: Duration = Duration::from_millis(20);

/// Where the kernel would send from, and over which interface.
pub(super) fn route(target: SocketAddr) -> io::Result<(IpAddr, String, InterfaceFlags)> {
    let any: IpAddr = if target.is_ipv4() { [0; 4].into() } else { [0; 16].into() };
    let socket = UdpSocket::bind((any, 0))?;
    socket.connect(target)?;
    let local = socket.local_addr()?.ip();
    let interface = getifaddrs()?.find(|interface| {
        let address = interface.address.as_ref();
        let v4 = address.and_then(|it| it.as_sockaddr_in()).map(|it| IpAddr::V4(it.ip()));
        let v6 = address.and_then(|it| it.as_sockaddr_in6()).map(|it| IpAddr::V6(it.ip()));
        v4.or(v6) == Some(local)
    });
    let (name, flags) = interface
        .map(|interface| (interface.interface_name, interface.flags))
        .ok_or_else(|| io::Error::other(format!("{local} is on no interface")))?;
    Ok((local, name, flags))
}

pub(super) fn link(scene: &mut Scene) -> Result<String, Trouble> {
    let target = scene.target.ip();
    match route(scene.target) {
        Ok((local, name, flags))
            if flags.contains(InterfaceFlags::IFF_UP | InterfaceFlags::IFF_RUNNING) =>
        {
            Ok(format!("{name}, from {local}"))
        }
        Ok((_, name, flags)) if flags.contains(InterfaceFlags::IFF_UP) => {
            Trouble::failed(format!("{name} has no carrier: is the cable in, the board on?"))
        }
        Ok((_, name, _)) => Trouble::failed(format!("{name} is down: sudo ip link set {name} up")),
        Err(error) => Trouble::failed(format!(
            "{error}: give an interface an address of its network, sudo ip address add ADDRESS/24 dev NAME \
             (the target is {target})"
        )),
    }
}

/// Any packet makes the kernel ask.
pub(super) fn neighbor(scene: &mut Scene) -> Result<String, Trouble> {
    let target = scene.target.ip();
    if target.is_loopback() {
        return Trouble::not_run("a loopback address has no hardware address");
    }
    let Ok((_, name, _)) = route(scene.target) else {
        return Trouble::not_run("there is no way to it: see the case link");
    };
    let any: IpAddr = if target.is_ipv4() { [0; 4].into() } else { [0; 16].into() };
    let sent = UdpSocket::bind((any, 0)).and_then(|socket| socket.send_to(&[], scene.target));
    if let Err(error) = sent {
        return Trouble::failed(error.to_string());
    }
    let begin = Instant::now();
    while !scene.is_over() {
        match neighbors::look_up(target) {
            Ok(Neighbor::Known(mac)) => {
                let mac = mac.0.map(|byte| format!("{byte:02x}")).join(":");
                return Ok(format!("{mac} on {name}"));
            }
            Ok(Neighbor::Failed) => break,
            // It is asked for at once, or not at all: then a gateway is between.
            Ok(Neighbor::Unknown) if begin.elapsed() > LOOK * 10 => {
                return Trouble::not_run("it is not on the link: a gateway is between");
            }
            Ok(Neighbor::Unknown | Neighbor::Asked) => std::thread::sleep(LOOK),
            Err(fault) => return Trouble::not_run(fault.to_string()),
        }
    }
    let what = if target.is_ipv4() { "ARP" } else { "neighbor discovery" };
    Trouble::failed(format!(
        "nobody answers {what} for {target} on {name}: does the driver receive broadcast and multicast \
         frames, and is this the board's address?"
    ))
}

/// A datagram socket for ICMP where the system lets us have one, else a raw one.
pub(super) fn ping(scene: &mut Scene) -> Result<String, Trouble> {
    if scene.target.ip().is_loopback() {
        return Trouble::not_run("a ping to a loopback address does not leave this machine");
    }
    let v4 = scene.target.is_ipv4();
    let (domain, protocol, request, reply) = if v4 {
        (Domain::IPV4, Protocol::ICMPV4, 8, 0)
    } else {
        (Domain::IPV6, Protocol::ICMPV6, 128, 129)
    };
    let opened = Socket::new(domain, Type::DGRAM, Some(protocol)).map(|socket| (socket, false));
    let opened = opened
        .or_else(|_| Socket::new(domain, Type::RAW, Some(protocol)).map(|socket| (socket, true)));
    let Ok((socket, is_raw)) = opened else {
        return Trouble::not_run(
            "no permission for ICMP: run as root, or see net.ipv4.ping_group_range",
        );
    };
    let payload = pattern(56);
    // The kernel writes our identifier into a datagram socket's request, and IPv6's checksum.
    let (identifier, sequence) = (std::process::id() as u16, 1_u16);
    let mut message = vec![request, 0, 0, 0];
    message.extend(identifier.to_be_bytes());
    message.extend(sequence.to_be_bytes());
    message.extend(&payload);
    if v4 {
        let sum = checksum(&message);
        message[2..4].copy_from_slice(&sum.to_be_bytes());
    }
    let to = SockAddr::from(SocketAddr::new(scene.target.ip(), 0));
    let to = match scene.target {
        SocketAddr::V6(mut v6) => {
            v6.set_port(0);
            SockAddr::from(v6)
        }
        SocketAddr::V4(_) => to,
    };
    let start = Instant::now();
    if let Err(error) = socket.send_to(&message, &to) {
        return Trouble::failed(error.to_string());
    }
    while !scene.is_over() {
        let _ = socket.set_read_timeout(Some(scene.left()));
        let mut buffer = [0; 2048];
        let received = match (&socket).read(&mut buffer) {
            Ok(len) => &buffer[..len],
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) if is_timeout(&error) => break,
            Err(error) => return Trouble::failed(error.to_string()),
        };
        // A raw IPv4 socket gives the IP header too (man 7 raw).
        let header =
            if is_raw && v4 { usize::from(received.first().map_or(0, |b| b & 15)) * 4 } else { 0 };
        let Some(answer) = received.get(header..).filter(|answer| answer.len() >= 8) else {
            continue;
        };
        let is_ours = !is_raw || answer[4..6] == identifier.to_be_bytes();
        if answer[0] == reply && is_ours && answer[6..8] == sequence.to_be_bytes() {
            return if answer[8..] == payload {
                Ok(format!("{:.0?}", start.elapsed()))
            } else {
                Trouble::failed("an echo reply with other bytes")
            };
        }
    }
    Trouble::failed(format!("no echo reply within {:?}", scene.deadline))
}

/// RFC 1071.
fn checksum(message: &[u8]) -> u16 {
    let words = message
        .chunks(2)
        .map(|pair| u32::from(u16::from_be_bytes([pair[0], pair.get(1).copied().unwrap_or(0)])));
    let sum: u32 = words.sum();
    let sum = (sum & 0xffff) + (sum >> 16);
    !((sum & 0xffff) + (sum >> 16)) as u16
}
