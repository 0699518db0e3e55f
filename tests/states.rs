//! Every TCP state and every kind of segment: what RFC 9293 section 3.10.7 wants, and what happens.
//!
//! `RFC` is read from the top: the first rule that matches is the one that holds. What happens otherwise
//! must stand in `DEVIATIONS`, and each of those must happen. After every case the peer goes on
//! honestly, and the connection must serve it, or be gone.

mod rig;

use At::*;
use Number::*;
use rig::peer::{Peer, pattern};
use rig::{Family, Happened, Nobody, Setup, World, in_both_families, s};
use smolecho::smoltcp::wire::TcpControl;
use smolecho::{CloseReason, Message, TcpService};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Closed,
    Listen,
    SynSent,
    SynReceived,
    Established,
    FinWait1,
    FinWait2,
    CloseWait,
    Closing,
    LastAck,
    TimeWait,
}

const ALL: &[At] = &[
    Closed,
    Listen,
    SynSent,
    SynReceived,
    Established,
    FinWait1,
    FinWait2,
    CloseWait,
    Closing,
    LastAck,
    TimeWait,
];
const WITH_NUMBERS: &[At] =
    &[SynReceived, Established, FinWait1, FinWait2, CloseWait, Closing, LastAck, TimeWait];
const SYNCHRONIZED: &[At] =
    &[Established, FinWait1, FinWait2, CloseWait, Closing, LastAck, TimeWait];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Syn,
    SynAck,
    Fin,
    Rst,
    Ack,
    Data,
}

const ANY: &[Kind] = &[Kind::Syn, Kind::SynAck, Kind::Fin, Kind::Rst, Kind::Ack, Kind::Data];
const SYN: &[Kind] = &[Kind::Syn];
const SYNS: &[Kind] = &[Kind::Syn, Kind::SynAck];
const RST: &[Kind] = &[Kind::Rst];
const FIN: &[Kind] = &[Kind::Fin];
const DATA: &[Kind] = &[Kind::Data];
const ACK: &[Kind] = &[Kind::Ack];

/// Where a sequence number lies in the receive window, or an acknowledgement among what was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Number {
    /// RCV.NXT.
    Next,
    /// Behind it, in the window.
    Inside,
    Left,
    Right,
    /// SND.NXT: all that was sent.
    Full,
    /// What was acknowledged long ago.
    Old,
    /// SND.NXT + 1.
    Far,
    /// No ACK bit.
    None,
}

const SEQS: &[Number] = &[Next, Inside, Left, Right];
const IN_WINDOW: &[Number] = &[Next, Inside];
const OUTSIDE: &[Number] = &[Left, Right];
const ACKS: &[Number] = &[Full, Old, Far, None];
const WITH_ACK: &[Number] = &[Full, Old, Far];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reply {
    Silence,
    Ack,
    SynAck,
    Reset,
}

/// What became of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum After {
    Stays,
    /// Its sequence number moved: data or a FIN was taken.
    Takes,
    /// A handshake has begun.
    Begins,
    /// A handshake is complete.
    Opens,
    /// Both sides have closed.
    Done,
    /// Reset, or forgotten.
    Gone,
}

use After::*;

type Rule = (
    &'static str,
    &'static [At],
    &'static [Kind],
    &'static [Number],
    &'static [Number],
    Reply,
    After,
);

#[rustfmt::skip]
const RFC: &[Rule] = &[
    ("3.10.7.1", &[Closed], RST, SEQS, ACKS, Reply::Silence, Stays),
    ("3.10.7.1", &[Closed], ANY, SEQS, ACKS, Reply::Reset, Stays),

    ("3.10.7.2 first",  &[Listen], RST, SEQS, ACKS, Reply::Silence, Stays),
    ("3.10.7.2 second", &[Listen], ANY, SEQS, WITH_ACK, Reply::Reset, Stays),
    ("3.10.7.2 third",  &[Listen], SYN, SEQS, ACKS, Reply::SynAck, Begins),
    ("3.10.7.2 fourth", &[Listen], ANY, SEQS, ACKS, Reply::Silence, Stays),

    ("3.10.7.3 first",  &[SynSent], RST, SEQS, &[Old, Far], Reply::Silence, Stays),
    ("3.10.7.3 first",  &[SynSent], ANY, SEQS, &[Old, Far], Reply::Reset, Stays),
    ("3.10.7.3 second", &[SynSent], RST, SEQS, &[Full], Reply::Silence, Gone),
    ("3.10.7.3 second", &[SynSent], RST, SEQS, &[None], Reply::Silence, Stays),
    ("3.10.7.3 fourth", &[SynSent], &[Kind::SynAck], SEQS, &[Full], Reply::Ack, Opens),
    ("3.10.7.3 fourth", &[SynSent], SYN, SEQS, &[None], Reply::SynAck, Stays),
    ("3.10.7.3 fifth",  &[SynSent], ANY, SEQS, ACKS, Reply::Silence, Stays),

    ("3.6.1 MAY-2", &[TimeWait], SYN, &[Next, Inside, Right], &[None], Reply::SynAck, Begins),
    ("3.10.7.4 first", WITH_NUMBERS, RST, OUTSIDE, ACKS, Reply::Silence, Stays),
    ("3.10.7.4 first", WITH_NUMBERS, ANY, OUTSIDE, ACKS, Reply::Ack, Stays),
    ("3.10.7.4 second, RFC 5961 3", &[LastAck], RST, &[Next], ACKS, Reply::Silence, Done),
    ("3.10.7.4 second, RFC 5961 3", WITH_NUMBERS, RST, &[Next], ACKS, Reply::Silence, Gone),
    ("3.10.7.4 second, RFC 5961 3", WITH_NUMBERS, RST, &[Inside], ACKS, Reply::Ack, Stays),
    ("3.10.7.4 fourth", &[SynReceived], SYNS, IN_WINDOW, ACKS, Reply::Silence, Gone),
    ("3.10.7.4 fourth, RFC 5961 4", SYNCHRONIZED, SYNS, IN_WINDOW, ACKS, Reply::Ack, Stays),
    ("3.10.7.4 fifth", WITH_NUMBERS, ANY, IN_WINDOW, &[None], Reply::Silence, Stays),
    ("3.10.7.4 fifth", &[SynReceived], ANY, IN_WINDOW, &[Old, Far], Reply::Reset, Stays),
    ("3.10.7.4 fifth", SYNCHRONIZED, ANY, IN_WINDOW, &[Far], Reply::Ack, Stays),

    ("3.10.7.4 fifth", &[SynReceived], ACK, IN_WINDOW, &[Full], Reply::Silence, Opens),
    ("3.10.7.4 seventh", &[SynReceived], DATA, IN_WINDOW, &[Full], Reply::Ack, Opens),
    ("3.10.7.4 eighth", &[SynReceived], FIN, &[Next], &[Full], Reply::Ack, Opens),
    ("3.10.7.4 fifth, 3.10.7.4 eighth", &[SynReceived], FIN, &[Inside], &[Full], Reply::Silence, Opens),

    ("3.10.7.4 fifth", &[Closing, LastAck], ANY, IN_WINDOW, &[Full], Reply::Silence, Done),
    ("3.10.7.4 fifth", SYNCHRONIZED, ACK, IN_WINDOW, ACKS, Reply::Silence, Stays),

    ("3.10.7.4 seventh", &[Established], DATA, &[Next], ACKS, Reply::Ack, Takes),
    ("3.6.1, RFC 1122 4.2.2.13", &[FinWait1, FinWait2], DATA, &[Next], ACKS, Reply::Reset, Gone),
    ("3.10.7.4 seventh", &[Established, FinWait1, FinWait2], DATA, &[Inside], ACKS, Reply::Ack, Stays),
    ("3.10.7.4 seventh", SYNCHRONIZED, DATA, IN_WINDOW, ACKS, Reply::Silence, Stays),

    ("3.10.7.4 eighth", &[Established], FIN, &[Next], ACKS, Reply::Ack, Takes),
    ("3.10.7.4 eighth", &[FinWait1], FIN, &[Next], &[Full], Reply::Ack, Done),
    ("3.10.7.4 eighth", &[FinWait1], FIN, &[Next], ACKS, Reply::Ack, Takes),
    ("3.10.7.4 eighth", &[FinWait2], FIN, &[Next], ACKS, Reply::Ack, Done),
    ("3.10.7.4 eighth", SYNCHRONIZED, FIN, IN_WINDOW, ACKS, Reply::Silence, Stays),
];

/// What happens instead, and why it stays.
#[rustfmt::skip]
const DEVIATIONS: &[Rule] = &[
    ("no simultaneous open (MUST-10): smoltcp panics on it while our own SYN has not left",
        &[SynSent], SYN, SEQS, &[None], Reply::Silence, Stays),
    ("smoltcp drops a FIN in SYN-SENT without a word; whoever sent it gives up by itself",
        &[SynSent], FIN, SEQS, &[Old, Far], Reply::Silence, Stays),
    ("a SYN, repeated or forged, does not end a handshake; our SYN-ACK comes again by its timer",
        &[SynReceived], SYNS, SEQS, &[Full, None], Reply::Silence, Stays),
    ("smoltcp looks at the acknowledgement before the window: the reset names a number of the sender's own",
        &[SynReceived], &[Kind::SynAck, Kind::Fin, Kind::Ack, Kind::Data], SEQS, &[Old, Far], Reply::Reset, Stays),
    ("smoltcp drops a segment with an old acknowledgement whole; sent again it has a newer one",
        SYNCHRONIZED, &[Kind::Fin, Kind::Ack, Kind::Data], SEQS, &[Old], Reply::Silence, Stays),
    ("without ACK a segment is dropped wherever it lies; no stack sends one",
        WITH_NUMBERS, &[Kind::Fin, Kind::Ack, Kind::Data], OUTSIDE, &[None], Reply::Silence, Stays),
    ("smoltcp drops a second FIN together with its acknowledgement; the peer acknowledges our next FIN",
        &[Closing, LastAck], FIN, &[Next], &[Full], Reply::Silence, Stays),
    ("whoever sends text behind its FIN is told where we are, and not just ignored",
        &[CloseWait], DATA, IN_WINDOW, &[Full, Old], Reply::Ack, Stays),
    ("smoltcp takes text behind a FIN, after our own: nobody reads it. With a gap before it",
        &[Closing, LastAck], DATA, &[Inside], &[Full], Reply::Ack, Done),
    ("the same without: nobody reads it, so the peer is told (RFC 1122 section 4.2.2.13)",
        &[Closing], DATA, &[Next], &[Full], Reply::Reset, Gone),
    ("any SYN follows on TIME-WAIT; if it was an old one the peer resets what our SYN-ACK proposes",
        &[TimeWait], SYN, &[Left], &[None], Reply::SynAck, Begins),
];

/// What stands where in the numbers of a connection.
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
        FinWait1 | FinWait2 | Closing | TimeWait => Setup { flow: TcpService::Once, ..base },
        // The peer shuts its window: what the node cannot send keeps it from closing.
        CloseWait => Setup { rx: 64, tx: 16, ..base },
        _ => base,
    }
}

/// How many bytes the peer says in all.
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
            let message = Message::new(pattern(0, TOTAL).leak());
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
    // What SYN-RECEIVED has to be told is one number: the last one before it is old.
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
    // The FIN, where it has been said, is no byte.
    let said = i32::from(matches!(at, CloseWait | Closing | LastAck | TimeWait));
    let place = (seq_number.wrapping_sub(scene.peer.at(0)) - said).max(0) as usize;
    // Wherever it must not be taken it lies.
    let payload = match (kind, seq) {
        (Kind::Data, Next | Inside) => pattern(place, place + 5),
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

/// Whoever is still connected gets all its bytes and a polite end.
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
            assert!(peer.live(world, TOTAL), "the call must go on");
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

/// Says which case it was that failed.
struct OnPanic((At, Kind, Number, Number));

impl Drop for OnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{:?}", self.0);
        }
    }
}

/// The first rule that holds for a case.
fn find(rules: &'static [Rule], at: At, kind: Kind, seq: Number, ack: Number) -> Vec<usize> {
    let holds = |rule: &Rule| {
        rule.1.contains(&at)
            && rule.2.contains(&kind)
            && rule.3.contains(&seq)
            && rule.4.contains(&ack)
    };
    (0..rules.len()).filter(|rule| holds(&rules[*rule])).collect()
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
        assert!(used, "no longer so: {}", row.0);
    }
}

in_both_families!(every_state_and_every_segment);
