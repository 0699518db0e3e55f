//! Path MTU discovery: a router's word that a segment was too big for its next link (RFC 1191, RFC 8201).

use core::num::NonZeroU16;

use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{
    EthernetAddress, Icmpv4Packet, IpAddress, IpEndpoint, Ipv4Packet, TcpSeqNumber,
};
#[cfg(feature = "proto-ipv6")]
use smoltcp::wire::{IPV6_MIN_MTU, Icmpv6Packet, Ipv6Address, Ipv6Packet};

use crate::event::Tuple;

/// RFC 1191 section 3, RFC 791: the least that is believed, and what stands for no MTU, which routers from
/// before RFC 1191 tell.
const IPV4_MIN_MTU: u16 = 576;

/// Bytes of TCP's ports and sequence number, behind the quoted IP header.
const QUOTED: usize = 8;

/// TCP's number in the IP header's protocol field.
const TCP: u8 = 6;

/// RFC 1191 section 6.3, RFC 8201 section 4: after this a larger packet is tried.
const AGE: Duration = Duration::from_secs(600);

/// Without the feature its code is left out.
pub(crate) const DISCOVERS: bool = cfg!(feature = "path-mtu");

/// A connection's path, which takes smaller packets than the link.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Path {
    /// The largest IP packet.
    pub(crate) mtu: NonZeroU16,
    /// The hardware address of the next hop.
    pub(crate) next_hop: EthernetAddress,
    pub(crate) learned_at: Instant,
}

impl Path {
    pub(crate) fn is_old(&self, now: Instant) -> bool {
        self.learned_at + AGE <= now
    }
}

/// A segment that did not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooBig {
    /// The two ends of its connection.
    pub(crate) tuple: Tuple,
    pub(crate) seq: TcpSeqNumber,
    /// The largest IP packet for the path.
    pub(crate) mtu: NonZeroU16,
}

impl TooBig {
    /// Reads "fragmentation needed" (RFC 792, type 3, code 4).
    pub(crate) fn ipv4(icmp: &[u8]) -> Option<TooBig> {
        let [3, 4, _, _, _, _, high, low, packet @ ..] = icmp else { return None };
        let quoted = Ipv4Packet::new_unchecked(packet.get(..20)?);
        let segment = packet.get(usize::from(quoted.header_len())..)?;
        let mtu = u16::from_be_bytes([*high, *low]).max(IPV4_MIN_MTU);
        if quoted.version() != 4 || quoted.next_header() != TCP.into() || quoted.total_len() <= mtu
        {
            return None;
        }
        Icmpv4Packet::new_unchecked(icmp).verify_checksum().then_some(())?;
        TooBig::new((quoted.src_addr().into(), quoted.dst_addr().into()), segment, mtu)
    }

    /// Reads "packet too big" (RFC 4443 section 3.2).
    #[cfg(feature = "proto-ipv6")]
    pub(crate) fn ipv6(icmp: &[u8], from: Ipv6Address, to: Ipv6Address) -> Option<TooBig> {
        let [2, _, _, _, mtu @ ..] = icmp else { return None };
        let mtu = u32::from_be_bytes(*mtu.first_chunk()?);
        let packet = icmp.get(8..)?;
        let quoted = Ipv6Packet::new_unchecked(packet.get(..40)?);
        // RFC 8201 section 4: less than every IPv6 link has is not believed.
        let mtu = u16::try_from(mtu).ok().filter(|mtu| usize::from(*mtu) >= IPV6_MIN_MTU)?;
        let len = 40 + usize::from(quoted.payload_len());
        if quoted.next_header() != TCP.into() || len <= usize::from(mtu) {
            return None;
        }
        Icmpv6Packet::new_unchecked(icmp).verify_checksum(&from, &to).then_some(())?;
        TooBig::new((quoted.src_addr().into(), quoted.dst_addr().into()), &packet[40..], mtu)
    }

    fn new((from, to): (IpAddress, IpAddress), segment: &[u8], mtu: u16) -> Option<TooBig> {
        let [a, b, c, d, seq @ ..] = segment.first_chunk::<QUOTED>()?;
        Some(TooBig {
            tuple: Tuple {
                local: IpEndpoint::new(from, u16::from_be_bytes([*a, *b])),
                remote: IpEndpoint::new(to, u16::from_be_bytes([*c, *d])),
            },
            seq: TcpSeqNumber(i32::from_be_bytes(*seq)),
            mtu: NonZeroU16::new(mtu)?,
        })
    }
}
