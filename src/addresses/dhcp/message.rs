//! DHCP messages (RFC 2131 section 2, RFC 2132).

use smoltcp::phy::{ChecksumCapabilities, TxToken};
use smoltcp::time::Duration;
use smoltcp::wire::{
    DHCP_CLIENT_PORT, DHCP_SERVER_PORT, DhcpMessageType, DhcpOpCode, DhcpPacket, DhcpRepr,
    EthernetAddress, EthernetFrame, EthernetProtocol, IpProtocol, Ipv4Address, Ipv4Packet,
    Ipv4Repr, UdpPacket, UdpRepr,
};

const SUBNET_MASK: u8 = 1;
const ROUTER: u8 = 3;
const LEASE_TIME: u8 = 51;
const MESSAGE_TYPE: u8 = 53;
const SERVER_IDENTIFIER: u8 = 54;
const T1: u8 = 58;
const T2: u8 = 59;

const MAGIC_COOKIE: u32 = 0x6382_5363;

/// The length of a BOOTP message: some relays drop shorter ones (RFC 1542 section 2.1).
const MIN_LEN: usize = 300;

/// A server's identifier, and the station on this link that its messages come from: the server or a relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Server {
    pub(super) mac: EthernetAddress,
    pub(super) identifier: Ipv4Address,
}

/// A server's message.
pub(super) struct Answer {
    pub(super) kind: DhcpMessageType,
    pub(super) transaction: u32,
    pub(super) server: Server,
    pub(super) address: Ipv4Address,
    pub(super) mask: Option<Ipv4Address>,
    /// The first router.
    pub(super) router: Option<Ipv4Address>,
    pub(super) lease: Option<Duration>,
    pub(super) t1: Option<Duration>,
    pub(super) t2: Option<Duration>,
}

impl Answer {
    /// Reads a frame; `None` if it is no answer, not to us, or damaged.
    pub(super) fn read(
        frame: &[u8],
        mac: EthernetAddress,
        checksums: &ChecksumCapabilities,
    ) -> Option<Answer> {
        let frame = EthernetFrame::new_checked(frame).ok()?;
        let ip = Ipv4Packet::new_checked(frame.payload()).ok()?;
        let Ipv4Repr { src_addr: from, dst_addr: to, .. } = Ipv4Repr::parse(&ip, checksums).ok()?;
        let udp = UdpPacket::new_checked(ip.payload()).ok()?;
        let ports = UdpRepr::parse(&udp, &from.into(), &to.into(), checksums).ok()?;
        let packet = DhcpPacket::new_checked(udp.payload()).ok()?;
        let is_for_us = ports.src_port == DHCP_SERVER_PORT
            && packet.opcode() == DhcpOpCode::Reply
            && packet.magic_number() == MAGIC_COOKIE
            && packet.hardware_len() == 6
            && packet.client_hardware_address() == mac;
        if !is_for_us {
            return None;
        }

        let (mut kind, mut identifier) = (None, None);
        let (mut mask, mut router, mut lease, mut t1, mut t2) = (None, None, None, None, None);
        for option in packet.options() {
            let four = option.data.first_chunk::<4>();
            let address = || four.map(|octets| Ipv4Address::from_octets(*octets));
            let time = || four.map(|s| Duration::from_secs(u32::from_be_bytes(*s).into()));
            match option.kind {
                MESSAGE_TYPE => kind = option.data.first().map(|kind| (*kind).into()),
                SERVER_IDENTIFIER => identifier = address(),
                SUBNET_MASK => mask = address(),
                ROUTER => router = address(),
                LEASE_TIME => lease = time(),
                T1 => t1 = time(),
                T2 => t2 = time(),
                _ => {}
            }
        }
        let server = Server { mac: frame.src_addr(), identifier: identifier? };
        let (transaction, address) = (packet.transaction_id(), packet.your_ip());
        Some(Answer { kind: kind?, transaction, server, address, mask, router, lease, t1, t2 })
    }
}

/// A client's message.
pub(super) struct Question {
    pub(super) kind: DhcpMessageType,
    pub(super) transaction: u32,
    /// The address in use, in a renewal.
    pub(super) client: Ipv4Address,
    /// The requested or declined address.
    pub(super) requested: Option<Ipv4Address>,
    /// The server identifier option.
    pub(super) server: Option<Ipv4Address>,
    /// The receiver; `None` is broadcast.
    pub(super) to: Option<Server>,
}

impl Question {
    pub(super) fn send(&self, mac: EthernetAddress, token: impl TxToken) {
        let dhcp = DhcpRepr {
            message_type: self.kind,
            transaction_id: self.transaction,
            secs: 0,
            client_hardware_address: mac,
            client_ip: self.client,
            your_ip: Ipv4Address::UNSPECIFIED,
            server_ip: Ipv4Address::UNSPECIFIED,
            router: None,
            subnet_mask: None,
            relay_agent_ip: Ipv4Address::UNSPECIFIED,
            broadcast: false,
            requested_ip: self.requested,
            client_identifier: Some(mac),
            server_identifier: self.server,
            parameter_request_list: Some(&[SUBNET_MASK, ROUTER, LEASE_TIME, T1, T2]),
            dns_servers: None,
            max_size: None,
            lease_duration: None,
            renew_duration: None,
            rebind_duration: None,
            additional_options: &[],
        };
        let everybody =
            Server { mac: EthernetAddress::BROADCAST, identifier: Ipv4Address::BROADCAST };
        let to = self.to.unwrap_or(everybody);
        let len = dhcp.buffer_len().max(MIN_LEN);
        let udp = UdpRepr { src_port: DHCP_CLIENT_PORT, dst_port: DHCP_SERVER_PORT };
        let ip = Ipv4Repr {
            src_addr: self.client,
            dst_addr: to.identifier,
            next_header: IpProtocol::Udp,
            payload_len: udp.header_len() + len,
            hop_limit: 64,
        };
        let checksums = ChecksumCapabilities::default();
        let frame_len = EthernetFrame::<&[u8]>::buffer_len(ip.buffer_len() + ip.payload_len);
        token.consume(frame_len, |buffer| {
            let mut frame = EthernetFrame::new_unchecked(buffer);
            frame.set_src_addr(mac);
            frame.set_dst_addr(to.mac);
            frame.set_ethertype(EthernetProtocol::Ipv4);
            let mut packet = Ipv4Packet::new_unchecked(frame.payload_mut());
            ip.emit(&mut packet, &checksums);
            udp.emit(
                &mut UdpPacket::new_unchecked(packet.payload_mut()),
                &ip.src_addr.into(),
                &ip.dst_addr.into(),
                len,
                |payload| {
                    payload.fill(0);
                    // There is room for what has been counted.
                    let _ = dhcp.emit(&mut DhcpPacket::new_unchecked(payload));
                },
                &checksums,
            );
        });
    }
}
