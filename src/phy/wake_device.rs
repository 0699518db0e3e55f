//! Devices that wake a task.

use core::task::Waker;

use smoltcp::phy::Device;

/// The state of a device's link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LinkState {
    /// No link: frames sent now are lost.
    Down,
    /// Frames can pass.
    Up,
}

/// A device that wakes the task that polls it: for executors, and for loops that sleep until an interrupt.
///
/// # For driver authors
///
/// The device **must** wake the last registered waker
///
/// - when a frame arrives after `receive` returned `None`;
/// - when room is free after `transmit` returned `None`, or `receive` did for lack of room;
/// - when the link goes up or down after `register_waker` returned its state.
///
/// A frame that arrives between `receive`'s `None` and the sleep **must** wake too, even if it arrived before
/// the waker was registered. A spurious wake-up is allowed and costs one poll.
pub trait WakeDevice: Device {
    /// Registers `waker` in place of the last one; returns the link state.
    fn register_waker(&mut self, waker: &Waker) -> LinkState;
}
