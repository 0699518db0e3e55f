//! The loop without an executor.

use smolecho::{phy::Device, smoltcp::time::Instant};

use crate::{
    ethernet::{Ethernet, Mac},
    meter::Meter,
    node::Node,
    processor::{self, Clock, Line},
    report,
};

/// A device with an interrupt for each frame; see [`Ethernet`].
pub(crate) trait Interrupting: Device {
    fn acknowledge(&mut self);
    fn has_frame(&mut self) -> bool;
}

impl<M: Mac> Interrupting for Ethernet<'_, M> {
    fn acknowledge(&mut self) {
        Ethernet::acknowledge(self);
    }

    fn has_frame(&mut self) -> bool {
        Ethernet::has_frame(self)
    }
}

/// Serves forever, and sleeps while idle.
pub fn serve<M: Mac>(
    node: &mut Node<'_>,
    ethernet: Ethernet<'_, M>,
    line: Line,
    mut clock: Clock,
) -> ! {
    #[cfg(feature = "bridge")]
    let ethernet = crate::bridged::bridged(ethernet, node);
    let mut ethernet = ethernet;
    let mut meter = Meter::default();
    assert!(cfg!(not(feature = "panics")), "as the feature has it");
    loop {
        let now = clock.now();
        node.poll(now, &mut ethernet, report::event);
        let due = node.poll_at(now);
        meter.poll();
        wait(&mut ethernet, line, &mut clock, due, &mut meter);
    }
}

/// Sleeps until a frame arrives, or until `due`.
fn wait(
    ethernet: &mut impl Interrupting,
    line: Line,
    clock: &mut Clock,
    due: Option<Instant>,
    meter: &mut Meter,
) {
    let is_over = |ethernet: &mut _, clock: &mut Clock| {
        Interrupting::has_frame(ethernet) || due.is_some_and(|due| due <= clock.now())
    };
    loop {
        ethernet.acknowledge();
        processor::unmask(line);
        // An interrupt between the check and the sleep stays pending, and ends the sleep.
        processor::undisturbed(|| {
            if !is_over(ethernet, clock) {
                meter.sleep();
                clock.sleep(due);
                meter.wake();
            }
        });
        // Checking for a frame before the acknowledgement saves a turn of this loop.
        if is_over(ethernet, clock) {
            return;
        }
    }
}
