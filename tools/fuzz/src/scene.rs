//! A node that serves and talks: one connection of each kind is up, half-open or under way.

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

/// Longer than every deadline, one after the other, and a query's patience.
const REST: Duration = Duration::from_secs(400);

/// What a poll may send: every connection its turn, and an answer for each frame.
const MOST_FRAMES: usize = 1000;

/// Polls in the time of [`REST`], past which the node never sleeps.
const MOST_POLLS: usize = 20_000;

/// Somebody opposite, with the numbers of its connection.
#[derive(Clone, Copy, Debug)]
pub struct Peer {
    /// Its end.
    pub me: IpEndpoint,
    /// The node's.
    pub node: IpEndpoint,
    /// The next number that it sends, were it honest.
    pub next: i32,
    /// The next number that it expects.
    pub expects: i32,
}

impl Peer {
    fn new(host: u16, port: u16, node: IpEndpoint) -> Peer {
        let me = IpEndpoint::new(address(host, matches!(node.addr, IpAddress::Ipv6(_))), port);
        Peer { me, node, next: 1000 * i32::from(host), expects: 0 }
    }

    /// A segment of its connection.
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

/// The node, its peers and the time.
pub struct Scene<'a> {
    /// The node.
    pub node: Node<'a>,
    /// Its device.
    pub card: Card,
    /// What time it is.
    pub now: Instant,
    /// Two that are connected, one that is not quite, and one that the node calls.
    pub peers: Vec<Peer>,
}

impl Scene<'_> {
    /// Sets it up, lets `act` play, and sees whether everything comes to rest.
    pub fn play(trusting: bool, act: impl FnOnce(&mut Scene<'_>)) {
        let mut storage = Box::new(Storage::<SLOTS, 256>::new());
        let mut datagrams = Box::new(DatagramStorage::<3, 2, 512>::new());
        let mut card = Card::default();
        card.capacity = usize::MAX;
        if trusting {
            // Checksums are verified no more, but filled all the same: `Sent` verifies the node's.
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

    /// A frame arrives; what the node says to it.
    pub fn deliver(&mut self, frame: Vec<u8>) -> Vec<Vec<u8>> {
        self.card.rx.push_back(frame);
        self.poll()
    }

    /// Time goes by, without the node being asked whether it has something to do.
    pub fn sleep(&mut self, time: Duration) {
        self.now += time;
    }

    /// One poll, and what must hold after each.
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

    /// Nothing comes any more: every slot is free in the end, and the node sleeps in between.
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
        panic!("it never sleeps: {:?} {:?}", self.now, self.node.stats());
    }
}

const TIMEOUTS: Timeouts = Timeouts {
    handshake: Some(Duration::from_secs(5)),
    idle: Some(Duration::from_secs(60)),
    stall: Some(Duration::from_secs(20)),
    fin_wait: Some(Duration::from_secs(20)),
    time_wait: Some(Duration::from_secs(10)),
};
