//! The frames of a run: their hash, and on request their bytes.

use std::hash::Hasher;

use smoltcp::time::Instant;
use twox_hash::XxHash64;

/// A frame as it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Virtual time of sending.
    pub at: Instant,
    /// Number of the sending station: 0 is the server, the number after the last guest is the attacker.
    pub from: usize,
    /// Whether no station received it.
    pub lost: bool,
    /// The frame.
    pub bytes: Vec<u8>,
}

/// A record of frames.
pub struct Trace {
    // The standard library's hash may change with its version.
    hasher: XxHash64,
    frames: Option<Vec<Frame>>,
    count: u64,
}

impl Trace {
    /// Keeps only the hash.
    pub fn hashing() -> Trace {
        Trace { hasher: XxHash64::with_seed(0), frames: None, count: 0 }
    }

    /// Keeps the hash and every frame.
    pub fn recording() -> Trace {
        Trace { frames: Some(Vec::new()), ..Self::hashing() }
    }

    pub(crate) fn record(&mut self, at: Instant, from: usize, lost: bool, bytes: &[u8]) {
        self.count += 1;
        self.hasher.write(&at.total_micros().to_le_bytes());
        self.hasher.write(&[from as u8, u8::from(lost)]);
        self.hasher.write(bytes);
        if let Some(frames) = &mut self.frames {
            frames.push(Frame { at, from, lost, bytes: bytes.to_vec() });
        }
    }

    /// Adds something other than a frame to the hash.
    pub(crate) fn note(&mut self, what: u64) {
        self.hasher.write(&what.to_le_bytes());
    }

    /// Hash of the run.
    pub fn hash(&self) -> u64 {
        self.hasher.finish()
    }

    /// Number of frames.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Every frame; empty if only the hash is kept.
    pub fn frames(&self) -> &[Frame] {
        self.frames.as_deref().unwrap_or_default()
    }
}
