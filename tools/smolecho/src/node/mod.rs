//! A node on a TAP: its options, the checked plan, its memory, and the loop that `serve`, `client` and `demo` share.

mod awaited;
pub(crate) mod capture;
pub(crate) mod clock;
pub(crate) mod defaults;
mod impaired;
pub(crate) mod memory;
pub(crate) mod options;
pub(crate) mod plan;
pub(crate) mod reach;
pub(crate) mod run;
