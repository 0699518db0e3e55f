//! What the node does when it connects, or asks.

pub mod tcp;
pub mod udp;
