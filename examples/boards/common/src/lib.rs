//! What every board shares, once: a board itself brings its pins, its clock's frequency and its MAC.
//!
//! - [`registers`]: how a driver reaches its peripheral, and a test puts a model in its place;
//! - [`frame`]: a frame in memory, laid out for MACs that move words;
//! - [`ethernet`]: a MAC's driver as a device for smoltcp; [`trial`](ethernet) what all of them must do;
//! - `node`: the echo and its memory;
//! - with the feature `bare`, for boards without an executor: `serve`: the loop; `processor`: what time it is,
//!   what wakes it; `panic`: what stops it; `report`: what is said to a host.

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
#[cfg(target_os = "none")]
pub mod node;
#[cfg(all(feature = "bare", target_os = "none"))]
mod panic;
#[cfg(all(feature = "bare", target_os = "none"))]
pub mod processor;
#[cfg(all(feature = "bare", target_os = "none"))]
pub mod report;
#[cfg(all(feature = "bare", target_os = "none"))]
pub mod serve;
