//! Segments of existing connections, with sequence numbers near the correct ones. Every byte that the node
//! echoes must be one that was sent.
#![no_main]

use std::collections::HashMap;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use smolecho_fuzz::scene::PORT;
use smolecho_fuzz::wire::{Flags, Sent};
use smolecho_fuzz::{Peer, Scene};
use smoltcp::time::Duration;
use smoltcp::wire::IpEndpoint;

#[derive(Arbitrary, Debug)]
struct Step {
    wait: u8,
    peer: u8,
    /// SYN, ACK, FIN, RST, PSH.
    flags: u8,
    seq: Number,
    ack: Number,
    window: u16,
    options: Options,
    len: u16,
}

/// A number relative to the correct one.
#[derive(Arbitrary, Debug)]
enum Number {
    Right,
    Near(i8),
    Window(i16),
    Any(i32),
}

impl Number {
    fn beside(&self, right: i32) -> i32 {
        match *self {
            Number::Right => right,
            Number::Near(off) => right.wrapping_add(off.into()),
            Number::Window(off) => right.wrapping_add(off.into()),
            Number::Any(number) => number,
        }
    }
}

#[derive(Arbitrary, Debug)]
enum Options {
    None,
    SegmentSize(u16),
    Scale(u8),
    Timestamps(u32, u32),
    Any(Vec<u8>),
}

impl Options {
    fn bytes(&self) -> Vec<u8> {
        match self {
            Options::None => Vec::new(),
            Options::SegmentSize(size) => [&[2, 4][..], &size.to_be_bytes()].concat(),
            Options::Scale(shift) => vec![1, 3, 3, *shift],
            Options::Timestamps(ours, theirs) => {
                [&[1, 1, 8, 10][..], &ours.to_be_bytes(), &theirs.to_be_bytes()].concat()
            }
            Options::Any(bytes) => bytes.clone(),
        }
    }
}

/// The byte at a sequence number, the same in every segment.
fn byte(number: i32) -> u8 {
    (number.wrapping_mul(0x9E37_79B1_u32 as i32) >> 24) as u8
}

/// The node's SYN-ACKs, to verify the data that follows.
#[derive(Default)]
struct Echo {
    /// By peer: the first sequence number of the node and of the peer, for each SYN-ACK.
    streams: HashMap<IpEndpoint, Vec<(i32, i32)>>,
}

impl Echo {
    /// Updates the peers from the frames that the node sent, and verifies the data.
    fn hear(&mut self, peers: &mut [Peer], frames: &[Vec<u8>]) {
        for sent in frames.iter().filter_map(|frame| Sent::read(frame)) {
            let Some(peer) = peers.iter_mut().find(|peer| peer.me == sent.to) else { continue };
            if sent.flags.rst {
                continue;
            }
            if sent.flags.syn {
                let streams = self.streams.entry(sent.to).or_default();
                streams.push((sent.seq.wrapping_add(1), sent.ack));
            }
            if sent.flags.ack {
                peer.next = sent.ack;
            }
            let len = sent.payload.len() as i32 + i32::from(sent.flags.syn || sent.flags.fin);
            peer.expects = sent.seq.wrapping_add(len);
            if sent.from.port == PORT && !sent.payload.is_empty() {
                self.check(&sent);
            }
        }
    }

    fn check(&self, sent: &Sent) {
        let is_echo = |(ours, theirs): &(i32, i32)| {
            let place = sent.seq.wrapping_sub(*ours);
            let first = theirs.wrapping_add(place);
            let expected = (0..).map(|n| byte(first.wrapping_add(n)));
            sent.payload.iter().copied().eq(expected.take(sent.payload.len()))
        };
        let streams = self.streams.get(&sent.to).map_or(&[][..], |streams| streams);
        assert!(
            streams.iter().any(is_echo),
            "the echo differs from the data: {sent:?} of {streams:?}"
        );
    }
}

fuzz_target!(|steps: Vec<Step>| {
    Scene::play(false, |scene| {
        let mut echo = Echo::default();
        for peer in &scene.peers {
            // The SYN-ACK was sent when the scene was set up.
            echo.streams.insert(peer.me, vec![(peer.expects, peer.next)]);
        }
        for step in steps.iter().take(64) {
            scene.sleep(Duration::from_millis(10 * u64::from(step.wait) * u64::from(step.wait)));
            let count = scene.peers.len();
            let peer = scene.peers[usize::from(step.peer) % count];
            let is = |bit: u8| step.flags & (1 << bit) != 0;
            let flags = Flags { syn: is(0), ack: is(1), fin: is(2), rst: is(3), psh: is(4) };
            let seq = step.seq.beside(peer.next);
            // A SYN takes one sequence number, before the data.
            let first = seq.wrapping_add(i32::from(flags.syn));
            let payload: Vec<u8> =
                (0..i32::from(step.len % 1200)).map(|n| byte(first.wrapping_add(n))).collect();
            let options = step.options.bytes();
            let mut segment = peer.segment(flags, &options, &payload);
            segment.seq = seq;
            segment.ack = step.ack.beside(peer.expects);
            segment.window = step.window;
            let answers = scene.deliver(segment.frame());
            echo.hear(&mut scene.peers, &answers);
        }
    });
});
