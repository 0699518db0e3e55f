//! The device seam: what carries frames.
//!
//! A port brings a [`Device`]; everything above it stays. Here are the ones that come with the
//! crate: [`cable`] joins two nodes in memory, `tap` (features `phy-tap`, `phy-tap-offload` and
//! `phy-tap-uring`) joins one to Linux, `embassy` (feature `phy-embassy`) brings the drivers of the
//! embedded world.
//!
//! # The life of a frame, with every copy
//!
//! ```text
//!   wire ─1─▶ device buffer ──▶ gate ──▶ smoltcp ─2─▶ rx buffer ─3─▶ scratch ─4─▶ tx buffer ─5─▶ device buffer ─6─▶ wire
//! ```
//!
//! 1. The device writes the frame into its own memory (DMA, or `read` on a TAP).
//! 2. smoltcp verifies the checksums in place and copies the payload where its sequence number says.
//! 3. and 4. The flow moves it on, through a scratch buffer: smoltcp lends one buffer at a time, so one
//!    copy more than the two buffers themselves need.
//! 5. smoltcp writes headers, payload and checksums into the memory that the device's token lends.
//! 6. The device sends it.
//!
//! The gate copies nothing: it reads the headers where they lie and passes the same slice on.
//!
//! # For driver authors
//!
//! - `capabilities().max_transmission_unit` **must** be the largest frame without its check sequence:
//!   IP MTU + 14. What operating systems call MTU is 14 less.
//! - `receive` **must** give `None` when no frame is there, and **must not** wait.
//! - `transmit` **must** give `None` when there is no room, and a token given **must** take its frame:
//!   `consume` cannot fail. A frame that then cannot leave (the link went down) is dropped and counted.
//! - `consume` **must** lend exactly as many bytes as it is asked for.
//! - A frame **must** be whole: a driver drops what it had to cut.
//! - Whoever waits for the device **must** return when a frame has come, and at the node's
//!   [`poll_at`](crate::Node::poll_at).

pub mod cable;
#[cfg(feature = "phy-embassy")]
pub mod embassy;
#[cfg(feature = "proto-ipv6")]
mod override_flag;
pub(crate) mod seq_tracker;
pub(crate) mod single_frame;
#[cfg(feature = "phy-tap")]
pub mod tap;
pub(crate) mod wake_device;

pub use self::wake_device::{LinkState, WakeDevice};
pub use smoltcp::phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::wire::EthernetFrame;

/// Destination, source and type: what smoltcp counts into its MTU, and operating systems do not.
pub(crate) const ETHERNET_HEADER: usize = EthernetFrame::<&[u8]>::header_len();

/// The smallest Ethernet MTU: every IPv4 host takes 576 bytes (RFC 791 section 3.1).
pub(crate) const MIN_MTU: usize = ETHERNET_HEADER + 576;
