//! What the node does with who connects, and with who asks.

pub mod chargen;
pub mod tcp;
pub mod udp;
