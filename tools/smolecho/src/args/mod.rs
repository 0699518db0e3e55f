//! What the command lines of several commands share: values, names and option groups.

pub(crate) mod names;
pub(crate) mod scope;
pub(crate) mod shared;
pub(crate) mod values;
