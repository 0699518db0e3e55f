//! Whether the device does to checksums what it claims.

use smoltcp::phy::{Checksum, ChecksumCapabilities, Device};
use smoltcp::wire::{
    EthernetAddress, EthernetFrame, EthernetProtocol, Icmpv4Message, Icmpv4Packet, IpProtocol,
    Ipv4Address, Ipv4Packet, TcpPacket, UdpPacket,
};

use super::frame::HEADER;
use super::trial::Trial;
use super::{Broken, Way, Wire};

const IPV4: usize = 20;
const FRAME: usize = 60;

const FROM: Ipv4Address = Ipv4Address::new(192, 0, 2, 1);
const TO: Ipv4Address = Ipv4Address::new(192, 0, 2, 2);

/// A checksum of a frame, by the place where it stands.
struct Sum {
    protocol: IpProtocol,
    at: usize,
    of: fn(&ChecksumCapabilities) -> Checksum,
}

const SUMS: [Sum; 4] = [
    Sum { protocol: IpProtocol::Udp, at: HEADER + 10, of: |claims| claims.ipv4 },
    Sum { protocol: IpProtocol::Udp, at: HEADER + IPV4 + 6, of: |claims| claims.udp },
    Sum { protocol: IpProtocol::Tcp, at: HEADER + IPV4 + 16, of: |claims| claims.tcp },
    Sum { protocol: IpProtocol::Icmp, at: HEADER + IPV4 + 2, of: |claims| claims.icmpv4 },
];

impl<D: Device + ?Sized, W: Wire> Trial<'_, D, W> {
    pub(super) fn checksums_are_as_claimed(&mut self) -> Result<(), Broken> {
        let claims = self.device.capabilities().checksum;
        for Sum { protocol, at, of } in &SUMS {
            let right = frame(*protocol);
            let mut given = right;
            if !of(&claims).tx() {
                given[*at..at + 2].fill(0);
            }
            self.sends(&given)?;
            if self.depart(|bytes| bytes == right) != Some(true) {
                return Err(Broken::Checksum(Way::Sent));
            }

            let mut wrong = right;
            wrong[*at] ^= 0x55;
            if !of(&claims).rx() {
                let next = self.any();
                self.wire.arrive(&wrong);
                self.arrives(next)?;
                if self.next(next.len, |bytes| bytes == wrong)? {
                    return Err(Broken::Checksum(Way::Received));
                }
            }
            self.is_quiet()?;
        }
        Ok(())
    }
}

/// A frame whose checksums are right.
fn frame(protocol: IpProtocol) -> [u8; FRAME] {
    let mut bytes = [0; FRAME];
    let mut ethernet = EthernetFrame::new_unchecked(&mut bytes[..]);
    ethernet.set_dst_addr(EthernetAddress::BROADCAST);
    ethernet.set_src_addr(EthernetAddress([2, 0, 0x5E, 0, 0, 0]));
    ethernet.set_ethertype(EthernetProtocol::Ipv4);

    let mut ip = Ipv4Packet::new_unchecked(ethernet.payload_mut());
    ip.set_version(4);
    ip.set_header_len(IPV4 as u8);
    ip.set_total_len((FRAME - HEADER) as u16);
    ip.set_hop_limit(1);
    ip.set_next_header(protocol);
    ip.set_src_addr(FROM);
    ip.set_dst_addr(TO);
    ip.fill_checksum();

    let payload = ip.payload_mut();
    match protocol {
        IpProtocol::Udp => {
            let len = payload.len() as u16;
            let mut udp = UdpPacket::new_unchecked(payload);
            udp.set_src_port(9);
            udp.set_dst_port(9);
            udp.set_len(len);
            udp.fill_checksum(&FROM.into(), &TO.into());
        }
        IpProtocol::Tcp => {
            let mut tcp = TcpPacket::new_unchecked(payload);
            tcp.set_src_port(9);
            tcp.set_dst_port(9);
            tcp.set_header_len(20);
            tcp.set_rst(true);
            tcp.fill_checksum(&FROM.into(), &TO.into());
        }
        _ => {
            let mut icmp = Icmpv4Packet::new_unchecked(payload);
            icmp.set_msg_type(Icmpv4Message::EchoReply);
            icmp.fill_checksum();
        }
    }
    bytes
}
