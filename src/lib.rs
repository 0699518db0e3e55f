//! TCP and UDP echo server and client for userspace stacks: `no_std`, no allocation, over smoltcp's
//! sockets and socket sets, driven by any device.
//!
//! ```text
//!   your loop ─────────▶ Node: poll(now, &mut device), poll_at(now)
//!                          │
//!            ┌─────────────┼──────────────┬──────────────┐
//!            ▼             ▼              ▼              ▼
//!          gate          pool          server          client       gate: which slot owns it?
//!        (headers)   (slots, ages,   (recv, echo,    (send, recv,   pool: a slot per connection
//!                      deadlines)       close)       verify, close) server, client: one tcp::Socket each
//!            └─────────────┴──────┬───────┴──────────────┘
//!                                 ▼
//!                      smoltcp Interface + one SocketSet a slot
//!                                 │
//!                                 ▼
//!                   phy: cable, tap, embassy, or your own Device
//! ```
//!
//! Reading order: [`server::tcp`] is the service of one connection, [`node`] follows a frame, [`storage`]
//! is all memory, [`phy`] is the device that a port brings.
//!
#![no_std]

mod addresses;
#[cfg_attr(not(feature = "syn-cookies"), path = "cookie/absent.rs")]
mod cookie;
mod display;
mod gate;
#[cfg(feature = "proto-ipv6")]
mod ipv6;
mod named;
mod neighbor;
mod path_mtu;
mod pool;
mod random;
mod rate;
mod segment;
mod strip;
mod udp_queue;
mod unreachable;

pub mod client;
pub mod config;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod event;
pub mod node;
pub mod phy;
#[cfg(feature = "async")]
mod run;
pub mod server;
pub mod storage;

pub use smoltcp;

#[cfg(feature = "client")]
pub use client::{tcp::Message, udp::Query};
pub use config::{
    Config, ConfigError, Listener, TcpService, Timeouts, UdpPolicy, UdpService, WhenFull,
};
pub use event::{
    CloseReason, DatagramDropReason, DropReason, Event, Protocol, Report, Stats, Tuple,
};
pub use node::{BindError, ConnectError, ListenError, Node, Occupancy};
pub use rate::Rate;
#[cfg(feature = "async")]
pub use run::run;
pub use storage::{DatagramMemory, DatagramStorage, Memory, Storage};

/// Compiles the README's examples.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// Compiles the guide's examples.
#[cfg(doctest)]
#[doc = include_str!("../PORTING.md")]
struct Porting;
