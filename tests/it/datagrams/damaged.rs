//! Damaged frames: wrong checksums, truncation, changed bytes.

use super::{assert_serves, dropped, scene};
use crate::rig::frames::{Segment, mend_checksums, who_has};
use crate::rig::pattern::pattern;
use crate::rig::router::Advertisement;
use crate::rig::udp::{Asker, fragments, ping};
use crate::rig::{Dice, Family, in_both_families, ms, s};
use smolecho::DatagramDropReason;
use smolecho::smoltcp::wire::{IpEndpoint, IpProtocol, TcpControl};

/// A datagram with a wrong checksum is counted and gets no answer.
fn bad_checksums_are_counted(family: Family) {
    let (mut world, asker) = scene(family);
    let mark = world.mark();
    for n in 0..10 {
        let mut frame = asker.question(b"hello").frame();
        let last = frame.len() - 1;
        frame[last] ^= 1 << (n % 8);
        world.inject_and_settle(frame);
    }
    assert_eq!(world.sent_since(mark).count(), 0);
    assert_eq!(dropped(&world, DatagramDropReason::Unreadable), 10);
    assert_serves(&mut world, &asker);
}

/// A frame of each kind that the node understands.
fn specimens(family: Family, asker: &Asker) -> Vec<Vec<u8>> {
    let mut all = asker.question(&pattern(0..40)).frames(1);
    all.extend(
        Asker { server: IpEndpoint::new(family.node(), 4711), ..*asker }.question(b"x").frames(1),
    );
    all.extend(ping(asker.me.addr, family.node(), &pattern(0..40)));
    all.push(who_has(asker.me.addr, family.node()));
    all.push(Segment::syn(asker.me, asker.server).frame());
    let data = Segment {
        control: TcpControl::Psh,
        ack: Some(1),
        payload: b"x",
        ..Segment::syn(asker.me, asker.server)
    };
    all.push(data.frame());
    match family {
        Family::V4 => all.extend(asker.question(&pattern(0..3000)).frames(77)),
        Family::V6 => {
            all.push(Advertisement::default().frame());
            let udp = asker.question(b"options").udp();
            let optioned = [&[17, 0, 1, 4, 0, 0, 0, 0], &udp[..]].concat();
            let (me, node) = (asker.me.addr, family.node());
            all.extend(fragments(me, node, IpProtocol::HopByHop, &optioned, 0));
        }
    }
    all
}

/// Each frame cut at each length. After each turn the counters must add up (`check_sums`).
fn every_truncation_is_survived(family: Family) {
    let (mut world, asker) = scene(family);
    for frame in specimens(family, &asker) {
        for len in 0..frame.len() {
            let before = world.stats().frames;
            world.inject(frame[..len].to_vec());
            world.run_for(ms(2));
            assert_eq!(world.stats().frames, before + 1, "cut at {len}");
        }
    }
    world.run_for(s(100));
    world.inject_and_settle(who_has(asker.me.addr, family.node()));
    assert_serves(&mut world, &asker);
}

/// Frames with random bytes changed, half of them with right checksums.
fn seeded_garbage_is_survived(family: Family) {
    let (mut world, asker) = scene(family);
    let specimens = specimens(family, &asker);
    let mut dice = Dice(0x6a7b);
    for _ in 0..6000 {
        let mut frame = specimens[dice.below(specimens.len())].clone();
        for _ in 0..1 + dice.below(4) {
            let at = 12 + dice.below(frame.len().min(90) - 12);
            frame[at] = dice.roll() as u8;
        }
        if dice.below(2) == 0 {
            mend_checksums(&mut frame);
        }
        world.inject(frame);
        world.run_for(ms(1));
    }
    world.run_for(s(200));
    world.inject_and_settle(who_has(asker.me.addr, family.node()));
    assert_serves(&mut world, &asker);
}

in_both_families!(
    bad_checksums_are_counted,
    every_truncation_is_survived,
    seeded_garbage_is_survived,
);
