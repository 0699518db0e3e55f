//! Shared by the targets: a [`Scene`] is a node with connections in every state. It verifies the node's
//! invariants while hostile frames arrive.

pub mod scene;
pub mod wire;

pub use scene::{Peer, Scene};
