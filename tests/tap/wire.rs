//! The host's side of a TAP below the kernel's stack: frames that it would never send, and what passes.

use std::{
    io,
    net::SocketAddr,
    os::fd::{AsRawFd, OwnedFd},
};

use nix::{
    ifaddrs::getifaddrs,
    setsockopt_impl, sockopt_impl,
    sys::{
        socket::{
            AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrLike, bind, recv,
            send, setsockopt, socket, sockopt,
        },
        time::{TimeVal, TimeValLike},
    },
};
use smolecho::smoltcp::{
    phy::ChecksumCapabilities,
    wire::{
        EthernetAddress, EthernetFrame, EthernetProtocol, EthernetRepr, IpEndpoint, IpProtocol,
        IpRepr, Ipv4Packet, Ipv6Packet, TcpControl, TcpPacket, TcpRepr, TcpSeqNumber, UdpPacket,
        UdpRepr,
    },
};

use crate::lab::Network;

/// Whose frames these are: nobody's on this link.
const NOBODY: EthernetAddress = EthernetAddress([2, 0, 0, 0, 9, 9]);

sockopt_impl!(VirtioHeader, SetOnly, libc::SOL_PACKET, libc::PACKET_VNET_HDR, bool);

pub(crate) struct Wire {
    pub(crate) socket: OwnedFd,
    node: EthernetAddress,
}

/// A TCP segment that has passed.
pub(crate) struct Passed {
    pub(crate) frame: Vec<u8>,
    pub(crate) from: u16,
    pub(crate) to: u16,
    pub(crate) seq: TcpSeqNumber,
    pub(crate) ack: TcpSeqNumber,
    /// What it takes of the sequence space.
    pub(crate) len: usize,
}

impl Wire {
    pub(crate) fn tap(network: &Network) -> Wire {
        Wire::on(&network.interface, network.node_mac())
    }

    /// The same with virtio's header before each frame: what the kernel has left undone is to be seen.
    pub(crate) fn virtio(network: &Network) -> Wire {
        let wire = Wire::tap(network);
        setsockopt(&wire.socket, VirtioHeader, &true).expect("PACKET_VNET_HDR");
        wire
    }

    /// On an interface, behind which a node has this hardware address.
    pub(crate) fn on(name: &str, node: [u8; 6]) -> Wire {
        let (flags, all) = (SockFlag::SOCK_CLOEXEC, SockProtocol::EthAll);
        let socket = socket(AddressFamily::Packet, SockType::Raw, flags, all).expect("AF_PACKET");
        let link = getifaddrs().expect("interfaces").find_map(|interface| {
            let address = interface.address.filter(|_| interface.interface_name == name);
            address.filter(|it| it.family() == Some(AddressFamily::Packet))
        });
        bind(socket.as_raw_fd(), &link.expect("the interface")).expect("bind");
        setsockopt(&socket, sockopt::ReceiveTimeout, &TimeVal::milliseconds(200)).expect("timeout");
        Wire { socket, node: EthernetAddress(node) }
    }

    pub(crate) fn send(&self, frame: &[u8]) {
        match send(self.socket.as_raw_fd(), frame, MsgFlags::empty()) {
            // The link may be down, or its queue full: on the way to the node a frame may be lost.
            Ok(_) => {}
            Err(error) => assert!(io::Error::from(error).raw_os_error().is_some()),
        }
    }

    pub(crate) fn tcp(
        &self,
        from: SocketAddr,
        to: SocketAddr,
        control: TcpControl,
        seq: TcpSeqNumber,
        ack: Option<TcpSeqNumber>,
        payload: &[u8],
    ) -> Vec<u8> {
        let tcp = TcpRepr {
            src_port: from.port(),
            dst_port: to.port(),
            control,
            seq_number: seq,
            ack_number: ack,
            window_len: 65_535,
            window_scale: None,
            max_seg_size: (control == TcpControl::Syn).then_some(1400),
            sack_permitted: false,
            sack_ranges: [None; 3],
            timestamp: None,
            payload,
        };
        self.packet(from, to, IpProtocol::Tcp, tcp.buffer_len(), |from, to, buffer| {
            let checksums = ChecksumCapabilities::default();
            tcp.emit(&mut TcpPacket::new_unchecked(buffer), &from.addr, &to.addr, &checksums);
        })
    }

    pub(crate) fn udp(&self, from: SocketAddr, to: SocketAddr, payload: &[u8]) -> Vec<u8> {
        let udp = UdpRepr { src_port: from.port(), dst_port: to.port() };
        let len = udp.header_len() + payload.len();
        self.packet(from, to, IpProtocol::Udp, len, |from, to, buffer| {
            let mut packet = UdpPacket::new_unchecked(buffer);
            let (from, to, checksums) = (from.addr, to.addr, ChecksumCapabilities::default());
            let fill = |data: &mut [u8]| data.copy_from_slice(payload);
            udp.emit(&mut packet, &from, &to, payload.len(), fill, &checksums);
        })
    }

    fn packet(
        &self,
        from: SocketAddr,
        to: SocketAddr,
        protocol: IpProtocol,
        len: usize,
        emit: impl FnOnce(IpEndpoint, IpEndpoint, &mut [u8]),
    ) -> Vec<u8> {
        let [from, to] = [from, to].map(|end| IpEndpoint::new(end.ip().into(), end.port()));
        let ip = IpRepr::new(from.addr, to.addr, protocol, len, 64);
        let ethertype = match ip {
            IpRepr::Ipv4(_) => EthernetProtocol::Ipv4,
            IpRepr::Ipv6(_) => EthernetProtocol::Ipv6,
        };
        let ethernet = EthernetRepr { src_addr: NOBODY, dst_addr: self.node, ethertype };
        let mut frame = vec![0; ethernet.buffer_len() + ip.header_len() + len];
        ethernet.emit(&mut EthernetFrame::new_unchecked(&mut frame[..]));
        let packet = &mut frame[ethernet.buffer_len()..];
        ip.emit(&mut *packet, &ChecksumCapabilities::default());
        emit(from, to, &mut packet[ip.header_len()..]);
        frame
    }

    /// The next segment that goes to the node; `None` when none has passed for a while.
    pub(crate) fn next_to_node(&self) -> Option<Passed> {
        let mut buffer = [0; 65_536];
        loop {
            let n = recv(self.socket.as_raw_fd(), &mut buffer, MsgFlags::empty()).ok()?;
            if let Some(passed) = self.read(&buffer[..n]) {
                return Some(passed);
            }
        }
    }

    fn read(&self, bytes: &[u8]) -> Option<Passed> {
        let frame =
            EthernetFrame::new_checked(bytes).ok().filter(|it| it.dst_addr() == self.node)?;
        let tcp = match frame.ethertype() {
            EthernetProtocol::Ipv4 => Ipv4Packet::new_checked(frame.payload())
                .ok()
                .filter(|ip| ip.next_header() == IpProtocol::Tcp)?
                .payload(),
            EthernetProtocol::Ipv6 => Ipv6Packet::new_checked(frame.payload())
                .ok()
                .filter(|ip| ip.next_header() == IpProtocol::Tcp)?
                .payload(),
            _ => return None,
        };
        let tcp = TcpPacket::new_checked(tcp).ok()?;
        Some(Passed {
            frame: bytes.to_vec(),
            from: tcp.src_port(),
            to: tcp.dst_port(),
            seq: tcp.seq_number(),
            ack: tcp.ack_number(),
            len: tcp.segment_len(),
        })
    }
}
