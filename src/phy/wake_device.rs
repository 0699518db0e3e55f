//! Devices that say by themselves when there is something to do.

use core::task::Waker;

use smoltcp::phy::Device;

/// Whether frames can pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LinkState {
    /// What is sent is lost.
    Down,
    /// They can.
    Up,
}

/// A device that wakes whoever polls it: what an executor sleeps by, and a loop that must not miss an
/// interrupt.
///
/// # For driver authors
///
/// From the call of [`register_waker`](Self::register_waker) until the next, the device **must** wake this waker
///
/// - when a frame comes after `receive` gave `None`;
/// - when there is room after `transmit` gave `None`, or `receive` did for lack of it;
/// - when the link goes up or down after it was told.
///
/// It **must not** matter whether the frame came before or after the waker was handed over: what came in
/// between `receive`'s `None` and the sleep wakes too. To wake without a reason is allowed, and costs a
/// poll.
pub trait WakeDevice: Device {
    /// Whom to wake from now on; tells whether the link is up.
    fn register_waker(&mut self, waker: &Waker) -> LinkState;
}
