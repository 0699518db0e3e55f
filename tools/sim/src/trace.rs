//! Every frame of a run: as a hash, and if that is wished as bytes.

use std::hash::Hasher;

use smoltcp::time::Instant;
use twox_hash::XxHash64;

/// A frame, as its sender sent it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// When.
    pub at: Instant,
    /// Which station: 0 is the server, the one behind the last client is the attacker.
    pub from: usize,
    /// Whether it was lost on its way to everybody.
    pub lost: bool,
    /// What.
    pub bytes: Vec<u8>,
}

/// What is kept of the frames.
pub struct Trace {
    // The same on every machine, whatever the standard library's hash is.
    hasher: XxHash64,
    frames: Option<Vec<Frame>>,
    count: u64,
}

impl Trace {
    /// Keeps the hash alone.
    pub fn hashing() -> Trace {
        Trace { hasher: XxHash64::with_seed(0), frames: None, count: 0 }
    }

    /// Keeps everything.
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

    /// Says that this happened, without a frame.
    pub(crate) fn note(&mut self, what: u64) {
        self.hasher.write(&what.to_le_bytes());
    }

    /// What stands for the whole run.
    pub fn hash(&self) -> u64 {
        self.hasher.finish()
    }

    /// How many frames were sent.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// All of them, if they were kept.
    pub fn frames(&self) -> &[Frame] {
        self.frames.as_deref().unwrap_or_default()
    }
}
