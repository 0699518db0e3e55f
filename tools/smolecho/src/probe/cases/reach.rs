//! Cases about the route: link, hardware address, ping.

use std::io::{self, ErrorKind, Read};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags;
use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{
    Icmpv4Message, Icmpv4Packet, Icmpv4Repr, Icmpv6Message, Icmpv6Packet, Icmpv6Repr, Ipv6Address,
};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use crate::host::neighbors::{self, Neighbor};
use crate::kernel::cause::is_timeout;
use crate::kernel::pattern::pattern;
use crate::kernel::socket::unspecified;
use crate::probe::case::{Scene, Trouble};

/// How often to read the neighbor table.
const LOOK: Duration = Duration::from_millis(20);

/// The local address, the interface and its flags on the route to `target`.
pub(super) fn route(target: SocketAddr) -> io::Result<(IpAddr, String, InterfaceFlags)> {
    let socket = UdpSocket::bind((unspecified(target), 0))?;
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
        Ok((_, name, flags)) if flags.contains(InterfaceFlags::IFF_UP) => Trouble::failed(format!(
            "{name} has no carrier: is the cable plugged in and the board powered?"
        )),
        Ok((_, name, _)) => Trouble::failed(format!("{name} is down: sudo ip link set {name} up")),
        Err(error) => Trouble::failed(format!(
            "{error}: no interface has an address in the network of {target}: sudo ip address add \
             ADDRESS/24 dev NAME"
        )),
    }
}

/// Any packet makes the kernel resolve the hardware address.
pub(super) fn neighbor(scene: &mut Scene) -> Result<String, Trouble> {
    let target = scene.target.ip();
    if target.is_loopback() {
        return Trouble::not_run("a loopback address has no hardware address");
    }
    let Ok((_, name, _)) = route(scene.target) else {
        return Trouble::not_run("no route to it: see the case link");
    };
    let sent = UdpSocket::bind((unspecified(scene.target), 0))
        .and_then(|socket| socket.send_to(&[], scene.target));
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
            // The kernel asks at once, unless a gateway is between.
            Ok(Neighbor::Unknown) if begin.elapsed() > LOOK * 10 => {
                return Trouble::not_run("it is not on the link but behind a gateway");
            }
            Ok(Neighbor::Unknown | Neighbor::Asked) => std::thread::sleep(LOOK),
            Err(fault) => return Trouble::not_run(fault.to_string()),
        }
    }
    let what = if target.is_ipv4() { "ARP" } else { "neighbor discovery" };
    Trouble::failed(format!(
        "no answer to {what} for {target} on {name}: does the driver receive broadcast and multicast \
         frames, and is the address right?"
    ))
}

pub(super) fn ping(scene: &mut Scene) -> Result<String, Trouble> {
    if scene.target.ip().is_loopback() {
        return Trouble::not_run("a ping to a loopback address stays on this machine");
    }
    let Ok((socket, is_raw)) = icmp_socket(scene.target) else {
        return Trouble::not_run(
            "no permission for ICMP: run as root, or see net.ipv4.ping_group_range",
        );
    };
    let payload = pattern(56);
    let (ident, seq_no) = (std::process::id() as u16, 1);
    let message = echo_request(scene.target, ident, seq_no, &payload);
    let mut to = scene.target;
    to.set_port(0);
    let start = Instant::now();
    if let Err(error) = socket.send_to(&message, &SockAddr::from(to)) {
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
        let Some((id, seq, data)) = echo_reply(scene.target, is_raw, received) else { continue };
        // The kernel writes an identifier of its own into a datagram socket's request.
        if seq == seq_no && (!is_raw || id == ident) {
            return match data == payload {
                true => Ok(format!("{:.0?}", start.elapsed())),
                false => Trouble::failed("the echo reply has other bytes"),
            };
        }
    }
    Trouble::failed(format!("no echo reply within {:?}", scene.deadline))
}

/// A datagram socket for ICMP if the system allows it, else a raw one; and whether it is raw.
fn icmp_socket(target: SocketAddr) -> io::Result<(Socket, bool)> {
    let protocol = if target.is_ipv4() { Protocol::ICMPV4 } else { Protocol::ICMPV6 };
    let open = |kind| Socket::new(Domain::for_address(target), kind, Some(protocol));
    let datagram = open(Type::DGRAM).map(|socket| (socket, false));
    datagram.or_else(|_| open(Type::RAW).map(|socket| (socket, true)))
}

/// The kernel fills in the checksum of ICMPv6 (RFC 3542 section 3.1).
fn echo_request(target: SocketAddr, ident: u16, seq_no: u16, data: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; 8 + data.len()];
    if target.is_ipv4() {
        Icmpv4Repr::EchoRequest { ident, seq_no, data }
            .emit(&mut Icmpv4Packet::new_unchecked(&mut bytes), &ChecksumCapabilities::default());
    } else {
        let any = Ipv6Address::UNSPECIFIED;
        let mut packet = Icmpv6Packet::new_unchecked(&mut bytes[..]);
        let checksums = ChecksumCapabilities::ignored();
        Icmpv6Repr::EchoRequest { ident, seq_no, data }.emit(&any, &any, &mut packet, &checksums);
    }
    bytes
}

/// The identifier, the sequence number and the data of an echo reply. A raw IPv4 socket also gives the IP header
/// (man 7 raw).
fn echo_reply(target: SocketAddr, is_raw: bool, received: &[u8]) -> Option<(u16, u16, &[u8])> {
    if target.is_ipv4() {
        let header = if is_raw { usize::from(received.first()? & 15) * 4 } else { 0 };
        let packet = Icmpv4Packet::new_checked(received.get(header..)?).ok()?;
        let is_reply = packet.msg_type() == Icmpv4Message::EchoReply;
        is_reply.then(|| (packet.echo_ident(), packet.echo_seq_no(), packet.data()))
    } else {
        let packet = Icmpv6Packet::new_checked(received).ok()?;
        let is_reply = packet.msg_type() == Icmpv6Message::EchoReply;
        is_reply.then(|| (packet.echo_ident(), packet.echo_seq_no(), packet.payload()))
    }
}
