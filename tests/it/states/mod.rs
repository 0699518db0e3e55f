//! Every TCP state and every kind of segment.
//!
//! Of the rules in [`RFC`] the first match holds. Any other outcome must be one of [`DEVIATIONS`], and each
//! deviation must occur. After each case the peer continues correctly, and the connection must serve it or
//! be gone.

mod rules;

use crate::rig::pattern::pattern;
use crate::rig::peer::Peer;
use crate::rig::{Family, Happened, Nobody, Setup, World, in_both_families, s};
use rules::After::*;
use rules::At::*;
use rules::Number::*;
use rules::{
    ACKS, ALL, ANY, After, At, DEVIATIONS, Kind, Number, RFC, Reply, SEQS, WITH_ACK, find,
};
use smolecho::smoltcp::wire::TcpControl;
use smolecho::{CloseReason, Message, TcpService};

/// A connection in its state, with RCV.NXT, RCV.WND, SND.UNA and SND.NXT.
struct Scene {
    peer: Peer,
    rcv_next: i32,
    window: i32,
    una: i32,
    next: i32,
}

impl Scene {
    fn number(&self, number: Number) -> Option<i32> {
        Some(match number {
            Next => self.rcv_next,
            Inside => self.rcv_next.wrapping_add(2),
            Left => self.rcv_next.wrapping_sub(20),
            Right => self.rcv_next.wrapping_add(self.window + 100),
            Full => self.next,
            Old => self.una.wrapping_sub(3),
            Far => self.next.wrapping_add(1),
            None => return Option::None,
        })
    }
}

const TOTAL: usize = 12;

fn setup(at: At, family: Family) -> Setup {
    let base = Setup { slots: 2, ..Setup::new(family) };
    match at {
        FinWait1 | FinWait2 | Closing | TimeWait => Setup { service: TcpService::Once, ..base },
        // The peer's window is closed: the node cannot send its echo, nor then its FIN.
        CloseWait => Setup { rx: 64, tx: 16, ..base },
        _ => base,
    }
}

/// Bytes that the peer sends in total.
fn total(at: At) -> usize {
    match at {
        FinWait1 | FinWait2 | Closing | TimeWait => 4,
        CloseWait => 40,
        LastAck => 0,
        _ => TOTAL,
    }
}

fn drive(world: &mut World<Nobody>, at: At, family: Family, n: u16) -> Scene {
    let mut peer = Peer::new(world, family, n);
    match at {
        Closed => peer.node.port = 9,
        Listen => {}
        SynSent => {
            let message = Message::new(pattern(0..TOTAL).leak());
            let tuple = world.connect(peer.me, message);
            peer.node = tuple.local;
            let syn = peer.look(world)[0];
            assert!(syn.syn && syn.ack.is_none());
            let (una, next) = (syn.seq.0, syn.seq.0.wrapping_add(1));
            return Scene {
                rcv_next: peer.iss,
                window: 2048,
                una: una.wrapping_add(3),
                next,
                peer,
            };
        }
        SynReceived => assert!(peer.knock(world)),
        Established => {
            peer.open(world);
            peer.say(world, 0, 5, false);
            peer.say(world, 5, 5, false);
        }
        FinWait1 | FinWait2 | Closing | TimeWait => {
            peer.open(world);
            peer.say(world, 0, 4, false);
            assert!(peer.node_closed);
            if matches!(at, FinWait2 | TimeWait) {
                peer.say(world, 4, 4, at == TimeWait);
            }
            if at == Closing {
                let unacked = peer.node_next.wrapping_sub(5);
                let fin = peer.segment(TcpControl::Fin, peer.at(4), Some(unacked), &[]);
                world.inject(fin.frame());
                peer.look(world);
            }
        }
        CloseWait => {
            peer.window = 0;
            peer.open(world);
            peer.say(world, 0, 40, true);
        }
        LastAck => {
            peer.open(world);
            peer.say(world, 0, 0, true);
            assert!(peer.node_closed);
        }
    }
    let in_flight = match at {
        SynReceived | LastAck => 1,
        FinWait1 | Closing => 5,
        _ => 0,
    };
    let (rcv_next, next) =
        if at == Listen || at == Closed { (peer.iss, 5_000) } else { (peer.una, peer.node_next) };
    // SYN-RECEIVED expects one acknowledgement: the number before it is old.
    let una = next.wrapping_sub(in_flight) + if at == SynReceived { 3 } else { 0 };
    Scene { rcv_next, window: i32::from(peer.offered), una, next, peer }
}

fn segment(scene: &Scene, at: At, kind: Kind, seq: Number, ack: Number) -> Vec<u8> {
    let control = match kind {
        Kind::Syn | Kind::SynAck => TcpControl::Syn,
        Kind::Fin => TcpControl::Fin,
        Kind::Rst => TcpControl::Rst,
        Kind::Ack | Kind::Data => TcpControl::None,
    };
    let seq_number = scene.number(seq).unwrap();
    // A FIN that was sent takes a number and is no byte.
    let said = i32::from(matches!(at, CloseWait | Closing | LastAck | TimeWait));
    let place = (seq_number.wrapping_sub(scene.peer.at(0)) - said).max(0) as usize;
    // Outside the window the bytes are wrong: they must not be taken.
    let payload = match (kind, seq) {
        (Kind::Data, Next | Inside) => pattern(place..place + 5),
        (Kind::Data, _) => b"wrong".to_vec(),
        _ => Vec::new(),
    };
    scene.peer.segment(control, seq_number, scene.number(ack), &payload).frame()
}

fn observe(world: &mut World<Nobody>, scene: &mut Scene, frame: Vec<u8>) -> (Reply, After) {
    let (mark, before) = (world.ours.log.len(), world.ours.node.occupancy());
    world.inject(frame);
    let answers = scene.peer.look(world);
    let reply = match &answers[..] {
        [] => Reply::Silence,
        _ if answers.iter().any(|tcp| tcp.rst) => Reply::Reset,
        _ if answers.iter().any(|tcp| tcp.syn) => Reply::SynAck,
        _ => Reply::Ack,
    };
    let pool = world.ours.node.occupancy();
    let otherwise = match scene.peer.una.wrapping_sub(scene.rcv_next) > 0 {
        _ if pool.half_open > before.half_open => Begins,
        _ if pool.closing < before.closing => Gone,
        true => Takes,
        false => Stays,
    };
    let events = &world.ours.log[mark..];
    let after = events.iter().find_map(|event| match event {
        Happened::Accepted(_) | Happened::Connected(_) => Some(Opens),
        Happened::Closed { end: CloseReason::Finished, .. } => Some(Done),
        Happened::Closed { .. } => Some(Gone),
        _ => Option::None,
    });
    (reply, after.unwrap_or(otherwise))
}

/// A peer that is still connected gets all its bytes and a FIN.
fn conclude(
    world: &mut World<Nobody>,
    scene: &mut Scene,
    at: At,
    case: (Kind, Number),
    after: After,
) {
    let peer = &mut scene.peer;
    let seq = match case.1 {
        Next => scene.rcv_next,
        Inside => scene.rcv_next.wrapping_add(2),
        Left => scene.rcv_next.wrapping_sub(20),
        _ => scene.rcv_next.wrapping_add(scene.window + 100),
    };
    let pool = world.ours.node.occupancy();
    match (after, at) {
        (Gone | Done, _) => assert_eq!(pool.half_open + pool.open, 0, "{pool:?}"),
        (Stays | Takes, TimeWait) => assert_eq!(pool.closing, 1, "{pool:?}"),
        (Stays, Closed | Listen) => assert_eq!(pool.free, 2, "{pool:?}"),
        (Begins, _) => {
            (peer.iss, peer.una) = (seq, seq.wrapping_add(1));
            peer.back.clear();
            (peer.node_closed, peer.reset) = (false, false);
            peer.say(world, 0, 0, false);
            assert!(peer.live(world, total(at)), "a new connection must serve");
        }
        (_, SynSent) => {
            peer.reset = false;
            if after == Stays {
                let answer = peer.segment(TcpControl::Syn, peer.iss, Some(scene.next), &[]);
                world.inject(answer.frame());
            } else {
                peer.iss = seq;
            }
            peer.una = peer.at(0);
            assert!(peer.live(world, TOTAL), "the handshake must go on");
        }
        _ => {
            let said_fin = case.0 == Kind::Fin && peer.una == seq.wrapping_add(1);
            let total = if said_fin { seq.wrapping_sub(peer.at(0)) as usize } else { total(at) };
            peer.reset = false;
            assert!(peer.live(world, total), "the connection must go on");
            assert_eq!(peer.back.len(), total);
        }
    }
    world.run_for(s(12));
    world.assert_all_free();
}

/// Prints the case that failed.
struct OnPanic((At, Kind, Number, Number));

impl Drop for OnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{:?}", self.0);
        }
    }
}

fn every_state_and_every_segment(family: Family) {
    let (mut wrong, mut used, mut cases) = (Vec::new(), vec![false; DEVIATIONS.len()], 0);
    for &at in ALL {
        let mut world = setup(at, family).alone();
        for &kind in ANY {
            let acks = match kind {
                Kind::Syn => &[None],
                Kind::SynAck => WITH_ACK,
                _ => ACKS,
            };
            for (&seq, &ack) in SEQS.iter().flat_map(|seq| acks.iter().map(move |ack| (seq, ack))) {
                cases += 1;
                let _told = OnPanic((at, kind, seq, ack));
                let mut scene = drive(&mut world, at, family, cases);
                let frame = segment(&scene, at, kind, seq, ack);
                let seen = observe(&mut world, &mut scene, frame);
                let rule = RFC[find(RFC, at, kind, seq, ack)[0]];
                let mut deviations = find(DEVIATIONS, at, kind, seq, ack).into_iter();
                if seen != (rule.5, rule.6) {
                    let same = |row: &usize| (DEVIATIONS[*row].5, DEVIATIONS[*row].6) == seen;
                    match deviations.find(same) {
                        Some(row) => used[row] = true,
                        Option::None => wrong.push(format!(
                            "{at:?} {kind:?} {seq:?} {ack:?}: {seen:?}, {} wants {:?} {:?}",
                            rule.0, rule.5, rule.6
                        )),
                    }
                }
                conclude(&mut world, &mut scene, at, (kind, seq), seen.1);
            }
        }
        world.rest();
    }
    assert!(wrong.is_empty(), "{} of {cases}:\n{}", wrong.len(), wrong.join("\n"));
    for (row, used) in DEVIATIONS.iter().zip(used) {
        assert!(used, "this deviation no longer occurs: {}", row.0);
    }
}

in_both_families!(every_state_and_every_segment);
