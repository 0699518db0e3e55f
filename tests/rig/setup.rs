//! Configuration and memory of a node under test.

use smolecho::phy::Device;
use smolecho::smoltcp::iface::SocketStorage;
use smolecho::smoltcp::time::{Duration, Instant};
use smolecho::smoltcp::wire::{EthernetAddress, IpCidr};
use smolecho::storage::{IndexRecord, Slot};
use smolecho::{
    Config, DatagramMemory, Listener, Memory, Node, TcpService, Timeouts, UdpPolicy, WhenFull,
};

use super::host::Host;
use super::{FAR_MAC, Family, NODE_MAC, Nobody, Ours, PORT, Port, Station, World};

/// The defaults suit most tests.
#[derive(Clone)]
pub struct Setup {
    pub family: Family,
    pub slots: usize,
    pub rx: usize,
    pub tx: usize,
    pub scratch: usize,
    pub seed: u64,
    pub timeouts: Timeouts,
    pub keep_alive: Option<Duration>,
    pub service: TcpService,
    pub backlog: u16,
    pub syn_cookies: bool,
    pub when_full: WhenFull,
    pub per_source: Option<u16>,
    pub evict_idle: bool,
    /// In addition to the address of the family.
    pub addresses: Vec<IpCidr>,
    /// Without the address of the family.
    pub nameless: bool,
    pub dhcpv4: bool,
    pub slaac: bool,
    pub conflict_detection: bool,
    pub udp_policy: UdpPolicy,
    pub datagrams: fn() -> DatagramMemory<'static>,
}

impl Setup {
    pub fn new(family: Family) -> Self {
        Setup {
            family,
            slots: 8,
            rx: 2048,
            tx: 2048,
            scratch: 256,
            seed: 1,
            timeouts: Timeouts::DEFAULT,
            keep_alive: None,
            service: TcpService::Stream,
            backlog: 8,
            syn_cookies: true,
            when_full: WhenFull::Reset,
            per_source: None,
            evict_idle: false,
            addresses: Vec::new(),
            nameless: false,
            dhcpv4: false,
            slaac: false,
            conflict_detection: false,
            udp_policy: UdpPolicy::DEFAULT,
            datagrams: DatagramMemory::none,
        }
    }

    /// A listening node with no station opposite: the test makes every frame.
    pub fn alone(self) -> World<Nobody> {
        self.opposite(Nobody)
    }

    /// A listening node, and a host of plain smoltcp sockets opposite.
    pub fn world(self) -> World<Host> {
        let far = Host::new(self.family);
        self.opposite(far)
    }

    /// A listening node, and another listening node opposite.
    pub fn two_nodes(self) -> World<Ours> {
        let far = Setup { seed: !self.seed, ..self.clone() };
        let far = far.node_at(FAR_MAC, self.family.cidr(2), &mut Port::default());
        self.opposite(Ours::new(far))
    }

    pub fn opposite<F: Station>(self, far: F) -> World<F> {
        World::new(self.slots, far, |device| Ours::new(self.node(device)))
    }

    /// A listening node on this device.
    pub fn node(&self, device: &mut impl Device) -> Node<'static> {
        self.node_at(NODE_MAC, self.family.cidr(1), device)
    }

    /// What `node` is made with.
    pub fn config(&self) -> Config {
        self.config_at(NODE_MAC, self.family.cidr(1))
    }

    fn node_at(
        &self,
        mac: EthernetAddress,
        address: IpCidr,
        device: &mut impl Device,
    ) -> Node<'static> {
        let memory = memory(self.slots, self.rx, self.tx, self.scratch).with((self.datagrams)());
        let config = self.config_at(mac, address);
        let mut node = Node::new(&config, memory, device, Instant::ZERO).unwrap();
        let Setup { service, backlog, when_full, .. } = *self;
        node.listen(Listener { port: PORT, backlog, service, when_full }).unwrap();
        node
    }

    fn config_at(&self, mac: EthernetAddress, address: IpCidr) -> Config {
        let mut config = Config::new(mac.0, self.seed);
        for address in (!self.nameless).then_some(&address).into_iter().chain(&self.addresses) {
            config = config.address(*address).unwrap();
        }
        let Setup { timeouts, keep_alive, syn_cookies, dhcpv4, slaac, udp_policy, .. } = *self;
        let Setup { per_source, evict_idle, conflict_detection, .. } = *self;
        Config {
            timeouts,
            keep_alive,
            syn_cookies,
            per_source,
            evict_idle,
            dhcpv4,
            slaac,
            conflict_detection,
            udp_policy,
            ..config
        }
    }
}

/// Memory of sizes that are known at run time only, made as a host program does; it is leaked.
pub fn memory(slots: usize, rx: usize, tx: usize, scratch: usize) -> Memory<'static> {
    fn many<T>(n: usize, make: impl Fn() -> T) -> &'static mut [T] {
        Vec::leak((0..n).map(|_| make()).collect())
    }
    Memory {
        slots: many(slots, || {
            let sockets = many(1, || SocketStorage::EMPTY);
            Slot::new(sockets, many(rx, || 0), many(tx, || 0))
        }),
        index: many(slots, || IndexRecord::EMPTY),
        scratch: many(scratch, || 0),
        datagrams: DatagramMemory::none(),
    }
}
