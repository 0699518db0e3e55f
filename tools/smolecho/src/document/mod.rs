//! Files that a command writes: pages for a browser, their charts, and checks that a path is writable.

pub(crate) mod chart;
pub(crate) mod files;
pub(crate) mod page;
