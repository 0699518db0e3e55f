//! The clients: TCP connections and UDP queries.

#[cfg(not(feature = "client"))]
mod absent;
#[cfg(feature = "client")]
pub mod tcp;
#[cfg(feature = "client")]
pub mod udp;

#[cfg(not(feature = "client"))]
pub(crate) use self::absent::{tcp, udp};
