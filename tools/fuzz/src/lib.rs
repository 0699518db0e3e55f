//! What the targets share: a [`Scene`] is a node in the middle of its life, and looks on while hostile
//! frames arrive.

pub mod scene;
pub mod wire;

pub use scene::{Peer, Scene};
