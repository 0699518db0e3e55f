//! The cases, one module a group.

pub(super) mod catalog;
mod closing;
mod datagrams;
mod dialogue;
mod frames;
mod load;
mod reach;
