//! A program over plain smoltcp as the far end: an interface and a socket set.

use smolecho::phy::Device;
use smolecho::smoltcp::iface::{Config, Interface, SocketHandle, SocketSet, SocketStorage};
use smolecho::smoltcp::socket::tcp::{Socket, SocketBuffer, State};
use smolecho::smoltcp::time::{Duration, Instant};
use smolecho::smoltcp::wire::{IpAddress, IpEndpoint};

use super::{FAR_MAC, Family, Port, Station, World};

const SOCKETS: usize = 1024;
const FIRST_PORT: u16 = 20_000;

pub struct Host {
    pub iface: Interface,
    pub sockets: SocketSet<'static>,
    family: Family,
    next_port: u16,
}

impl Host {
    pub fn new(family: Family) -> Self {
        let mut config = Config::new(FAR_MAC.into());
        config.random_seed = 0xfa4;
        let mut iface = Interface::new(config, &mut Port::default(), Instant::ZERO);
        iface.update_ip_addrs(|addresses| addresses.push(family.cidr(2)).unwrap());
        let storage: Vec<_> = (0..SOCKETS).map(|_| SocketStorage::EMPTY).collect();
        let sockets = SocketSet::new(storage.leak());
        Host { iface, sockets, family, next_port: FIRST_PORT }
    }

    pub fn socket(&mut self, rx: usize, tx: usize) -> SocketHandle {
        let buffer = |len| SocketBuffer::new(vec![0; len].leak());
        self.sockets.add(Socket::new(buffer(rx), buffer(tx)))
    }

    pub fn get(&mut self, socket: SocketHandle) -> &mut Socket<'static> {
        self.sockets.get_mut(socket)
    }

    /// Connects the socket to the node, from a new port.
    pub fn connect(&mut self, socket: SocketHandle) -> IpEndpoint {
        self.next_port = if self.next_port == u16::MAX { FIRST_PORT } else { self.next_port + 1 };
        self.connect_from(socket, self.next_port)
    }

    pub fn connect_from(&mut self, socket: SocketHandle, port: u16) -> IpEndpoint {
        self.connect_to(socket, self.family.server(), port);
        IpEndpoint::new(self.family.far(), port)
    }

    /// Connects the socket from a port of the test's choice.
    pub fn connect_to(&mut self, socket: SocketHandle, server: IpEndpoint, port: u16) {
        let tcp = self.sockets.get_mut::<Socket<'_>>(socket);
        tcp.connect(self.iface.context(), server, port).unwrap();
    }

    /// A new socket, connecting.
    pub fn caller(&mut self) -> SocketHandle {
        let socket = self.socket(4096, 4096);
        self.connect(socket);
        socket
    }

    /// A new socket, listening.
    pub fn listener(&mut self, port: u16) -> SocketHandle {
        let socket = self.socket(4096, 4096);
        self.get(socket).listen(port).unwrap();
        socket
    }

    pub fn state(&mut self, socket: SocketHandle) -> State {
        self.get(socket).state()
    }

    pub fn is_established(&mut self, socket: SocketHandle) -> bool {
        self.state(socket) == State::Established
    }

    pub fn send(&mut self, socket: SocketHandle, data: &[u8]) {
        assert_eq!(self.get(socket).send_slice(data), Ok(data.len()));
    }

    /// All received bytes.
    pub fn recv(&mut self, socket: SocketHandle) -> Vec<u8> {
        let mut data = vec![0; self.get(socket).recv_queue()];
        let n = self.get(socket).recv_slice(&mut data).unwrap_or(0);
        data.truncate(n);
        data
    }

    pub fn endpoint(&mut self, socket: SocketHandle) -> IpEndpoint {
        self.get(socket).local_endpoint().expect("the socket has a connection")
    }

    pub fn address(&self) -> IpAddress {
        self.family.far()
    }
}

impl World<Host> {
    /// A new socket with an established connection, within `limit`.
    #[track_caller]
    pub fn connected(&mut self, limit: Duration) -> SocketHandle {
        let caller = self.far.caller();
        self.run_until(limit, |world| world.far.is_established(caller));
        caller
    }

    /// Sends bytes and expects their echo within `limit`.
    #[track_caller]
    pub fn assert_echo(&mut self, limit: Duration, socket: SocketHandle, data: &[u8]) {
        self.far.send(socket, data);
        self.run_until(limit, |world| world.far.get(socket).recv_queue() == data.len());
        assert_eq!(self.far.recv(socket), data);
    }
}

impl Station for Host {
    fn poll(&mut self, now: Instant, device: &mut impl Device) {
        self.iface.poll(now, device, &mut self.sockets);
    }

    fn poll_at(&mut self, now: Instant) -> Option<Instant> {
        self.iface.poll_at(now, &self.sockets)
    }
}
