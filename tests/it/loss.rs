//! Loss while both directions carry data: no ACK is empty, and each loss must not cost a timeout.

use crate::rig::dice::Dice;
use crate::rig::raw::Raw;
use crate::rig::{Family, Fate, Setup, in_both_families, ms, s};
use smolecho::smoltcp::time::Duration;
use smolecho::smoltcp::wire::TcpControl;
use smolecho::{CloseReason, Message};

const LEN: u64 = 1 << 20;

/// How long the echo of a mebibyte takes if `percent` of the frames are lost.
fn echoed_within(family: Family, seed: u64, percent: usize) -> Duration {
    let setup = Setup { seed, rx: 65_535, tx: 65_535, ..Setup::new(family) };
    let mut world = setup.two_nodes();
    let mut dice = Dice(seed + 1);
    world.fate =
        Box::new(move |_| if dice.below(100) < percent { Fate::Drop } else { Fate::Deliver });
    let server = family.server();
    let start = world.now;
    world.far.node.connect(server, Message::repeated(b"loss of both ways", LEN), start).unwrap();
    world.run_until(s(300), |world| !world.far.ends().is_empty());
    assert_eq!(world.far.ends(), [CloseReason::Finished], "seed {seed}");
    world.now - start
}

fn two_percent_cost_no_timeout_each(family: Family) {
    let times: Vec<_> = (0..10).map(|seed| echoed_within(family, seed, 2)).collect();
    let total = times.iter().fold(Duration::ZERO, |sum, time| sum + *time);
    assert!(total / 10 < s(2), "{times:?}");
}

/// RFC 9293 section 3.10.7.4: an old ACK is ignored, and the text behind it is taken.
fn text_with_an_old_ack_is_taken(family: Family) {
    let mut world = Setup::new(family).world();
    let mut peer = Raw::connected(&mut world, family, 0);
    peer.send(&mut world, TcpControl::Psh, b"first");
    assert_eq!(peer.take(&mut world), 5);
    let old = peer.ack - 5;
    for text in [&b"second"[..], &[7; 1400], b"fourth"] {
        let late =
            crate::rig::frames::Segment { ack: Some(old), ..peer.segment(TcpControl::Psh, text) };
        world.inject_and_settle(late.frame());
        peer.seq += text.len() as i32;
        world.run_for(ms(10));
        assert_eq!(peer.take(&mut world), text.len());
    }
    peer.send(&mut world, TcpControl::Fin, &[]);
    peer.take(&mut world);
    assert_eq!(world.ours.ends(), [CloseReason::Finished]);
    world.rest();
}

in_both_families!(two_percent_cost_no_timeout_each, text_with_an_old_ack_is_taken,);
