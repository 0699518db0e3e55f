//! The services: TCP connections and UDP datagrams.

#[cfg(feature = "services")]
pub mod chargen;
pub mod tcp;
pub mod udp;
