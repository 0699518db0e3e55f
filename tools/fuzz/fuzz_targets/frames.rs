//! Any frames, to a node with connections in every state. The input is a list of records: a wait of one byte, a
//! length of two bytes, a frame.
#![no_main]

use libfuzzer_sys::fuzz_target;
use smolecho_fuzz::Scene;
use smoltcp::time::Duration;

fuzz_target!(|input: &[u8]| {
    Scene::play(true, |scene| {
        let mut rest = input;
        while let [wait, low, high, tail @ ..] = rest {
            // 0 to 650 s.
            scene.sleep(Duration::from_millis(10 * u64::from(*wait) * u64::from(*wait)));
            let len = usize::from(u16::from_le_bytes([*low, *high])).min(tail.len());
            scene.deliver(tail[..len].to_vec());
            rest = &tail[len..];
        }
    });
});
