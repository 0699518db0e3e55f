//! A DHCP server and a host as the far end, like a home router.

use smolecho::phy::{Device, RxToken, TxToken};
use smolecho::smoltcp::phy::ChecksumCapabilities;
use smolecho::smoltcp::time::Instant;
use smolecho::smoltcp::wire::*;

use super::frames::ethernet;
use super::host::Host;
use super::{FAR_MAC, Family, NODE_MAC, Port, Station};

pub const SERVER: Ipv4Address = Ipv4Address::new(10, 7, 0, 2);

/// The server's answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// Grants each request.
    Kind,
    /// Offers, and answers each request with NAK.
    Nak,
    /// Never answers.
    Silent,
}

/// A message of the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Said {
    pub at: Instant,
    pub message: DhcpMessageType,
    pub from: Ipv4Address,
    pub to: Ipv4Address,
    /// The requested or declined address, and the server identifier.
    pub requested: Option<Ipv4Address>,
    pub server: Option<Ipv4Address>,
}

pub struct Lan {
    pub host: Host,
    pub mood: Mood,
    /// The next lease: its address, mask and seconds.
    pub address: Ipv4Address,
    pub mask: Ipv4Address,
    pub lease: Option<u32>,
    pub t1_t2: Option<(u32, u32)>,
    pub router: Option<Ipv4Address>,
    /// Renewals are answered without mask and router.
    pub is_terse: bool,
    /// Server identifier of the answers.
    pub identifier: Ipv4Address,
    /// Source address of the answers.
    pub source: Ipv4Address,
    /// All messages of the client.
    pub said: Vec<Said>,
    pub port: Port,
}

impl Lan {
    /// Grants leases of 1,000 s.
    pub fn new() -> Self {
        Lan {
            host: Host::new(Family::V4),
            mood: Mood::Kind,
            address: Ipv4Address::new(10, 7, 0, 100),
            mask: Ipv4Address::new(255, 255, 0, 0),
            lease: Some(1000),
            t1_t2: None,
            router: Some(SERVER),
            is_terse: false,
            identifier: SERVER,
            source: SERVER,
            said: Vec::new(),
            port: Port::default(),
        }
    }

    /// The client's messages from the `n`th on.
    pub fn kinds_since(&self, n: usize) -> Vec<DhcpMessageType> {
        self.said[n..].iter().map(|said| said.message).collect()
    }

    /// The answer to a frame for a DHCP server, if there is one; `None` for other frames.
    fn serve(&mut self, frame: &[u8], now: Instant) -> Option<Option<Vec<u8>>> {
        let ethernet = EthernetFrame::new_checked(frame).ok()?;
        let ip = (ethernet.ethertype() == EthernetProtocol::Ipv4)
            .then(|| Ipv4Packet::new_checked(ethernet.payload()).ok())??;
        let udp = (ip.next_header() == IpProtocol::Udp)
            .then(|| UdpPacket::new_checked(ip.payload()).ok())??;
        if udp.dst_port() != 67 {
            return None;
        }
        let packet = DhcpPacket::new_checked(udp.payload()).expect("DHCP");
        let asked = DhcpRepr::parse(&packet).expect("DHCP");
        assert_eq!(asked.client_hardware_address, NODE_MAC);
        self.said.push(Said {
            at: now,
            message: asked.message_type,
            from: ip.src_addr(),
            to: ip.dst_addr(),
            requested: asked.requested_ip,
            server: asked.server_identifier,
        });
        let message = match (self.mood, asked.message_type) {
            (Mood::Silent, _) => return Some(None),
            (_, DhcpMessageType::Discover) => DhcpMessageType::Offer,
            (Mood::Kind, DhcpMessageType::Request) => DhcpMessageType::Ack,
            (Mood::Nak, DhcpMessageType::Request) => DhcpMessageType::Nak,
            _ => return Some(None),
        };
        let is_renewal = !asked.client_ip.is_unspecified();
        let payload = match is_renewal && self.is_terse {
            true => self.terse(message, asked.transaction_id),
            false => self.message(message, asked.transaction_id),
        };
        Some(Some(dhcp_frame(self.source, &payload)))
    }

    /// A message of this server; all but NAK carry the lease.
    pub fn message(&self, message_type: DhcpMessageType, transaction_id: u32) -> Vec<u8> {
        self.write(message_type, transaction_id, message_type != DhcpMessageType::Nak)
    }

    /// The same without mask and router.
    fn terse(&self, message_type: DhcpMessageType, transaction_id: u32) -> Vec<u8> {
        self.write(message_type, transaction_id, false)
    }

    fn write(&self, message_type: DhcpMessageType, transaction_id: u32, says_all: bool) -> Vec<u8> {
        let grants = message_type != DhcpMessageType::Nak;
        let times = self.t1_t2.map(|(t1, t2)| [t1.to_be_bytes(), t2.to_be_bytes()]);
        let options: Vec<_> = times
            .iter()
            .flat_map(|[t1, t2]| [(58, t1), (59, t2)])
            .map(|(kind, data)| DhcpOption { kind, data })
            .collect();
        let repr = DhcpRepr {
            message_type,
            transaction_id,
            secs: 0,
            client_hardware_address: NODE_MAC,
            client_ip: Ipv4Address::UNSPECIFIED,
            your_ip: if grants { self.address } else { Ipv4Address::UNSPECIFIED },
            server_ip: SERVER,
            router: self.router.filter(|_| says_all),
            subnet_mask: says_all.then_some(self.mask),
            relay_agent_ip: Ipv4Address::UNSPECIFIED,
            broadcast: true,
            requested_ip: None,
            client_identifier: None,
            server_identifier: Some(self.identifier),
            parameter_request_list: None,
            dns_servers: None,
            max_size: None,
            lease_duration: self.lease.filter(|_| grants),
            renew_duration: None,
            rebind_duration: None,
            additional_options: &options,
        };
        let mut payload = vec![0; repr.buffer_len()];
        repr.emit(&mut DhcpPacket::new_unchecked(&mut payload[..])).expect("room");
        payload
    }
}

/// A DHCP server's message in a broadcast frame.
pub fn dhcp_frame(from: Ipv4Address, payload: &[u8]) -> Vec<u8> {
    let (to, checksums) = (Ipv4Address::BROADCAST, ChecksumCapabilities::default());
    let udp = UdpRepr { src_port: 67, dst_port: 68 };
    let len = udp.header_len() + payload.len();
    let ip = IpRepr::new(from.into(), to.into(), IpProtocol::Udp, len, 64);
    let mut packet = vec![0; ip.buffer_len()];
    ip.emit(&mut packet[..], &checksums);
    udp.emit(
        &mut UdpPacket::new_unchecked(&mut packet[ip.header_len()..]),
        &from.into(),
        &to.into(),
        payload.len(),
        |room| room.copy_from_slice(payload),
        &checksums,
    );
    ethernet(FAR_MAC, EthernetAddress::BROADCAST, &packet)
}

impl Station for Lan {
    fn poll(&mut self, now: Instant, device: &mut impl Device) {
        while let Some((rx, _)) = device.receive(now) {
            let frame = rx.consume(<[u8]>::to_vec);
            match self.serve(&frame, now) {
                Some(answer) => self.port.outbox.extend(answer),
                None => self.port.inbox.push_back(frame),
            }
        }
        self.host.poll(now, &mut self.port);
        while let Some(frame) = self.port.outbox.pop_front() {
            let Some(token) = device.transmit(now) else { return };
            token.consume(frame.len(), |room| room.copy_from_slice(&frame));
        }
    }

    fn poll_at(&mut self, now: Instant) -> Option<Instant> {
        self.host.poll_at(now)
    }
}
