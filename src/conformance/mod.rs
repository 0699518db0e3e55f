//! What every device must do, for the tests of its driver (feature `conformance`).
//!
//! A driver's author brings the other side of the device, a [`Wire`]: a model of the chip's registers, a
//! packet socket of the host, a second chip on the bench. [`check`] then puts frames through in both
//! directions and says what is wrong with the first that is not as it should be. It takes no memory of
//! its own, so it runs on a board as well as on a host.
//!
//! ```
//! use smolecho::conformance::{self, Wire};
//! use smolecho::phy::cable::{Cable, End, FRAME};
//! use smolecho::phy::{Device, RxToken, TxToken};
//! use smolecho::smoltcp::time::Instant;
//!
//! struct Far<'c>(End<'c, 16>);
//!
//! impl Wire for Far<'_> {
//!     const SHEDS_REPLIES: bool = true;
//!
//!     fn arrive(&mut self, frame: &[u8]) -> bool {
//!         if frame.len() > FRAME {
//!             return false;
//!         }
//!         let token = self.0.transmit(Instant::ZERO);
//!         token.map(|token| token.consume(frame.len(), |room| room.copy_from_slice(frame))).is_some()
//!     }
//!
//!     fn depart<R>(&mut self, look: impl FnOnce(&[u8]) -> R) -> Option<R> {
//!         self.0.receive(Instant::ZERO).map(|(rx, _)| rx.consume(look))
//!     }
//! }
//!
//! let cable = Cable::<16>::new();
//! let (mut device, far) = cable.ends();
//! conformance::check(&mut device, &mut Far(far), &mut [0; 2048])?;
//! # Ok::<(), conformance::Broken>(())
//! ```
//!
//! # The rules
//!
//! 1. Capabilities: Ethernet, an MTU that counts the Ethernet header, the same at every call.
//! 2. A quiet wire gives no frame, and a device that was told nothing sends none.
//! 3. A frame of any length up to the MTU arrives whole, leaves whole, and can be answered while it is
//!    read. Up to 60 bytes it may be padded with zeros.
//! 4. A token lends exactly as many bytes as it is asked for. One that is dropped sends nothing, and its
//!    room comes back.
//! 5. What came in a burst is received in its order, nothing twice; a device that claims a burst size
//!    holds as many.
//! 6. What leaves in a burst leaves in its order. Where there is no room there is no token; a token that
//!    was given takes its frame; and there is room again when frames have left.
//! 7. A device without room to send loses no frame that it has received.
//! 8. A frame that is too long is received whole or not at all, and the next one is not disturbed.
//! 9. Checksums that the device claims to verify are verified, and those that it claims to fill in are
//!    right on the wire.

mod checksum;
mod frame;
mod harness;
mod rules;
mod violation;

use smoltcp::phy::Device;

pub use self::violation::{Violation, Way};

/// The other side of a device.
pub trait Wire {
    /// The shortest frame that it carries as it is: 60 bytes on a real Ethernet.
    const SHORTEST: usize = 14;

    /// Frames that it keeps for [`capture`](Self::depart), beside those that the device keeps.
    const HOLDS: usize = 256;

    /// A reply without room is dropped: what a cable has to do, whose two ends would else wait for each
    /// other. With any other device it is a defect.
    const DROPS_REPLIES: bool = false;

    /// A frame comes to the device. False if it was not taken: no room in the device, or too long.
    fn inject(&mut self, frame: &[u8]) -> bool;

    /// Takes the next frame that the device has sent, and looks at it; `None` if there is none yet.
    /// Frames that are not the device's, as a host's own, must be left out.
    fn capture<R>(&mut self, look: impl FnOnce(&[u8]) -> R) -> Option<R>;

    /// Lets time pass while a frame is under way. It is called a thousand times before the frame counts
    /// as lost.
    fn pause(&mut self) {}
}

/// How much longer than the MTU the longest frame is that is tried.
pub const BEYOND: usize = 100;

/// Tries all of it, on a wire that is otherwise quiet. `scratch` is as long as the MTU and [`BEYOND`].
pub fn check<D: Device + ?Sized, W: Wire>(
    device: &mut D,
    wire: &mut W,
    scratch: &mut [u8],
) -> Result<(), Violation> {
    let mtu = rules::capabilities(device)?;
    let needed = mtu + BEYOND;
    let frame = scratch.get_mut(..needed).ok_or(Violation::Scratch { needed })?;
    let mut harness = harness::Harness::new(device, wire, frame, mtu);
    harness.is_quiet()?;
    harness.every_length_arrives()?;
    harness.every_length_leaves()?;
    harness.every_length_is_answered()?;
    harness.dropped_tokens()?;
    harness.bursts_arrive()?;
    harness.bursts_leave()?;
    harness.no_room()?;
    harness.too_long()?;
    harness.checksums_are_as_claimed()?;
    harness.is_quiet()
}
