//! A peer on the link with its own address, which builds every frame itself.

use std::io::{self, ErrorKind};
use std::time::{Duration, Instant};

use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{
    ArpOperation, ArpPacket, ArpRepr, EthernetAddress, EthernetFrame, EthernetProtocol,
    EthernetRepr, Icmpv6Packet, Icmpv6Repr, IpAddress, IpCidr, IpEndpoint, IpProtocol, Ipv4Address,
    Ipv6Address, NdiscNeighborFlags, NdiscRepr, UdpPacket,
};

use super::spare;
use super::wire::{Packet, claims, datagram, ip, ndisc, packet};
use crate::host::entropy::random;
use crate::host::packet::PacketSocket;
use crate::kernel::pattern::{compare, pattern};
use crate::probe::case::{Scene, Trouble};
use crate::probe::cases::reach;

/// How long to wait for an answer.
pub(super) const QUIET: Duration = Duration::from_millis(300);

/// The solicited-node multicast addresses (RFC 4291 section 2.7.1).
const SOLICITED_NODE: u128 = 0xff02_0000_0000_0000_0000_0001_ff00_0000;

/// How often to send what may be lost.
const TRIES: u32 = 3;

/// A peer and its target on the link.
pub(super) struct Station {
    socket: PacketSocket,
    pub(super) address: IpAddress,
    pub(super) network: IpCidr,
    pub(super) target: IpEndpoint,
    target_mac: EthernetAddress,
    pub(super) until: Instant,
}

impl Station {
    pub(super) fn new(scene: &Scene) -> Result<Station, Trouble> {
        let target = IpEndpoint::from(scene.target);
        if scene.target.ip().is_loopback() {
            return Trouble::not_run("a loopback address has no link");
        }
        let Ok((local, interface, _)) = reach::route(scene.target) else {
            return Trouble::not_run("no route to it: see the case link");
        };
        let network = spare::network(local).filter(|it| it.contains_addr(&target.addr));
        let Some(network) = network else {
            return Trouble::not_run("it is not on the link but behind a gateway");
        };
        let socket = PacketSocket::open(&interface).or_else(|error| match error.kind() {
            ErrorKind::PermissionDenied => Trouble::not_run(
                "frames require CAP_NET_RAW: run as root, or inside serve --private",
            ),
            _ => Trouble::not_run(format!("cannot open a packet socket on {interface}: {error}")),
        })?;
        let mut station = Station {
            socket,
            address: target.addr,
            network,
            target,
            target_mac: EthernetAddress::BROADCAST,
            until: scene.until,
        };
        station.address = station.spare()?;
        station.find_target()?;
        Ok(station)
    }

    /// An address of the network that no host answers for.
    pub(super) fn spare(&self) -> Result<IpAddress, Trouble> {
        let (target, own) = (self.target.addr, self.address);
        spare::choose(self.network, |candidate| {
            // An ARP probe has an unspecified sender, so it changes no table (RFC 5227 section 2.1.1).
            let answers = |v4: Ipv4Address| {
                self.ask_for(v4.into(), Ipv4Address::UNSPECIFIED.into(), QUIET / 2).is_some()
            };
            candidate == target
                || candidate == own
                || matches!(candidate, IpAddress::Ipv4(v4) if answers(v4))
        })
    }

    /// Resolves the target's hardware address, which also tells it ours.
    fn find_target(&mut self) -> Result<(), Trouble> {
        let mut found = (0..TRIES).map(|_| self.ask_for(self.target.addr, self.address, QUIET));
        match found.find_map(|mac| mac) {
            Some(mac) => self.target_mac = mac,
            None => {
                return Trouble::not_run(
                    "it does not answer an address resolution from a new peer",
                );
            }
        }
        Ok(())
    }

    /// Resolves a hardware address (RFC 826, RFC 4861 section 7.2.2).
    fn ask_for(
        &self,
        wanted: IpAddress,
        from: IpAddress,
        patience: Duration,
    ) -> Option<EthernetAddress> {
        let question = match (wanted, from) {
            (IpAddress::Ipv4(wanted), IpAddress::Ipv4(from)) => {
                self.arp(ArpOperation::Request, from, EthernetAddress::BROADCAST, wanted)
            }
            (IpAddress::Ipv6(wanted), IpAddress::Ipv6(from)) => {
                let lladdr = Some(self.socket.mac.into());
                let ask = NdiscRepr::NeighborSolicit { target_addr: wanted, lladdr };
                let [.., b, c, d] = wanted.octets();
                let group = Ipv6Address::from_bits(SOLICITED_NODE | wanted.to_bits() & 0xff_ffff);
                self.ndisc(ask, from, group, EthernetAddress([0x33, 0x33, 0xff, b, c, d]))
            }
            _ => return None,
        };
        self.socket.send(&question).ok()?;
        let (mut buffer, until) = ([0; 2048], self.until.min(Instant::now() + patience));
        while let Ok(Some(bytes)) = self.socket.receive(&mut buffer, until) {
            let Ok(frame) = EthernetFrame::new_checked(bytes) else { continue };
            if claims(&frame, wanted) {
                return Some(frame.src_addr());
            }
        }
        None
    }

    pub(super) fn send(&self, frame: &[u8]) -> Result<(), Trouble> {
        self.socket.send(frame).or_else(|error| match error.raw_os_error() {
            // The queue is full: a frame may be lost anywhere.
            Some(nix::libc::ENOBUFS) => Ok(()),
            _ => Trouble::not_run(format!("cannot send a frame: {error}")),
        })
    }

    /// The next packet from the target until `until`. Requests for our hardware address are answered.
    pub(super) fn next(&self, until: Instant) -> Result<Option<Packet>, Trouble> {
        let mut buffer = vec![0; 65_536];
        let failed = |error: io::Error| Trouble::NotRun(format!("cannot receive frames: {error}"));
        while let Some(bytes) =
            self.socket.receive(&mut buffer, until.min(self.until)).map_err(failed)?
        {
            let Ok(frame) = EthernetFrame::new_checked(bytes) else { continue };
            if frame.src_addr() != self.target_mac {
                continue;
            }
            match self.answer(&frame) {
                Some(answer) => self.send(&answer)?,
                None if packet(&frame).is_some() => return Ok(packet(&frame)),
                None => {}
            }
        }
        Ok(None)
    }

    /// The answer to a request for our hardware address.
    fn answer(&self, frame: &EthernetFrame<&[u8]>) -> Option<Vec<u8>> {
        match (self.address, frame.ethertype()) {
            (IpAddress::Ipv4(own), EthernetProtocol::Arp) => {
                let ArpRepr::EthernetIpv4 {
                    operation: ArpOperation::Request,
                    source_protocol_addr,
                    target_protocol_addr,
                    ..
                } = ArpRepr::parse(&ArpPacket::new_checked(frame.payload()).ok()?).ok()?
                else {
                    return None;
                };
                let reply = (ArpOperation::Reply, self.target_mac);
                (target_protocol_addr == own)
                    .then(|| self.arp(reply.0, own, reply.1, source_protocol_addr))
            }
            (IpAddress::Ipv6(own), EthernetProtocol::Ipv6) => {
                let (asks, asker, _) = ndisc(frame.payload())?;
                let flags = NdiscNeighborFlags::SOLICITED | NdiscNeighborFlags::OVERRIDE;
                let lladdr = Some(self.socket.mac.into());
                let says = NdiscRepr::NeighborAdvert { flags, target_addr: own, lladdr };
                let is_for_us = matches!(asks, NdiscRepr::NeighborSolicit { target_addr, .. }
                    if target_addr == own);
                is_for_us.then(|| self.ndisc(says, own, asker, self.target_mac))
            }
            _ => None,
        }
    }

    fn arp(
        &self,
        operation: ArpOperation,
        from: Ipv4Address,
        mac: EthernetAddress,
        about: Ipv4Address,
    ) -> Vec<u8> {
        let arp = ArpRepr::EthernetIpv4 {
            operation,
            source_hardware_addr: self.socket.mac,
            source_protocol_addr: from,
            target_hardware_addr: mac,
            target_protocol_addr: about,
        };
        let mut payload = vec![0; arp.buffer_len()];
        arp.emit(&mut ArpPacket::new_unchecked(&mut payload[..]));
        self.ethernet(mac, EthernetProtocol::Arp, &payload)
    }

    fn ndisc(
        &self,
        says: NdiscRepr<'_>,
        from: Ipv6Address,
        to: Ipv6Address,
        mac: EthernetAddress,
    ) -> Vec<u8> {
        let message = Icmpv6Repr::Ndisc(says);
        let mut payload = vec![0; message.buffer_len()];
        let mut packet = Icmpv6Packet::new_unchecked(&mut payload[..]);
        message.emit(&from, &to, &mut packet, &ChecksumCapabilities::default());
        // The hop limit proves that the sender is on the link (RFC 4861 section 11.2).
        let ip = ip(from.into(), to.into(), IpProtocol::Icmpv6, 255, &payload);
        self.ethernet(mac, EthernetProtocol::Ipv6, &ip)
    }

    /// A frame to the target with this packet.
    pub(super) fn frame(&self, packet: &[u8]) -> Vec<u8> {
        let ethertype = match self.address {
            IpAddress::Ipv4(_) => EthernetProtocol::Ipv4,
            IpAddress::Ipv6(_) => EthernetProtocol::Ipv6,
        };
        self.ethernet(self.target_mac, ethertype, packet)
    }

    fn ethernet(
        &self,
        dst_addr: EthernetAddress,
        ethertype: EthernetProtocol,
        payload: &[u8],
    ) -> Vec<u8> {
        let header = EthernetRepr { src_addr: self.socket.mac, dst_addr, ethertype };
        let mut frame = vec![0; header.buffer_len()];
        header.emit(&mut EthernetFrame::new_unchecked(&mut frame[..]));
        frame.extend(payload);
        frame
    }

    /// Whether a datagram is echoed.
    pub(super) fn is_echoed(&self, question: &[u8]) -> Result<bool, Trouble> {
        let source = IpEndpoint::new(self.address, port());
        let udp = datagram(source, self.target, question);
        let frame = self.frame(&ip(self.address, self.target.addr, IpProtocol::Udp, 64, &udp));
        for _ in 0..TRIES {
            self.send(&frame)?;
            if self.comes_back(source, question, QUIET)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether the question comes back to our port; any other answer is a failure.
    pub(super) fn comes_back(
        &self,
        source: IpEndpoint,
        question: &[u8],
        patience: Duration,
    ) -> Result<bool, Trouble> {
        let until = Instant::now() + patience;
        while let Some(packet) = self.next(until)? {
            let udp = UdpPacket::new_checked(&packet.payload[..]);
            let is_udp = packet.protocol == IpProtocol::Udp && packet.to == source.addr;
            match udp {
                Ok(udp) if is_udp && udp.dst_port() == source.port => {
                    return Trouble::unless(compare(udp.payload(), question, 0)).map(|()| true);
                }
                _ => {}
            }
        }
        Ok(false)
    }

    /// The server must still answer, otherwise its silence proves nothing.
    pub(super) fn expect_echo(&self, scene: &mut Scene) -> Result<(), Trouble> {
        scene.no_udp = !self.is_echoed(&pattern(40))?;
        match scene.no_udp {
            true => Trouble::failed("afterwards it does not answer a correct datagram"),
            false => Ok(()),
        }
    }
}

/// An ephemeral port (RFC 6335 section 6).
pub(super) fn port() -> u16 {
    49_152 + (random() % 16_384) as u16
}
