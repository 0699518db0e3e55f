//! Random numbers.

use std::hash::{BuildHasher, RandomState};

/// 64 random bits; not for secrets. The standard library seeds its hash maps from the system.
pub(crate) fn random() -> u64 {
    RandomState::new().hash_one(())
}
