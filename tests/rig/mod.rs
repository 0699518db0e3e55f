//! A node on one end of a cable, a station on the other, and a clock that only the test moves.
//!
//! [`Setup`] makes a [`World`]; [`World::run_until`] lets both ends act, carries their frames, and advances
//! the clock to the next instant at which anything can happen. After each turn the node's counters must
//! add up.
#![allow(unreachable_pub)] // A module of several test binaries.

pub mod chip;
pub mod dhcp;
pub mod dice;
pub mod family;
pub mod frames;
pub mod host;
pub mod ours;
pub mod pattern;
pub mod peer;
pub mod port;
pub mod raw;
pub mod router;
pub mod setup;
pub mod talk;
pub mod udp;
pub mod world;

use smolecho::smoltcp::time::Duration;
use smolecho::smoltcp::wire::EthernetAddress;

pub use dice::Dice;
pub use family::Family;
pub(crate) use family::in_both_families;
pub use ours::{Happened, Ours};
pub use port::Port;
pub use setup::{Setup, memory};
pub use world::{Fate, Nobody, Station, World};

pub const PORT: u16 = 12345;
pub const NODE_MAC: EthernetAddress = EthernetAddress([2, 0, 0, 0, 0, 1]);
pub const FAR_MAC: EthernetAddress = EthernetAddress([2, 0, 0, 0, 0, 2]);

pub const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

pub const fn s(s: u64) -> Duration {
    Duration::from_secs(s)
}
