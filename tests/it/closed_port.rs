//! The reset for a segment to a port without a listener (RFC 9293 section 3.10.7.1).

use crate::rig::frames::{Segment, mend_checksums};
use crate::rig::raw::Raw;
use crate::rig::{Family, Setup, in_both_families};
use smolecho::smoltcp::wire::{IpEndpoint, TcpControl, TcpSeqNumber};

/// A segment without ACK is answered with `RST|ACK`, sequence number 0, which acknowledges all of it: a peer
/// accepts no other reset for it.
fn a_segment_without_ack_is_acknowledged_by_its_reset(family: Family) {
    let cases: [(TcpControl, &[u8], i32); 6] = [
        (TcpControl::Fin, b"text", 5),
        (TcpControl::Fin, b"", 1),
        (TcpControl::Psh, b"text", 4),
        (TcpControl::None, b"", 0),
        (TcpControl::Syn, b"", 1),
        (TcpControl::Syn, b"text", 5),
    ];
    let mut world = Setup::new(family).world();
    let syn = Raw::new(&mut world, family, 1).syn();
    for (control, payload, len) in cases {
        let to = IpEndpoint { port: 9, ..syn.to };
        let stray = Segment { to, control, payload, seq: -2, ..syn };
        let mark = world.mark();
        world.inject_and_settle(stray.frame());
        let resets: Vec<_> = world.sent_since(mark).filter_map(|frame| frame.tcp()).collect();
        let [reset] = resets[..] else { panic!("{control:?}: {resets:?}") };
        assert!(reset.rst, "{control:?}");
        assert_eq!((reset.from, reset.to), (to, syn.from));
        assert_eq!((reset.seq, reset.len), (TcpSeqNumber(0), 0), "{control:?}");
        assert_eq!(reset.ack, Some(TcpSeqNumber(-2) + len as usize), "{control:?}");
    }
}

/// One with a wrong checksum is not answered.
fn a_segment_with_a_wrong_checksum_is_not_answered(family: Family) {
    let mut world = Setup::new(family).world();
    let syn = Raw::new(&mut world, family, 1).syn();
    let to = IpEndpoint { port: 9, ..syn.to };
    let mut frame = Segment { to, control: TcpControl::Fin, payload: b"text", ..syn }.frame();
    mend_checksums(&mut frame);
    *frame.last_mut().expect("a byte") ^= 1;
    let mark = world.mark();
    world.inject_and_settle(frame);
    assert_eq!(world.sent_since(mark).count(), 0);
}

in_both_families! {
    a_segment_without_ack_is_acknowledged_by_its_reset,
    a_segment_with_a_wrong_checksum_is_not_answered,
}
