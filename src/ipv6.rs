//! IPv6 extension headers (RFC 8200 section 4).

use smoltcp::phy::TxToken;
use smoltcp::wire::{
    EthernetAddress, EthernetFrame, EthernetProtocol, IPV6_MIN_MTU, Icmpv6Packet, IpProtocol,
    Ipv6Address, Ipv6Packet, Ipv6Repr,
};

use crate::event::DropReason;

/// Bytes of an IPv6 header, and of an Ethernet header.
const HEADER: usize = 40;
const ETHERNET: usize = EthernetFrame::<&[u8]>::header_len();

/// Where the fields for the next header stand in an IPv6 header.
const NEXT_HEADER: usize = 6;
const PAYLOAD_LEN: usize = 4;

/// The upper-layer header of a packet.
#[derive(Clone, Copy)]
pub(crate) struct UpperLayer {
    pub(crate) protocol: IpProtocol,
    /// Where in the packet's payload it begins.
    pub(crate) start: usize,
    /// The hop-by-hop header's share of that: smoltcp reads it, and none of the headers behind it.
    hop_by_hop: usize,
}

/// Why a packet is not passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// No answer.
    Drop(DropReason),
    /// A parameter problem for its sender.
    Problem(Problem),
}

/// An ICMPv6 parameter problem (RFC 4443 section 3.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    code: u8,
    /// Where in the packet the field is.
    pointer: u32,
    /// Whether a packet to a multicast address has this answer, too (RFC 4443 section 2.4 (e.3)).
    pub(crate) is_for_groups: bool,
}

impl Problem {
    const ERRONEOUS_FIELD: u8 = 0;
    const UNRECOGNIZED_NEXT_HEADER: u8 = 1;
    const UNRECOGNIZED_OPTION: u8 = 2;

    fn at(code: u8, pointer: usize) -> Fault {
        Fault::Problem(Problem { code, pointer: pointer as u32, is_for_groups: false })
    }
}

const MALFORMED: Fault = Fault::Drop(DropReason::Malformed);

/// Walks along the extension headers.
pub(crate) fn upper_layer(ip: &Ipv6Packet<&[u8]>) -> Result<UpperLayer, Fault> {
    let payload = ip.payload();
    let mut upper = UpperLayer { protocol: ip.next_header(), start: 0, hop_by_hop: 0 };
    let mut field = NEXT_HEADER;
    let mut is_fragment = false;
    loop {
        let unread = payload.get(upper.start..).ok_or(MALFORMED)?;
        let at = HEADER + upper.start;
        let octet = |i: usize| unread.get(i).copied().ok_or(MALFORMED);
        let len = match upper.protocol {
            // RFC 6980 section 5: no neighbor discovery in a fragment.
            IpProtocol::Icmpv6 if is_fragment && matches!(octet(0)?, 133..=137) => {
                return Err(Fault::Drop(DropReason::Fragment));
            }
            IpProtocol::Tcp | IpProtocol::Udp | IpProtocol::Icmpv6 => return Ok(upper),
            IpProtocol::Ipv6NoNxt => return Err(Fault::Drop(DropReason::UnknownProtocol)),
            // RFC 8200 section 4.1: right behind the IPv6 header only.
            IpProtocol::HopByHop if upper.start > 0 => {
                return Err(Problem::at(Problem::UNRECOGNIZED_NEXT_HEADER, field));
            }
            IpProtocol::HopByHop | IpProtocol::Ipv6Opts => {
                let len = header_len(octet(1)?);
                check_options(unread.get(2..len).ok_or(MALFORMED)?, at + 2)?;
                len
            }
            // RFC 8200 section 4.4: with segments left, an unrecognized type; this node is no router.
            IpProtocol::Ipv6Route if octet(3)? != 0 => {
                return Err(Problem::at(Problem::ERRONEOUS_FIELD, at + 2));
            }
            IpProtocol::Ipv6Route => header_len(octet(1)?),
            // RFC 6946: offset 0 and nothing to follow, so it is the whole packet.
            IpProtocol::Ipv6Frag if octet(2)? == 0 && octet(3)? & 0b1111_1001 == 0 => 8,
            IpProtocol::Ipv6Frag => return Err(Fault::Drop(DropReason::Fragment)),
            _ => return Err(Problem::at(Problem::UNRECOGNIZED_NEXT_HEADER, field)),
        };
        is_fragment |= upper.protocol == IpProtocol::Ipv6Frag;
        if upper.protocol == IpProtocol::HopByHop {
            upper.hop_by_hop = len;
        }
        upper.protocol = octet(0)?.into();
        upper.start += len;
        field = at;
    }
}

/// From the header's length field.
fn header_len(units: u8) -> usize {
    8 * (1 + usize::from(units))
}

/// RFC 8200 section 4.2. Only padding is known, and what may be skipped is.
fn check_options(mut options: &[u8], mut at: usize) -> Result<(), Fault> {
    while let [kind, rest @ ..] = options {
        let mut len = 1;
        if *kind != 0 {
            len = 2 + usize::from(*rest.first().ok_or(MALFORMED)?);
        }
        options = options.get(len..).ok_or(MALFORMED)?;
        match kind >> 6 {
            0b00 => {}
            0b01 => return Err(Fault::Drop(DropReason::UnknownProtocol)),
            action => {
                return Err(Fault::Problem(Problem {
                    code: Problem::UNRECOGNIZED_OPTION,
                    pointer: at as u32,
                    is_for_groups: action == 0b10,
                }));
            }
        }
        at += len;
    }
    Ok(())
}

/// Removes the extension headers that smoltcp does not read. Returns the frame's new length; a faulty frame
/// stays as it is.
pub(crate) fn strip_extensions(frame: &mut [u8]) -> Option<usize> {
    let ip = Ipv6Packet::new_checked(frame.get(ETHERNET..)?).ok()?;
    let upper = upper_layer(&ip).ok()?;
    let len = ETHERNET + HEADER + usize::from(ip.payload_len());
    let surplus = upper.start - upper.hop_by_hop;
    let kept = ETHERNET + HEADER + upper.hop_by_hop;
    let field = if upper.hop_by_hop > 0 { HEADER } else { NEXT_HEADER };
    frame.copy_within(kept + surplus..len, kept);
    frame[ETHERNET + field] = upper.protocol.into();
    let payload_len = (len - surplus - ETHERNET - HEADER) as u16;
    frame[ETHERNET + PAYLOAD_LEN..][..2].copy_from_slice(&payload_len.to_be_bytes());
    Some(len - surplus)
}

impl Problem {
    /// Tells the sender of this frame, whose lengths have been checked, from this address of ours.
    pub(crate) fn send(
        &self,
        frame: &[u8],
        (mac, from): (EthernetAddress, Ipv6Address),
        token: impl TxToken,
    ) {
        const ICMP: usize = 8;
        const PARAMETER_PROBLEM: u8 = 4;
        const HOP_LIMIT: u8 = 64;
        let ethernet = EthernetFrame::new_unchecked(frame);
        let packet = Ipv6Packet::new_unchecked(ethernet.payload());
        let dst_addr = packet.src_addr();
        // RFC 4443 section 3.4: as much as fits in the minimum MTU.
        let quoted = (HEADER + usize::from(packet.payload_len())).min(IPV6_MIN_MTU - HEADER - ICMP);
        token.consume(ETHERNET + HEADER + ICMP + quoted, |buffer| {
            let mut answer = EthernetFrame::new_unchecked(buffer);
            answer.set_src_addr(mac);
            answer.set_dst_addr(ethernet.src_addr());
            answer.set_ethertype(EthernetProtocol::Ipv6);
            let ip = Ipv6Repr {
                src_addr: from,
                dst_addr,
                next_header: IpProtocol::Icmpv6,
                payload_len: ICMP + quoted,
                hop_limit: HOP_LIMIT,
            };
            ip.emit(&mut Ipv6Packet::new_unchecked(answer.payload_mut()));
            let icmp = &mut answer.payload_mut()[HEADER..];
            icmp[..4].copy_from_slice(&[PARAMETER_PROBLEM, self.code, 0, 0]);
            icmp[4..ICMP].copy_from_slice(&self.pointer.to_be_bytes());
            icmp[ICMP..].copy_from_slice(&ethernet.payload()[..quoted]);
            Icmpv6Packet::new_unchecked(icmp).fill_checksum(&from, &dst_addr);
        });
    }
}
