//! A packet socket on the kernel's side of an interface: sends frames that the kernel would not, and sees
//! all.

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
    time::Instant,
    wire::{EthernetAddress, IpEndpoint, TcpControl, TcpSeqNumber},
};

use crate::{
    network::Network,
    rig::{
        frames::{Frame, Segment, Tcp, Way, ethernet},
        udp::Datagram,
    },
};

/// The source of the frames: an address that no station on the link has.
const NOBODY: EthernetAddress = EthernetAddress([2, 0, 0, 0, 9, 9]);

sockopt_impl!(VirtioHeader, SetOnly, libc::SOL_PACKET, libc::PACKET_VNET_HDR, bool);

pub(crate) struct Wire {
    pub(crate) socket: OwnedFd,
    node: EthernetAddress,
}

impl Wire {
    pub(crate) fn tap(network: &Network) -> Wire {
        Wire::on(&network.interface, network.node_mac())
    }

    /// The same with virtio's header before each frame, in which the kernel says what it left undone.
    pub(crate) fn virtio(network: &Network) -> Wire {
        let wire = Wire::tap(network);
        setsockopt(&wire.socket, VirtioHeader, &true).expect("PACKET_VNET_HDR");
        wire
    }

    /// On an interface to a node with this hardware address.
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
            // The link may be down or its queue full: a frame on its way to the node may be lost.
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
        let ([from, to], (seq, ack)) = ([from, to].map(endpoint), (seq.0, ack.map(|ack| ack.0)));
        let segment = Segment { from, to, control, seq, ack, window: 65_535, payload };
        ethernet(NOBODY, self.node, &segment.packet())
    }

    pub(crate) fn udp(&self, from: SocketAddr, to: SocketAddr, payload: &[u8]) -> Vec<u8> {
        let [from, to] = [from, to].map(endpoint);
        let datagram = Datagram { from, to, payload: payload.to_vec() };
        ethernet(NOBODY, self.node, &datagram.packet())
    }

    /// The next TCP segment to the node; `None` after 200 ms without one.
    pub(crate) fn next_to_node(&self) -> Option<(Vec<u8>, Tcp)> {
        let mut buffer = [0; 65_536];
        loop {
            let n = recv(self.socket.as_raw_fd(), &mut buffer, MsgFlags::empty()).ok()?;
            let bytes = buffer[..n].to_vec();
            let frame = Frame { at: Instant::ZERO, way: Way::ToNode, bytes };
            if frame.bytes.starts_with(self.node.as_bytes())
                && let Some(tcp) = frame.tcp()
            {
                return Some((frame.bytes, tcp));
            }
        }
    }
}

fn endpoint(address: SocketAddr) -> IpEndpoint {
    IpEndpoint::new(address.ip().into(), address.port())
}
