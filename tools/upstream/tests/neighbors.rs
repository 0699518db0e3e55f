//! ARP and neighbour discovery: what a station on the same link is told, or not.

#[allow(dead_code)] // No IPv4 packets here.
mod wire;

use smoltcp::iface::{Config, Interface, SocketSet, SocketStorage};
use smoltcp::phy::ChecksumCapabilities;
use smoltcp::socket::udp::{PacketBuffer, PacketMetadata, Socket};
use smoltcp::time::Instant;
use smoltcp::wire::*;

use wire::{OUR_MAC, PEER_MAC, Wire, frame};

const OURS: Ipv4Address = Ipv4Address::new(10, 0, 0, 1);
const OURS_V6: Ipv6Address = Ipv6Address::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
const THEIRS_V6: Ipv6Address = Ipv6Address::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2);
const THEIR_LINK_LOCAL: Ipv6Address = Ipv6Address::new(0xfe80, 0, 0, 0, 0, 0, 0, 2);

struct Stack {
    wire: Wire,
    iface: Interface,
    sockets: SocketSet<'static>,
}

impl Stack {
    fn new() -> Stack {
        let mut wire = Wire::default();
        let mut iface = Interface::new(Config::new(OUR_MAC.into()), &mut wire, Instant::ZERO);
        iface.update_ip_addrs(|own| {
            own.push(IpCidr::new(OURS.into(), 24)).expect("room");
            own.push(IpCidr::new(OURS_V6.into(), 64)).expect("room");
        });
        Stack { wire, iface, sockets: SocketSet::new(vec![SocketStorage::EMPTY].leak()) }
    }

    /// What the stack sends once it has had this frame.
    fn answers(&mut self, frame: Vec<u8>) -> Vec<Vec<u8>> {
        self.wire.inbox.push_back(frame);
        self.iface.poll(Instant::ZERO, &mut self.wire, &mut self.sockets);
        std::mem::take(&mut self.wire.outbox)
    }
}

fn who_has(from: Ipv4Address, target: Ipv4Address) -> Vec<u8> {
    let arp = ArpRepr::EthernetIpv4 {
        operation: ArpOperation::Request,
        source_hardware_addr: PEER_MAC,
        source_protocol_addr: from,
        target_hardware_addr: EthernetAddress([0; 6]),
        target_protocol_addr: target,
    };
    frame(EthernetAddress::BROADCAST, EthernetProtocol::Arp, arp.buffer_len(), |buffer| {
        arp.emit(&mut ArpPacket::new_unchecked(buffer));
    })
}

fn ndisc(from: Ipv6Address, to: Ipv6Address, said: NdiscRepr<'_>) -> Vec<u8> {
    let (icmp, sums) = (Icmpv6Repr::Ndisc(said), ChecksumCapabilities::default());
    let ip = IpRepr::new(from.into(), to.into(), IpProtocol::Icmpv6, icmp.buffer_len(), 255);
    frame(OUR_MAC, EthernetProtocol::Ipv6, ip.buffer_len(), |buffer| {
        ip.emit(&mut buffer[..], &sums);
        icmp.emit(&from, &to, &mut Icmpv6Packet::new_unchecked(&mut buffer[40..]), &sums);
    })
}

fn solicitation(from: Ipv6Address, lladdr: Option<EthernetAddress>) -> Vec<u8> {
    let solicited_node = Ipv6Address::new(0xff02, 0, 0, 0, 0, 1, 0xff00, 1);
    let lladdr = lladdr.map(Into::into);
    ndisc(from, solicited_node, NdiscRepr::NeighborSolicit { target_addr: OURS_V6, lladdr })
}

/// What the two after it are to show is theirs alone.
#[test]
fn a_neighbour_of_our_network_is_answered() {
    let asked = who_has(Ipv4Address::new(10, 0, 0, 2), OURS);
    assert_eq!(Stack::new().answers(asked).len(), 1);
}

/// RFC 826: the target is ours. The sender's network is no part of the question.
#[test]
fn arp_from_another_network_is_not_answered() {
    let asked = who_has(Ipv4Address::new(10, 0, 1, 2), OURS);
    assert_eq!(Stack::new().answers(asked), Vec::<Vec<u8>>::new());
}

/// RFC 5227 section 2.1.1: so a host asks whether an address is free. It takes ours.
#[test]
fn an_arp_probe_is_not_answered() {
    let asked = who_has(Ipv4Address::UNSPECIFIED, OURS);
    assert_eq!(Stack::new().answers(asked), Vec::<Vec<u8>>::new());
}

/// RFC 4862 section 5.4.3: likewise.
#[test]
fn duplicate_address_detection_is_not_answered() {
    let asked = solicitation(Ipv6Address::UNSPECIFIED, None);
    assert_eq!(Stack::new().answers(asked), Vec::<Vec<u8>>::new());
}

/// RFC 4861 section 7.2.4: our own address, told with its hardware address, overrides what is known.
#[test]
fn a_solicited_advertisement_does_not_override() {
    let answers = Stack::new().answers(solicitation(THEIRS_V6, Some(PEER_MAC)));
    let ethernet = EthernetFrame::new_unchecked(&answers[0][..]);
    let ip = Ipv6Packet::new_unchecked(ethernet.payload());
    let advertisement = Icmpv6Packet::new_unchecked(ip.payload());
    assert_eq!(advertisement.msg_type(), Icmpv6Message::NeighborAdvert);
    assert!(!advertisement.neighbor_flags().contains(NdiscNeighborFlags::OVERRIDE));
}

/// RFC 4862 section 5.5.3: each prefix is looked at. The last one hides those before it.
#[test]
fn of_several_prefixes_the_last_is_kept() {
    let option = |prefix_len, prefix| {
        let option = NdiscOptionRepr::PrefixInformation(NdiscPrefixInformation {
            prefix_len,
            flags: NdiscPrefixInfoFlags::ON_LINK | NdiscPrefixInfoFlags::ADDRCONF,
            valid_lifetime: smoltcp::time::Duration::from_secs(3600),
            preferred_lifetime: smoltcp::time::Duration::from_secs(1800),
            prefix,
        });
        let mut bytes = vec![0; option.buffer_len()];
        option.emit(&mut NdiscOption::new_unchecked(&mut bytes[..]));
        bytes
    };
    let wide = Ipv6Address::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0);
    let head = vec![134, 0, 0, 0, 64, 0, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0];
    let bytes = [head, option(64, THEIRS_V6), option(48, wide)].concat();
    let packet = Icmpv6Packet::new_checked(&bytes[..]).expect("an advertisement");
    let Ok(NdiscRepr::RouterAdvert { prefix_info: Some(kept), .. }) = NdiscRepr::parse(&packet)
    else {
        panic!("a prefix");
    };
    assert_eq!(kept.prefix_len, 48);
}

/// RFC 4861 section 7.2.5: an advertisement is about its target. A host that answers for its global address
/// from its link-local one is never found.
#[test]
fn an_advertisement_is_filed_under_its_sender() {
    for (from, is_found) in [(THEIRS_V6, true), (THEIR_LINK_LOCAL, false)] {
        let mut stack = Stack::new();
        let buffer = || PacketBuffer::new(vec![PacketMetadata::EMPTY].leak(), vec![0; 64].leak());
        let socket = stack.sockets.add(Socket::new(buffer(), buffer()));
        let socket = stack.sockets.get_mut::<Socket<'_>>(socket);
        socket.bind(7).expect("a port");
        socket.send_slice(b"hello", (THEIRS_V6, 9)).expect("room");
        stack.iface.poll(Instant::ZERO, &mut stack.wire, &mut stack.sockets);
        assert_eq!(stack.wire.outbox.len(), 1, "it asks for the hardware address");
        stack.wire.outbox.clear();

        stack.wire.inbox.push_back(ndisc(
            from,
            OURS_V6,
            NdiscRepr::NeighborAdvert {
                flags: NdiscNeighborFlags::SOLICITED | NdiscNeighborFlags::OVERRIDE,
                target_addr: THEIRS_V6,
                lladdr: Some(PEER_MAC.into()),
            },
        ));
        stack.iface.poll(Instant::from_secs(3), &mut stack.wire, &mut stack.sockets);
        let to = |frame: &Vec<u8>| EthernetFrame::new_unchecked(&frame[..]).dst_addr();
        let sent: Vec<_> = stack.wire.outbox.iter().map(to).collect();
        assert_eq!(sent == [PEER_MAC], is_found, "from {from}: {sent:?}");
    }
}
