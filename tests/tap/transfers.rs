//! Bulk transfers both ways at once, over both devices and several MTUs: a stack must never hang here.

use smolecho::CloseReason;

use crate::{
    lab::{Lab, Setup},
    network::Opening,
    rig::{Family, pattern::Pattern},
    served::say_goodbye,
    trial::{Case, in_full, soak},
};

const MIB: u64 = 1 << 20;

/// Ethernet's, that of jumbo frames, and the largest of a TAP device.
const MTUS: [u32; 3] = [1500, 9000, 65_521];

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for opening in [Opening::Plain, Opening::Offload] {
        for mtu in MTUS {
            for family in [Family::V4, Family::V6] {
                let name = format!("both_ways_at_once::{opening}::{mtu}::{family}");
                let case = Case::new(module_path!(), &name, move || {
                    both_ways_at_once(opening, mtu, family);
                });
                cases.push(case);
            }
        }
    }
    cases
}

/// With the largest buffers of the library: one byte more could hang.
fn both_ways_at_once(opening: Opening, mtu: u32, family: Family) {
    let lab = Setup { opening, mtu, buffer: 65_535, ..Setup::default() }.run();
    for seed in 0..if in_full() { 20 } else { 2 } {
        transfer(&lab, family, seed, soak(128 * MIB, 4 * MIB));
    }
}

fn transfer(lab: &Lab, family: Family, seed: u64, len: u64) {
    let stream = lab.connect(family);
    Pattern::new(seed).echo(&stream, 0..len).expect("echo");
    say_goodbye(&stream);
    let closed = lab.until_closed(stream.local_addr().expect("address"));
    assert_eq!((closed.end, closed.received, closed.sent), (CloseReason::Finished, len, len));
}
