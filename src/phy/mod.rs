//! Devices: the crate's own, and the contract for those of a port.
//!
//! A port implements [`Device`] and changes nothing above it. This crate has three: [`cable`] connects two
//! nodes in memory, `tap` (features `phy-tap`, `phy-tap-offload` and `phy-tap-uring`) connects a node to
//! Linux, and `embassy` (feature `phy-embassy`) adapts the drivers of `embassy-net-driver`.
//!
//! # Every copy of a frame
//!
//! ```text
//!   wire ─1─▶ device buffer ──▶ gate ──▶ smoltcp ─2─▶ rx buffer ─3─▶ scratch ─4─▶ tx buffer ─5─▶ device buffer ─6─▶ wire
//! ```
//!
//! 1. The device writes the frame into its own memory (DMA, or `read` on a TAP).
//! 2. smoltcp verifies the checksums in place and copies the payload to its place in the receive buffer.
//! 3. The service copies it to the scratch buffer: smoltcp lends only one of the two buffers at a time.
//! 4. The service copies it to the transmit buffer.
//! 5. smoltcp writes headers, payload and checksums into the memory that the device's token lends.
//! 6. The device sends the frame.
//!
//! The gate copies nothing: it reads the headers in place and passes the same slice on.
//!
//! # For driver authors
//!
//! - `capabilities().max_transmission_unit` **must** be the longest frame in bytes, without its check
//!   sequence: IP MTU + 14. Operating systems show the IP MTU.
//! - `receive` **must** return `None` if no frame is there, and **must not** wait.
//! - `transmit` **must** return `None` if there is no room. A token that it returned **must** take its frame:
//!   `consume` cannot fail. If the frame cannot be sent then (link down), the driver drops and counts it.
//! - `consume` **must** lend exactly the number of bytes that it is asked for.
//! - A frame **must** be whole: a driver drops frames that it had to truncate.
//! - The port's wait **must** return when a frame arrives, and at the node's
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

/// The Ethernet header's length in bytes, by which smoltcp's MTU exceeds an operating system's.
pub(crate) const ETHERNET_HEADER: usize = EthernetFrame::<&[u8]>::header_len();

/// The smallest MTU in bytes: every IPv4 host accepts packets of 576 (RFC 791 section 3.1).
pub(crate) const MIN_MTU: usize = ETHERNET_HEADER + 576;
