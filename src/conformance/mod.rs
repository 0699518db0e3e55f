//! Conformance tests for device drivers (feature `conformance`).
//!
//! A driver's test implements [`Wire`], the other side of the device: a model of the chip's registers, a
//! packet socket of the host, or a second chip. [`check`] then sends frames in both directions and returns
//! the first [`Violation`]. It allocates nothing, so it runs on a board as well as on a host.
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
//!     const DROPS_REPLIES: bool = true;
//!
//!     fn inject(&mut self, frame: &[u8]) -> bool {
//!         if frame.len() > FRAME {
//!             return false;
//!         }
//!         let token = self.0.transmit(Instant::ZERO);
//!         token.map(|token| token.consume(frame.len(), |room| room.copy_from_slice(frame))).is_some()
//!     }
//!
//!     fn capture<R>(&mut self, look: impl FnOnce(&[u8]) -> R) -> Option<R> {
//!         self.0.receive(Instant::ZERO).map(|(rx, _)| rx.consume(look))
//!     }
//! }
//!
//! let cable = Cable::<16>::new();
//! let (mut device, far) = cable.ends();
//! conformance::check(&mut device, &mut Far(far), &mut [0; 2048])?;
//! # Ok::<(), conformance::Violation>(())
//! ```
//!
//! # The rules
//!
//! 1. The capabilities are those of Ethernet, with an MTU that includes the Ethernet header, and the same at
//!    every call.
//! 2. The device receives nothing from a quiet wire, and sends nothing by itself.
//! 3. A frame of any length up to the MTU is received whole, is sent whole, and can be answered while it is
//!    read. Frames below 60 bytes may be padded with zeros.
//! 4. A token lends exactly the number of bytes that it is asked for. A token that is dropped sends nothing,
//!    and its room is free again.
//! 5. Frames of a burst are received in order and once. A device with a `max_burst_size` holds that many
//!    frames.
//! 6. Frames of a burst are sent in order. Without room there is no token; a token takes its frame; room is
//!    free again when frames have left.
//! 7. A device without room to send loses no received frame.
//! 8. A frame above the MTU is received whole or not at all, and does not affect the next frame.
//! 9. The device verifies the checksums that it claims to verify, and fills in correctly those that it claims
//!    to fill in.

mod checksum;
mod frame;
mod harness;
mod rules;
mod violation;

use smoltcp::phy::Device;

pub use self::violation::{Violation, Way};

/// The other side of a device.
pub trait Wire {
    /// The length in bytes of the shortest frame that is not padded: 60 on a real Ethernet.
    const SHORTEST: usize = 14;

    /// The number of frames that it buffers for [`capture`](Self::capture), in addition to the device.
    const HOLDS: usize = 256;

    /// Whether the device may drop a reply without room. Only a cable does, to avoid a deadlock of its two
    /// ends; in any other device it is a defect.
    const DROPS_REPLIES: bool = false;

    /// Sends a frame to the device. False if the device did not take it: no room, or too long.
    fn inject(&mut self, frame: &[u8]) -> bool;

    /// Takes the next frame that the device has sent; `None` if there is none yet. It must skip frames from
    /// other senders, such as the host itself.
    fn capture<R>(&mut self, look: impl FnOnce(&[u8]) -> R) -> Option<R>;

    /// Waits a moment for a frame. After 1,000 calls without it, the frame counts as lost.
    fn pause(&mut self) {}
}

/// The longest test frame exceeds the MTU by this many bytes.
pub const BEYOND: usize = 100;

/// Checks all rules on an otherwise quiet wire. `scratch` has room for a frame of MTU + [`BEYOND`] bytes.
///
/// # Errors
///
/// The first [`Violation`]; [`Violation::Scratch`] if `scratch` is too short.
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
