//! Shared by the boards. A board adds its pins, its clock frequency and its MAC.
//!
//! - [`registers`]: access to a peripheral, or to a model of it in tests;
//! - [`frame`]: a frame in memory, laid out for MACs that move words;
//! - [`ethernet`]: a MAC driver as a smoltcp device; [`trial`](ethernet): conformance tests of a driver;
//! - `node`: the echo and its memory;
//! - with the feature `bare`, for boards without an executor: `serve`: the loop; `processor`: clock, sleep and
//!   interrupts; `panic`: the panic handler; `report`: log lines.

#![no_std]

pub mod ethernet;
pub mod frame;
pub mod registers;
#[cfg(feature = "trial")]
pub mod trial;

#[cfg(all(feature = "bridge", target_os = "none"))]
mod bridged;
#[cfg(all(feature = "bare", target_os = "none"))]
mod meter;
#[cfg(all(not(feature = "plain"), target_os = "none"))]
pub mod node;
#[cfg(all(feature = "plain", target_os = "none"))]
#[path = "plain.rs"]
pub mod node;
#[cfg(all(feature = "bare", target_os = "none"))]
mod panic;
#[cfg(all(feature = "bare", target_os = "none"))]
pub mod processor;
#[cfg(all(feature = "bare", target_os = "none"))]
pub mod report;
#[cfg(all(feature = "bare", target_os = "none"))]
pub mod serve;
