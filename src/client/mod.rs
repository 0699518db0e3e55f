//! The clients: TCP connections and UDP queries.

pub mod tcp;
pub mod udp;
