//! A node on a TAP interface of its own.

use std::{
    io,
    net::{SocketAddr, TcpListener, TcpStream},
    ops::Deref,
};

use smolecho::{
    Config, ConnectError, DatagramMemory, DatagramStorage, Listener, Message, Node, Query,
    Timeouts, Tuple, UdpService,
    phy::tap::Tap,
    smoltcp::{
        time::Instant,
        wire::{IpCidr, IpEndpoint},
    },
};

use crate::{
    host,
    network::{Network, Opening},
    program::Program,
    rig::{Family, PORT, memory},
    sockets,
};

/// Configuration of the device, the node and its services.
pub(crate) struct Setup {
    pub(crate) opening: Opening,
    pub(crate) slots: usize,
    /// Bytes of a connection's receive buffer, and of its transmit buffer.
    pub(crate) buffer: usize,
    pub(crate) mtu: u32,
    pub(crate) timeouts: Timeouts,
    pub(crate) listener: Option<Listener>,
    /// The UDP ports and their services.
    pub(crate) services: Vec<(u16, UdpService)>,
    pub(crate) naming: Naming,
    /// The kernel's addresses are the node's default routes.
    pub(crate) routed: bool,
    /// The speed of the node's clock: 1 is real time.
    pub(crate) haste: u32,
}

/// The source of the node's addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Naming {
    /// Configured: one of each family, and with UDP services the link-local one.
    Static,
    /// The same, with conflict detection.
    Probed,
    /// Configured: the kernel's own, with conflict detection.
    Stolen,
    Dhcp,
    Router,
}

impl Default for Setup {
    fn default() -> Setup {
        Setup {
            opening: Opening::Plain,
            slots: 8,
            buffer: 16_384,
            mtu: 1500,
            timeouts: Timeouts::DEFAULT,
            listener: Some(Listener::new(PORT, 8)),
            services: Vec::new(),
            naming: Naming::Static,
            routed: false,
            haste: 1,
        }
    }
}

impl Setup {
    /// Makes the TAP interface, configures the kernel's side of it, and runs a node on the other.
    pub(crate) fn run(self) -> Lab {
        let network = Network::new();
        let mut tap = self.opening.open(&network.interface).expect("a TAP");
        host::set_mtu(tap.name(), self.mtu);
        host::set_up(tap.name(), true);
        host::add_address(tap.name(), network.host(Family::V4));
        host::add_address(tap.name(), network.host(Family::V6));
        tap.refresh_mtu().expect("MTU");
        if self.naming == Naming::Router {
            host::until_link_local(tap.name());
        }

        let node = self.node(&network, &mut tap);
        Lab { network, program: Program::start(node, tap, self.haste) }
    }

    fn node(&self, network: &Network, tap: &mut Tap) -> Node<'static> {
        let mut config = Config::new(network.node_mac(), network.number.into());
        config.conflict_detection = matches!(self.naming, Naming::Probed | Naming::Stolen);
        if self.naming == Naming::Static || config.conflict_detection {
            for (family, prefix) in [(Family::V4, 24), (Family::V6, 64)] {
                let address = match self.naming {
                    Naming::Stolen => network.host(family),
                    _ => network.node(family),
                };
                let address = IpCidr::new(address.into(), prefix);
                config = config.address(address).expect("room for an address");
            }
            if !self.services.is_empty() {
                config = config.link_local().expect("room for an address");
            }
        }
        if self.routed {
            for family in [Family::V4, Family::V6] {
                config.gateways.push(network.host(family).into()).expect("room for a route");
            }
        }
        config.dhcpv4 = self.naming == Naming::Dhcp;
        config.slaac = self.naming == Naming::Router;
        config.timeouts = self.timeouts;
        let mut memory = memory(self.slots, self.buffer, self.buffer, 4096);
        if !self.services.is_empty() {
            memory = memory.with(datagram_memory());
        }
        let mut node = Node::new(&config, memory, tap, Instant::ZERO).expect("node");
        for &(port, service) in &self.services {
            node.bind(port, service).expect("bind");
        }
        if let Some(listener) = self.listener {
            node.listen(listener).expect("listen");
        }
        node
    }
}

/// Four ports and eight transmit slots, for datagrams as large as smoltcp's buffer for fragments.
fn datagram_memory() -> DatagramMemory<'static> {
    Box::leak(Box::new(DatagramStorage::<4, 8, 8192>::new())).memory()
}

/// A running node and its network. Dropping it stops the node and removes the interface.
pub(crate) struct Lab {
    pub(crate) network: Network,
    program: Program,
}

impl Deref for Lab {
    type Target = Program;

    fn deref(&self) -> &Program {
        &self.program
    }
}

impl Lab {
    /// A kernel socket that is connected to the node.
    pub(crate) fn connect(&self, family: Family) -> TcpStream {
        self.try_connect(family).expect("connect")
    }

    pub(crate) fn try_connect(&self, family: Family) -> io::Result<TcpStream> {
        sockets::connect(self.server(family))
    }

    /// The node's address and listening port.
    pub(crate) fn server(&self, family: Family) -> SocketAddr {
        SocketAddr::new(self.network.node(family), PORT)
    }

    /// A kernel server for the node to connect to.
    pub(crate) fn listen(&self, family: Family) -> (TcpListener, SocketAddr) {
        sockets::listen(self.network.host(family))
    }

    /// `ip link set down`: the host's IPv4 address stays, its IPv6 address goes.
    pub(crate) fn link_down(&self) {
        host::set_up(&self.network.interface, false);
    }

    /// `ip link set up`, with both addresses again.
    pub(crate) fn link_up(&self) {
        host::set_up(&self.network.interface, true);
        host::add_address(&self.network.interface, self.network.host(Family::V6));
    }

    /// Removes the host's address: the kernel's sockets stay open and fall silent.
    pub(crate) fn host_vanishes(&self, family: Family) {
        host::remove_address(&self.network.interface, self.network.host(family));
    }

    /// Adds the host's address again.
    pub(crate) fn host_returns(&self, family: Family) {
        host::add_address(&self.network.interface, self.network.host(family));
    }

    /// [`Node::connect`], between two polls.
    pub(crate) fn node_connects(
        &self,
        remote: SocketAddr,
        message: Message<'static>,
    ) -> Result<Tuple, ConnectError> {
        let remote = IpEndpoint::new(remote.ip().into(), remote.port());
        self.ask(move |node, now| node.connect(remote, message, now))
    }

    /// [`Node::query`], between two polls.
    pub(crate) fn node_queries(
        &self,
        remote: SocketAddr,
        query: Query<'static>,
    ) -> Result<Tuple, ConnectError> {
        let remote = IpEndpoint::new(remote.ip().into(), remote.port());
        self.ask(move |node, _| node.query(remote, query))
    }
}
