//! Checksum offloads must be as claimed.

use smoltcp::phy::{Checksum, ChecksumCapabilities, Device};
use smoltcp::wire::{
    EthernetAddress, EthernetFrame, EthernetProtocol, Icmpv4Message, Icmpv4Packet, IpAddress,
    IpProtocol, Ipv4Address, Ipv4Packet, TcpPacket, UdpPacket,
};
#[cfg(feature = "proto-ipv6")]
use smoltcp::wire::{Icmpv6Message, Icmpv6Packet, Ipv6Address, Ipv6Packet};

use super::harness::Harness;
use super::{Violation, Way, Wire};
use crate::phy::ETHERNET_HEADER as HEADER;

const IPV4: usize = 20;
#[cfg(feature = "proto-ipv6")]
const IPV6: usize = 40;
/// Room for TCP over IPv6.
const FRAME: usize = HEADER + 40 + 20;

const FROM: Ipv4Address = Ipv4Address::new(192, 0, 2, 1);
const TO: Ipv4Address = Ipv4Address::new(192, 0, 2, 2);
#[cfg(feature = "proto-ipv6")]
const FROM_V6: Ipv6Address = Ipv6Address::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
#[cfg(feature = "proto-ipv6")]
const TO_V6: Ipv6Address = Ipv6Address::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2);

/// A checksum field of a frame, by its offset.
struct Sum {
    frame: fn(IpProtocol) -> [u8; FRAME],
    protocol: IpProtocol,
    at: usize,
    of: fn(&ChecksumCapabilities) -> Checksum,
}

#[rustfmt::skip]
const SUMS: &[Sum] = &[
    Sum { frame: over_ipv4, protocol: IpProtocol::Udp, at: HEADER + 10, of: |claims| claims.ipv4 },
    Sum { frame: over_ipv4, protocol: IpProtocol::Udp, at: HEADER + IPV4 + 6, of: |claims| claims.udp },
    Sum { frame: over_ipv4, protocol: IpProtocol::Tcp, at: HEADER + IPV4 + 16, of: |claims| claims.tcp },
    Sum { frame: over_ipv4, protocol: IpProtocol::Icmp, at: HEADER + IPV4 + 2, of: |claims| claims.icmpv4 },
    #[cfg(feature = "proto-ipv6")]
    Sum { frame: over_ipv6, protocol: IpProtocol::Udp, at: HEADER + IPV6 + 6, of: |claims| claims.udp },
    #[cfg(feature = "proto-ipv6")]
    Sum { frame: over_ipv6, protocol: IpProtocol::Tcp, at: HEADER + IPV6 + 16, of: |claims| claims.tcp },
    #[cfg(feature = "proto-ipv6")]
    Sum { frame: over_ipv6, protocol: IpProtocol::Icmpv6, at: HEADER + IPV6 + 2, of: |claims| claims.icmpv6 },
];

impl<D: Device + ?Sized, W: Wire> Harness<'_, D, W> {
    pub(super) fn checksums_are_as_claimed(&mut self) -> Result<(), Violation> {
        let claims = self.device.capabilities().checksum;
        for Sum { frame, protocol, at, of } in SUMS {
            let right = frame(*protocol);
            let mut given = right;
            if !of(&claims).tx() {
                given[*at..at + 2].fill(0);
            }
            self.sends(&given)?;
            if self.capture(|bytes| bytes == right) != Some(true) {
                return Err(Violation::Checksum(Way::Sent));
            }

            let mut wrong = right;
            wrong[*at] ^= 0x55;
            if !of(&claims).rx() {
                let next = self.any();
                self.wire.inject(&wrong);
                self.arrives(next)?;
                if self.next(next.len, |bytes| bytes == wrong)? {
                    return Err(Violation::Checksum(Way::Received));
                }
            }
            self.is_quiet()?;
        }
        Ok(())
    }
}

/// An IPv4 frame with correct checksums.
fn over_ipv4(protocol: IpProtocol) -> [u8; FRAME] {
    let mut bytes = ethernet(EthernetProtocol::Ipv4);
    let mut ip = Ipv4Packet::new_unchecked(&mut bytes[HEADER..]);
    ip.set_version(4);
    ip.set_header_len(IPV4 as u8);
    ip.set_total_len((FRAME - HEADER) as u16);
    ip.set_hop_limit(1);
    ip.set_next_header(protocol);
    ip.set_src_addr(FROM);
    ip.set_dst_addr(TO);
    ip.fill_checksum();
    fill(protocol, ip.payload_mut(), &FROM.into(), &TO.into());
    bytes
}

/// An IPv6 frame with a correct checksum.
#[cfg(feature = "proto-ipv6")]
fn over_ipv6(protocol: IpProtocol) -> [u8; FRAME] {
    let mut bytes = ethernet(EthernetProtocol::Ipv6);
    let mut ip = Ipv6Packet::new_unchecked(&mut bytes[HEADER..]);
    ip.set_version(6);
    ip.set_payload_len((FRAME - HEADER - IPV6) as u16);
    ip.set_hop_limit(1);
    ip.set_next_header(protocol);
    ip.set_src_addr(FROM_V6);
    ip.set_dst_addr(TO_V6);
    fill(protocol, ip.payload_mut(), &FROM_V6.into(), &TO_V6.into());
    bytes
}

fn ethernet(protocol: EthernetProtocol) -> [u8; FRAME] {
    let mut bytes = [0; FRAME];
    let mut frame = EthernetFrame::new_unchecked(&mut bytes[..]);
    frame.set_dst_addr(EthernetAddress::BROADCAST);
    frame.set_src_addr(EthernetAddress([2, 0, 0x5E, 0, 0, 0]));
    frame.set_ethertype(protocol);
    bytes
}

fn fill(protocol: IpProtocol, payload: &mut [u8], from: &IpAddress, to: &IpAddress) {
    match protocol {
        IpProtocol::Udp => {
            let len = payload.len() as u16;
            let mut udp = UdpPacket::new_unchecked(payload);
            udp.set_src_port(9);
            udp.set_dst_port(9);
            udp.set_len(len);
            udp.fill_checksum(from, to);
        }
        IpProtocol::Tcp => {
            let mut tcp = TcpPacket::new_unchecked(payload);
            tcp.set_src_port(9);
            tcp.set_dst_port(9);
            tcp.set_header_len(20);
            tcp.set_rst(true);
            tcp.fill_checksum(from, to);
        }
        #[cfg(feature = "proto-ipv6")]
        IpProtocol::Icmpv6 => {
            let mut icmp = Icmpv6Packet::new_unchecked(payload);
            icmp.set_msg_type(Icmpv6Message::EchoReply);
            icmp.fill_checksum(&FROM_V6, &TO_V6);
        }
        _ => {
            let mut icmp = Icmpv4Packet::new_unchecked(payload);
            icmp.set_msg_type(Icmpv4Message::EchoReply);
            icmp.fill_checksum();
        }
    }
}
