//! The pool under thousands of random operations: its indexes must stay consistent, which the counters show
//! after each turn, and each slot must come back.

use std::cell::RefCell;
use std::collections::HashSet;
use std::rc::Rc;

use crate::rig::frames::{Segment, who_has};
use crate::rig::{Dice, Family, Fate, Happened, Setup, World, in_both_families, ms, s};
use smolecho::smoltcp::iface::SocketHandle;
use smolecho::smoltcp::socket::tcp::State;
use smolecho::smoltcp::wire::IpEndpoint;
use smolecho::{Message, Stats, TcpService, WhenFull};

const OPERATIONS: usize = 2000;
const SLOTS: usize = 16;

struct Stress {
    world: World,
    dice: Dice,
    family: Family,
    /// Twice as many as the node has slots.
    peers: Vec<SocketHandle>,
    /// Echo servers for the node's client, on port 7.
    servers: [SocketHandle; 4],
    /// Ports of peers that have vanished.
    vanished: Rc<RefCell<HashSet<u16>>>,
}

impl Stress {
    fn new(family: Family, seed: u64) -> Self {
        let service = if seed.is_multiple_of(2) { TcpService::Stream } else { TcpService::Once };
        let when_full = if seed.is_multiple_of(3) { WhenFull::Silence } else { WhenFull::Reset };
        let setup = Setup {
            slots: SLOTS,
            seed,
            service,
            when_full,
            rx: 256,
            tx: 256,
            ..Setup::new(family)
        };
        let mut world = setup.world();
        let peers = (0..2 * SLOTS).map(|_| world.far.socket(512, 512)).collect();
        let servers = [(); 4].map(|()| world.far.listener(7));
        let vanished = Rc::new(RefCell::new(HashSet::new()));
        let gone = Rc::clone(&vanished);
        world.fate = Box::new(move |frame| match frame.tcp() {
            Some(tcp) if gone.borrow().contains(&tcp.from.port) => Fate::Drop,
            Some(tcp) if gone.borrow().contains(&tcp.to.port) => Fate::Drop,
            _ => Fate::Deliver,
        });
        Stress { world, dice: Dice(seed | 1), family, peers, servers, vanished }
    }

    /// The servers' turn: they echo, and sometimes reset.
    fn serve(&mut self) {
        let Stress { world, dice, servers, .. } = self;
        for server in servers {
            let heard = world.far.recv(*server);
            let _ = world.far.get(*server).send_slice(&heard);
            match world.far.state(*server) {
                State::Closed | State::TimeWait => world.far.get(*server).listen(7).unwrap(),
                State::CloseWait => world.far.get(*server).close(),
                State::Established if dice.below(50) == 0 => world.far.get(*server).abort(),
                _ => {}
            }
        }
    }

    fn operate(&mut self) {
        self.serve();
        let Stress { world, dice, family, peers, vanished, .. } = self;
        let peer = peers[dice.below(peers.len())];
        match dice.below(16) {
            0..5 => {
                if matches!(world.far.state(peer), State::Closed | State::TimeWait) {
                    world.far.connect(peer);
                }
            }
            5..8 => {
                let n = dice.below(300);
                let _ = world.far.get(peer).send_slice(&[n as u8; 300][..n]);
            }
            8..10 => {
                world.far.recv(peer);
            }
            10 => world.far.get(peer).close(),
            11 => world.far.get(peer).abort(),
            12 => {
                if let Some(endpoint) = world.far.get(peer).local_endpoint() {
                    vanished.borrow_mut().insert(endpoint.port);
                    world.far.get(peer).abort();
                }
            }
            13 => {
                let ghost = IpEndpoint::new(family.stranger(dice.below(20) as u16), 5000);
                if dice.below(2) == 0 {
                    world.inject(who_has(ghost.addr, family.node()));
                }
                world.inject(Segment::syn(ghost, family.server()).frame());
            }
            14 => {
                let port = [7, 9][dice.below(2)];
                let address = [family.far(), family.stranger(50)][dice.below(2)];
                let message = Message::repeated(b"call", dice.below(2000) as u64);
                let now = world.now;
                let _ = world.ours.node.connect(IpEndpoint::new(address, port), message, now);
            }
            _ => {
                let jump = [ms(1), ms(300), s(2), s(11), s(61)][dice.below(5)];
                world.run_for(jump);
            }
        }
        if dice.below(3) > 0 {
            world.run_for(ms(dice.below(5) as u64));
        }
    }
}

#[track_caller]
fn stress(family: Family, seed: u64) -> Stats {
    let mut stress = Stress::new(family, seed);
    for _ in 0..OPERATIONS {
        stress.operate();
    }
    let Stress { mut world, peers, .. } = stress;
    let stats = *world.stats();
    for peer in peers {
        world.far.get(peer).abort();
    }
    world.cut();
    world.run_for(s(700));
    world.assert_all_free();
    assert_eq!(world.ours.node.poll_at(world.now), None);
    every_connection_ends_once(&world.ours.log);
    stats
}

#[track_caller]
fn every_connection_ends_once(log: &[Happened]) {
    let mut open = HashSet::new();
    for event in log {
        match event {
            Happened::Accepted(tuple) | Happened::Connected(tuple) => {
                assert!(open.insert(*tuple), "{tuple:?} opened twice");
            }
            Happened::Closed { tuple, end, .. } if !end.is_handshake() => {
                assert!(open.remove(tuple), "{tuple:?} closed without being open: {end:?}");
            }
            _ => {}
        }
    }
    assert!(open.is_empty(), "never closed: {open:?}");
}

fn two_thousand_random_operations(family: Family) {
    let (mut accepted, mut connected, mut recycled) = (0, 0, 0);
    for seed in 1..=6 {
        println!("seed {seed}");
        let stats = stress(family, seed);
        accepted += stats.accepted;
        connected += stats.connected;
        recycled += stats.recycled;
    }
    let enough = accepted > 600 && connected > 30 && recycled > 10;
    assert!(enough, "too little happened: {accepted} {connected} {recycled}");
}

in_both_families!(two_thousand_random_operations);
