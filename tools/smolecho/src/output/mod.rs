//! What the user sees: the dialogue on stdout as text or JSON lines, everything else on stderr.

pub(crate) mod counters;
pub(crate) mod dialogue;
pub(crate) mod excerpt;
mod json;
pub(crate) mod progress;
pub(crate) mod report;
pub(crate) mod stderr;
pub(crate) mod stdout;
mod text;
