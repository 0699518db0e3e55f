//! An echo server written the way smoltcp's examples are: every socket of one set listens on the port, and
//! each turn of the loop polls the interface and then services every socket. It is what the node is compared
//! with, and it has none of the node's remedies.
//!
//! Unlike the examples it takes from a socket only what it can send, so that no byte is lost.

use smoltcp::iface::{Config, Interface, SocketSet, SocketStorage};
use smoltcp::phy::Device;
use smoltcp::socket::{Socket, tcp, udp};
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{EthernetAddress, IpCidr};

use crate::plan::Mutation;

/// Above 65,535 bytes smoltcp scales its window, and rounds it down.
const WIDE: usize = 66_001;

/// For `set_timeout`: shorter than the node's idle deadline, as for a stalled transfer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Datagrams that wait in each direction.
const DATAGRAMS: usize = 64;

/// How a [`UsualServer`] is set up.
#[derive(Clone, Copy, Debug)]
pub struct UsualConfig<'c> {
    /// Hardware address of the interface.
    pub mac: EthernetAddress,
    /// IP addresses of the interface; more than smoltcp has room for are left out.
    pub addresses: &'c [IpCidr],
    /// Seed of the initial sequence numbers.
    pub seed: u64,
    /// TCP and UDP port to listen on.
    pub port: u16,
    /// TCP sockets that listen at once.
    pub connections: usize,
    /// Bytes of each socket's receive buffer, and of its send buffer.
    pub buffer: usize,
    /// One of smoltcp's pitfalls to step into.
    pub mutation: Option<Mutation>,
}

/// An echo server for TCP and UDP over smoltcp's sockets.
pub struct UsualServer {
    iface: Interface,
    sockets: SocketSet<'static>,
    data: Vec<u8>,
    port: u16,
    mutation: Option<Mutation>,
}

impl UsualServer {
    /// Opens every socket. Their buffers are leaked: a server is made once a process, or in a test.
    pub fn new(config: &UsualConfig<'_>, now: Instant, device: &mut impl Device) -> UsualServer {
        let &UsualConfig { mac, addresses, seed, port, connections, buffer, mutation } = config;
        let mut config = Config::new(mac.into());
        config.random_seed = seed;
        let mut iface = Interface::new(config, device, now);
        iface.update_ip_addrs(|own| own.extend(addresses.iter().copied().take(own.capacity())));
        let leak = |len: usize| vec![0; len].leak();
        let storage = (0..=connections).map(|_| SocketStorage::EMPTY).collect::<Vec<_>>();
        let mut sockets = SocketSet::new(storage.leak());
        for _ in 0..connections {
            let rx = if mutation == Some(Mutation::WideServer) { WIDE } else { buffer };
            let [rx, tx] = [rx, buffer].map(|len| tcp::SocketBuffer::new(leak(len)));
            let mut socket = tcp::Socket::new(rx, tx);
            // A mutation is found with smoltcp's defaults, which delay the echo.
            if mutation.is_none() {
                socket.set_nagle_enabled(false);
                socket.set_ack_delay(None);
            }
            socket.set_timeout((mutation == Some(Mutation::TimeoutServer)).then_some(TIMEOUT));
            sockets.add(socket);
        }
        let [rx, tx] = [(); 2].map(|()| {
            let metadata = vec![udp::PacketMetadata::EMPTY; DATAGRAMS];
            udp::PacketBuffer::new(metadata.leak(), leak(buffer))
        });
        sockets.add(udp::Socket::new(rx, tx));
        let mut server = UsualServer { iface, sockets, data: vec![0; buffer], port, mutation };
        server.service();
        server
    }

    /// One turn of the loop. What the sockets have to send leaves with the next turn.
    pub fn poll(&mut self, now: Instant, device: &mut impl Device) {
        self.iface.poll(now, device, &mut self.sockets);
        self.service();
    }

    /// When the next turn is due, in the past for at once; `None` while only a frame can bring work.
    pub fn poll_at(&mut self, now: Instant) -> Option<Instant> {
        self.iface.poll_at(now, &self.sockets)
    }

    /// TCP sockets without a connection.
    pub fn free(&self) -> usize {
        let is_free = |socket: &tcp::Socket<'_>| {
            matches!(socket.state(), tcp::State::Listen | tcp::State::Closed)
        };
        let streams = self.sockets.iter().filter_map(|(_, socket)| match socket {
            Socket::Tcp(socket) => Some(socket),
            #[allow(unreachable_patterns)] // Another crate of the build may turn on more kinds.
            _ => None,
        });
        streams.filter(|socket| is_free(socket)).count()
    }

    fn service(&mut self) {
        let UsualServer { sockets, data, port, mutation, .. } = self;
        for (_, socket) in sockets.iter_mut() {
            match socket {
                Socket::Tcp(socket) => stream(socket, *port, *mutation, data),
                Socket::Udp(socket) => datagrams(socket, *port, data),
                #[allow(unreachable_patterns)] // Another crate of the build may turn on more kinds.
                _ => {}
            }
        }
    }
}

fn stream(socket: &mut tcp::Socket<'_>, port: u16, mutation: Option<Mutation>, data: &mut [u8]) {
    let closes_first = mutation == Some(Mutation::PatientServer);
    let is_in_time_wait = closes_first && socket.state() == tcp::State::TimeWait;
    if !socket.is_open() && !is_in_time_wait {
        let _ = socket.listen(port);
    }
    if socket.can_recv() {
        let room = socket.send_capacity() - socket.send_queue();
        let is_careless = mutation == Some(Mutation::CarelessServer);
        let most = if is_careless { data.len() } else { room.min(data.len()) };
        if let Ok(len @ 1..) = socket.recv_slice(&mut data[..most]) {
            let _ = socket.send_slice(&data[..len]);
            if closes_first {
                socket.close();
            }
        }
    } else if socket.may_send() && !socket.may_recv() {
        socket.close();
    }
}

fn datagrams(socket: &mut udp::Socket<'_>, port: u16, data: &mut [u8]) {
    if !socket.is_open() {
        let _ = socket.bind(port);
    }
    while socket.can_send() {
        let Ok((len, from)) = socket.recv_slice(data) else { return };
        let _ = socket.send_slice(&data[..len], from);
    }
}
