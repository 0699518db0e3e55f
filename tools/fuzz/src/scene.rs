//! A node with server and client connections: established, half-open and in SYN-SENT.

use smolecho::{
    Config, DatagramStorage, Listener, Message, Node, Query, Storage, TcpService, Timeouts,
    UdpService,
};
use smoltcp::phy::Checksum;
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{IpAddress, IpCidr, IpEndpoint};

use smolecho_sim::card::Card;
pub use smolecho_sim::network::PORT;
use smolecho_sim::{forge, network};

use crate::wire::{Flags, Segment, Sent};

const SLOTS: usize = 8;

/// Longer than all deadlines in sequence, and than a query with its retries.
const REST: Duration = Duration::from_secs(400);

/// Frames that one poll may send: some for each connection, and an answer to each frame.
const MOST_FRAMES: usize = 1000;

/// Polls within [`REST`] above which the node counts as never idle.
const MOST_POLLS: usize = 20_000;

/// A peer of the node, and the state of its connection.
#[derive(Clone, Copy, Debug)]
pub struct Peer {
    /// Its endpoint.
    pub me: IpEndpoint,
    /// The node's endpoint.
    pub node: IpEndpoint,
    /// SND.NXT of a correct peer.
    pub next: i32,
    /// RCV.NXT of a correct peer.
    pub expects: i32,
}

impl Peer {
    fn new(host: u16, port: u16, node: IpEndpoint) -> Peer {
        let me = IpEndpoint::new(address(host, matches!(node.addr, IpAddress::Ipv6(_))), port);
        Peer { me, node, next: 1000 * i32::from(host), expects: 0 }
    }

    /// A correct segment of its connection.
    pub fn segment<'s>(&self, flags: Flags, options: &'s [u8], payload: &'s [u8]) -> Segment<'s> {
        let Peer { me, node, next, expects } = *self;
        let (seq, ack, window) = (next, expects, 2000);
        Segment { from: me, to: node, flags, seq, ack, window, options, payload }
    }
}

/// Hosts are the simulator's stations, counted from 1: its captures are this fuzzer's first inputs.
fn address(host: u16, v6: bool) -> IpAddress {
    network::address(usize::from(host) - 1, v6)
}

/// A node, its peers and the virtual time.
pub struct Scene<'a> {
    /// The node.
    pub node: Node<'a>,
    /// The node's device.
    pub card: Card,
    /// Virtual time.
    pub now: Instant,
    /// Two established server connections, one half-open, and two in SYN-SENT.
    pub peers: Vec<Peer>,
}

impl Scene<'_> {
    /// Sets the scene up, runs `act`, and verifies that every slot becomes free.
    ///
    /// A `trusting` node verifies no checksums: a fuzzer seldom gets one right.
    ///
    /// # Panics
    ///
    /// If an invariant of the node is broken.
    pub fn play(trusting: bool, act: impl FnOnce(&mut Scene<'_>)) {
        let mut storage = Box::new(Storage::<SLOTS, 256>::new());
        let mut datagrams = Box::new(DatagramStorage::<3, 2, 512>::new());
        let mut card = Card::default();
        card.capacity = usize::MAX;
        if trusting {
            // The node still fills its own checksums: `Sent` verifies them.
            card.checksum.ipv4 = Checksum::Tx;
            card.checksum.tcp = Checksum::Tx;
            card.checksum.udp = Checksum::Tx;
            card.checksum.icmpv4 = Checksum::None;
            card.checksum.icmpv6 = Checksum::None;
        }
        let mut config = Config::new(network::mac(0).0, 1);
        config.timeouts = TIMEOUTS;
        config.dhcpv4 = true;
        config.slaac = true;
        for v6 in [false, true] {
            let cidr = IpCidr::new(address(1, v6), if v6 { 64 } else { 16 });
            config = config.address(cidr).expect("room for two");
        }
        let memory = storage.memory().with(datagrams.memory());
        let mut node = Node::new(&config, memory, &mut card, Instant::ZERO)
            .expect("a configuration that fits");
        for (n, flow) in
            [TcpService::Stream, TcpService::Once, TcpService::Discard, TcpService::Chargen]
                .iter()
                .enumerate()
        {
            node.listen(Listener::new(PORT + n as u16, 2).service(*flow)).expect("a free port");
        }
        node.bind(PORT, UdpService::Echo).expect("a free port");
        node.bind(19, UdpService::Chargen).expect("a free port");
        let mut scene = Scene { node, card, now: Instant::ZERO, peers: Vec::new() };
        scene.populate();
        act(&mut scene);
        scene.rest();
    }

    fn populate(&mut self) {
        for (host, v6, completes) in [(2, false, true), (3, true, true), (4, false, false)] {
            let node = IpEndpoint::new(address(1, v6), PORT);
            let mut peer = Peer::new(host, 40_000 + host, node);
            self.deliver(forge::who_has(peer.me.addr, node.addr));
            let syn = Flags { syn: true, ..Flags::default() };
            let answers = self.deliver(peer.segment(syn, &[], &[]).frame());
            let answer = answers.iter().find_map(|frame| Sent::read(frame)).expect("a SYN-ACK");
            peer.next += 1;
            peer.expects = answer.seq.wrapping_add(1);
            if completes {
                let ack = Flags { ack: true, ..Flags::default() };
                self.deliver(peer.segment(ack, &[], &[]).frame());
            }
            self.peers.push(peer);
        }
        for (host, v6) in [(5, false), (6, true)] {
            let remote = IpEndpoint::new(address(host, v6), 7);
            self.deliver(forge::who_has(remote.addr, address(1, v6)));
            let message = Message::repeated(b"what a client says", 1000);
            let tuple = self.node.connect(remote, message, self.now).expect("a free slot");
            let mut peer = Peer::new(host, 7, tuple.local);
            let sent = self.poll().iter().find_map(|frame| Sent::read(frame)).expect("a SYN");
            peer.expects = sent.seq.wrapping_add(1);
            self.peers.push(peer);
        }
        let query = Query::new(b"anybody?").count(2).patience(Duration::from_millis(500), 2);
        self.node.query(IpEndpoint::new(address(2, false), 7), query).expect("a free sender");
    }

    /// A frame arrives. Returns the frames that the node then sends.
    ///
    /// # Panics
    ///
    /// If an invariant of the node is broken.
    pub fn deliver(&mut self, frame: Vec<u8>) -> Vec<Vec<u8>> {
        self.card.rx.push_back(frame);
        self.poll()
    }

    /// Time passes without a poll.
    pub fn sleep(&mut self, time: Duration) {
        self.now += time;
    }

    /// One poll. Returns the frames that the node sends.
    ///
    /// # Panics
    ///
    /// If an invariant of the node is broken.
    pub fn poll(&mut self) -> Vec<Vec<u8>> {
        self.node.poll(self.now, &mut self.card, |_| {});
        let (stats, pool) = (self.node.stats(), self.node.occupancy());
        assert_eq!(stats.frames, stats.delivered + stats.dropped_total(), "{stats:?}");
        let begun = stats.accepted + stats.connected;
        assert_eq!(begun, pool.open as u64 + stats.closed(), "{stats:?} {pool:?}");
        assert_eq!(pool.free + pool.half_open + pool.open + pool.closing, SLOTS, "{pool:?}");
        let frames = std::mem::take(&mut self.card.tx);
        assert!(frames.len() < MOST_FRAMES, "{} frames in one poll", frames.len());
        frames
    }

    /// No frame arrives any more: every slot becomes free, and the node is idle in between.
    fn rest(&mut self) {
        let end = self.now + REST;
        for _ in 0..MOST_POLLS {
            self.poll();
            match self.node.poll_at(self.now) {
                Some(at) if at <= end => self.now = at,
                _ => {
                    let pool = self.node.occupancy();
                    assert_eq!(pool.free, SLOTS, "a slot is not free: {pool:?}");
                    return;
                }
            }
        }
        panic!("the node is never idle: {:?} {:?}", self.now, self.node.stats());
    }
}

const TIMEOUTS: Timeouts = Timeouts {
    handshake: Some(Duration::from_secs(5)),
    idle: Some(Duration::from_secs(60)),
    stall: Some(Duration::from_secs(20)),
    persist: Some(Duration::from_secs(60)),
    fin_wait: Some(Duration::from_secs(20)),
    time_wait: Some(Duration::from_secs(10)),
};
