//! The services: TCP connections and UDP datagrams.

pub mod chargen;
pub mod tcp;
pub mod udp;
