//! The same services on the same sockets, buffers and driver over smoltcp alone, as smolecho's measure:
//! `cargo xtask boards` divides the sizes of the two images. It takes the place of `node`.

use core::convert::Infallible;

#[cfg(feature = "ipv6")]
use smolecho::smoltcp::wire::Ipv6Address;
use smolecho::{
    Event,
    phy::Device,
    smoltcp::{
        iface::{self, Interface, PollResult, SocketHandle, SocketSet, SocketStorage},
        socket::{tcp, udp},
        time::Instant,
        wire::{EthernetAddress, HardwareAddress, IpCidr, Ipv4Address},
    },
};
use static_cell::{ConstStaticCell, StaticCell};

const ADDRESS: Ipv4Address = Ipv4Address::new(10, 0, 2, 15);
#[cfg(feature = "ipv6")]
const LINK_LOCAL: Ipv6Address = Ipv6Address::new(0xFE80, 0, 0, 0, 0, 0, 0, 15);
const GATEWAY: Ipv4Address = Ipv4Address::new(10, 0, 2, 2);

/// TCP and UDP port of the server.
pub const PORT: u16 = 12345;

const CONNECTIONS: usize = 4;
const BUFFER: usize = 1024;
const DATAGRAM: usize = 512;

static STREAMS: ConstStaticCell<[[[u8; BUFFER]; 2]; CONNECTIONS]> =
    ConstStaticCell::new([[[0; BUFFER]; 2]; CONNECTIONS]);
static DATAGRAMS: ConstStaticCell<[[u8; DATAGRAM]; 2]> = ConstStaticCell::new([[0; DATAGRAM]; 2]);
static METADATA: ConstStaticCell<[[udp::PacketMetadata; 1]; 2]> =
    ConstStaticCell::new([[udp::PacketMetadata::EMPTY; 1]; 2]);
static SOCKETS: ConstStaticCell<[SocketStorage<'static>; CONNECTIONS + 1]> =
    ConstStaticCell::new([SocketStorage::EMPTY; CONNECTIONS + 1]);
static NODE: StaticCell<Node<'static>> = StaticCell::new();

/// Hardware address and random seed.
pub struct Config {
    mac: [u8; 6],
    seed: u64,
}

/// The configuration, with the addresses of QEMU's user-mode network.
pub fn emulated(mac: [u8; 6], seed: u64) -> Result<Config, Infallible> {
    Ok(Config { mac, seed })
}

/// The server. Call it once: its memory is static.
pub fn node(
    device: &mut impl Device,
    config: &Config,
) -> Result<&'static mut Node<'static>, Infallible> {
    let mac = HardwareAddress::Ethernet(EthernetAddress(config.mac));
    let mut interface = iface::Config::new(mac);
    interface.random_seed = config.seed;
    let mut iface = Interface::new(interface, device, Instant::ZERO);
    iface.update_ip_addrs(|addresses| {
        let _ = addresses.push(IpCidr::new(ADDRESS.into(), 24));
        #[cfg(feature = "ipv6")]
        let _ = addresses.push(IpCidr::new(LINK_LOCAL.into(), 64));
    });
    let _ = iface.routes_mut().add_default_ipv4_route(GATEWAY);

    let mut sockets = SocketSet::new(&mut SOCKETS.take()[..]);
    let streams = STREAMS.take().each_mut().map(|[rx, tx]| {
        let [rx, tx] = [rx, tx].map(|buffer| tcp::SocketBuffer::new(&mut buffer[..]));
        sockets.add(tcp::Socket::new(rx, tx))
    });
    let [rx, tx] = DATAGRAMS.take();
    let [rx_metadata, tx_metadata] = METADATA.take();
    let datagrams = sockets.add(udp::Socket::new(
        udp::PacketBuffer::new(&mut rx_metadata[..], &mut rx[..]),
        udp::PacketBuffer::new(&mut tx_metadata[..], &mut tx[..]),
    ));
    sockets.get_mut::<udp::Socket<'_>>(datagrams).bind(PORT).expect("a port");
    Ok(NODE.init(Node { iface, sockets, streams, datagrams }))
}

/// An interface and all sockets in one set.
pub struct Node<'a> {
    iface: Interface,
    sockets: SocketSet<'a>,
    streams: [SocketHandle; CONNECTIONS],
    datagrams: SocketHandle,
}

impl Node<'_> {
    /// Receives frames, echoes, sends frames.
    pub fn poll(&mut self, now: Instant, device: &mut impl Device, _: impl FnMut(Event<'_>)) {
        let mut scratch = [0; DATAGRAM];
        loop {
            let result = self.iface.poll(now, device, &mut self.sockets);
            for stream in self.streams {
                echo(self.sockets.get_mut(stream), &mut scratch);
            }
            let socket = self.sockets.get_mut::<udp::Socket<'_>>(self.datagrams);
            if socket.can_send()
                && let Ok((len, from)) = socket.recv_slice(&mut scratch)
            {
                let _ = socket.send_slice(&scratch[..len], from);
            }
            if result == PollResult::None {
                return;
            }
        }
    }

    /// The time of the next poll.
    pub fn poll_at(&mut self, now: Instant) -> Option<Instant> {
        self.iface.poll_at(now, &self.sockets)
    }
}

fn echo(socket: &mut tcp::Socket<'_>, scratch: &mut [u8]) {
    if !socket.is_open() {
        socket.listen(PORT).expect("a port");
    }
    while socket.can_recv() && socket.can_send() {
        let room = socket.send_capacity() - socket.send_queue();
        let len = room.min(scratch.len());
        if let Ok(len) = socket.recv_slice(&mut scratch[..len]) {
            let _ = socket.send_slice(&scratch[..len]);
        }
    }
    if socket.may_send() && !socket.may_recv() {
        socket.close();
    }
}
