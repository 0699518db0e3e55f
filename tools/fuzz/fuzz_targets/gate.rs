//! The gate parses headers before smoltcp does. Both must read the same segment, and the gate must drop one for
//! another host.
#![no_main]

use libfuzzer_sys::fuzz_target;
use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{
    EthernetFrame, EthernetProtocol, IpAddress, IpCidr, Ipv4Packet, TcpPacket, TcpRepr,
};

use crate::gate::{FrameClass, LocalAddresses};
use crate::segment::Control;

// The files themselves, so that the library need not export them.
#[allow(dead_code, unreachable_pub)]
#[path = "../../../src/gate.rs"]
mod gate;

#[allow(dead_code)]
#[path = "../../../src/ipv6.rs"]
mod ipv6;

#[allow(dead_code)]
#[path = "../../../src/path_mtu.rs"]
mod path_mtu;

#[allow(dead_code, unreachable_pub)]
#[path = "../../../src/segment.rs"]
mod segment;

#[path = "../../../src/unreachable.rs"]
mod unreachable;

mod event {
    pub(crate) use smolecho::{DropReason, Tuple};
}

fuzz_target!(|frame: &[u8]| {
    let addresses = [
        IpCidr::new(IpAddress::v4(10, 7, 0, 1), 16),
        IpCidr::new(IpAddress::v6(0xfd07, 0, 0, 0, 0, 0, 0, 1), 64),
    ];
    let own = LocalAddresses { mac: smolecho_sim::network::mac(0), addresses: &addresses };
    let FrameClass::Segment(header) = own.classify(frame) else { return };
    let (local, remote) = (header.tuple.local, header.tuple.remote);
    let refusal = own.drop_reason(&local.addr);
    assert_eq!(refusal.is_none(), own.has(&local.addr), "{refusal:?} of {header:?}");
    if refusal.is_some() {
        return;
    }
    assert!(local.port != 0 && remote.port != 0, "{header:?}");

    let ethernet = EthernetFrame::new_checked(frame).expect("the gate has read it");
    assert_eq!(ethernet.dst_addr(), own.mac, "a segment in a broadcast frame");
    // IPv6 extension headers move the segment.
    if ethernet.ethertype() != EthernetProtocol::Ipv4 {
        return;
    }
    let ip = Ipv4Packet::new_checked(ethernet.payload()).expect("the gate has read it");
    let tcp = TcpPacket::new_checked(ip.payload()).expect("the gate has read it");
    let ignored = ChecksumCapabilities::ignored();
    let Ok(seen) = TcpRepr::parse(&tcp, &remote.addr, &local.addr, &ignored) else { return };
    assert_eq!((seen.dst_port, seen.src_port), (local.port, remote.port));
    assert_eq!(seen.seq_number, header.seq);
    assert!(seen.ack_number.is_none_or(|ack| ack == header.ack));
    let is_open = tcp.syn() && !tcp.ack() && !tcp.rst();
    assert_eq!(header.control == Control::Syn, is_open, "{header:?}");
    assert_eq!(header.control == Control::Rst, tcp.rst(), "{header:?}");
});
