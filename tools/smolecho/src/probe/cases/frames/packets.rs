//! Datagrams that only an attacker or a bad link sends.

use std::time::Instant;

use smoltcp::wire::{
    IPV4_MULTICAST_ALL_SYSTEMS as ALL_SYSTEMS, IPV6_LINK_LOCAL_ALL_NODES as ALL_NODES, IpAddress,
    IpCidr, IpEndpoint, IpProtocol, Ipv4Address, Ipv4Packet, Ipv6Address, UdpPacket,
};

use super::station::{self, QUIET, Station};
use super::wire::{datagram, ip};
use crate::kernel::pattern::pattern;
use crate::probe::case::{Scene, Trouble};

pub(super) fn ip_checksum(scene: &mut Scene) -> Result<String, Trouble> {
    if scene.target.is_ipv6() {
        return Trouble::not_run("IPv6's header has no checksum");
    }
    with_wrong_checksum(scene, |packet| {
        let mut header = Ipv4Packet::new_unchecked(packet);
        header.set_checksum(header.checksum() ^ 0x5555);
    })
}

pub(super) fn udp_checksum(scene: &mut Scene) -> Result<String, Trouble> {
    let header = if scene.target.is_ipv4() { 20 } else { 40 };
    with_wrong_checksum(scene, |packet| {
        let mut udp = UdpPacket::new_unchecked(&mut packet[header..]);
        // Zero would be correct: over IPv4 it means no checksum (RFC 768).
        let wrong = udp.checksum() ^ 0x5555;
        udp.set_checksum(if wrong == 0 { 0xaaaa } else { wrong });
    })
}

/// The datagram must be dropped; a correct one must still be echoed.
fn with_wrong_checksum(scene: &mut Scene, spoil: impl Fn(&mut [u8])) -> Result<String, Trouble> {
    let station = Station::new(scene)?;
    let (source, question) = (IpEndpoint::new(station.address, station::port()), pattern(40));
    let udp = datagram(source, station.target, &question);
    let mut packet = ip(source.addr, station.target.addr, IpProtocol::Udp, 64, &udp);
    spoil(&mut packet);
    station.send(&station.frame(&packet))?;
    if station.comes_back(source, &question, QUIET)? {
        return Trouble::failed("it was answered");
    }
    station.expect_echo(scene)?;
    Ok(String::new())
}

pub(super) fn spoofed(scene: &mut Scene) -> Result<String, Trouble> {
    let station = Station::new(scene)?;
    let question = pattern(77);
    for from in no_single_host(&station) {
        let source = IpEndpoint::new(from, station::port());
        let udp = datagram(source, station.target, &question);
        let packet = ip(from, station.target.addr, IpProtocol::Udp, 64, &udp);
        station.send(&station.frame(&packet))?;
        let until = Instant::now() + QUIET / 3;
        while let Some(answer) = station.next(until)? {
            let udp = UdpPacket::new_checked(&answer.payload[..]);
            let is_echo = udp.is_ok_and(|udp| udp.payload() == question);
            if answer.protocol == IpProtocol::Udp && is_echo {
                return Trouble::failed(format!("a datagram from {from} was answered"));
            }
        }
    }
    station.expect_echo(scene)?;
    Ok(String::new())
}

/// Addresses that no source may have, and the target's own.
fn no_single_host(station: &Station) -> Vec<IpAddress> {
    let others: Vec<Option<IpAddress>> = match station.network {
        IpCidr::Ipv4(network) => vec![
            network.broadcast().map(Into::into),
            Some(Ipv4Address::BROADCAST.into()),
            Some(ALL_SYSTEMS.into()),
            Some(Ipv4Address::UNSPECIFIED.into()),
        ],
        IpCidr::Ipv6(_) => vec![Some(ALL_NODES.into()), Some(Ipv6Address::UNSPECIFIED.into())],
    };
    others.into_iter().flatten().chain([station.target.addr]).collect()
}

/// Its sources do not answer ARP or neighbor solicitations.
pub(super) fn unreachable_source(scene: &mut Scene) -> Result<String, Trouble> {
    let station = Station::new(scene)?;
    for _ in 0..3 {
        let source = IpEndpoint::new(station.spare()?, station::port());
        let udp = datagram(source, station.target, b"hello?");
        let packet = ip(source.addr, station.target.addr, IpProtocol::Udp, 64, &udp);
        station.send(&station.frame(&packet))?;
    }
    station.expect_echo(scene)?;
    Ok(String::new())
}

/// In order, in reverse, and with the second inside the first.
pub(super) fn fragments(scene: &mut Scene) -> Result<String, Trouble> {
    let station = Station::new(scene)?;
    let (IpAddress::Ipv4(from), IpAddress::Ipv4(to)) = (station.address, station.target.addr)
    else {
        return Trouble::not_run("only for IPv4");
    };
    let mut whole = Vec::new();
    for (n, manner) in ["in order", "in reverse"].into_iter().enumerate() {
        let (source, question) = (IpEndpoint::new(station.address, station::port()), pattern(400));
        let udp = datagram(source, station.target, &question);
        let (head, tail) = udp.split_at(200);
        let id = station::port();
        let mut parts =
            [fragment(from, to, id, 0, true, head), fragment(from, to, id, 200, false, tail)];
        parts.rotate_left(n);
        parts.iter().try_for_each(|part| station.send(&station.frame(part)))?;
        if station.comes_back(source, &question, QUIET)? {
            whole.push(manner);
        }
    }
    let source = IpEndpoint::new(station.address, station::port());
    let udp = datagram(source, station.target, &pattern(200));
    let id = station::port();
    for part in [
        fragment(from, to, id, 0, true, &udp[..200]),
        fragment(from, to, id, 64, false, &udp[64..72]),
    ] {
        station.send(&station.frame(&part))?;
    }
    station.expect_echo(scene)?;
    Ok(match whole[..] {
        [] => "not answered".into(),
        _ => format!("echoed whole {}", whole.join(" and ")),
    })
}

/// An IPv4 fragment; `offset` is a multiple of 8 bytes (RFC 791 section 3.1).
fn fragment(
    from: Ipv4Address,
    to: Ipv4Address,
    id: u16,
    offset: u16,
    more: bool,
    payload: &[u8],
) -> Vec<u8> {
    let mut packet = ip(from.into(), to.into(), IpProtocol::Udp, 64, payload);
    let mut header = Ipv4Packet::new_unchecked(&mut packet[..]);
    header.clear_flags();
    header.set_ident(id);
    header.set_frag_offset(offset);
    header.set_more_frags(more);
    header.fill_checksum();
    packet
}
