//! Adaptive batch sizes.

/// The number of frames to read at once. It doubles while every batch is full, and otherwise follows the number
/// of frames read. A single frame resets it to one; each reset doubles the number of single frames before it
/// tries two again.
#[derive(Debug)]
pub(super) struct Batch {
    size: u8,
    /// Single frames before it tries two; and how many of these remain.
    patience: u8,
    remaining: u8,
}

impl Batch {
    pub(super) const MAX: u8 = 64;
    const MAX_PATIENCE: u8 = 64;

    pub(super) const fn new() -> Batch {
        Batch { size: 1, patience: 1, remaining: 1 }
    }

    pub(super) const fn size(&self) -> u8 {
        self.size
    }

    /// Adapts to a batch in which `found` frames came for `asked` reads.
    pub(super) fn record(&mut self, asked: u8, found: u8) {
        if found >= 2 {
            // Load: try two at once next time.
            self.patience = 1;
        }
        if found < asked && found <= 1 {
            self.size = 1;
            self.patience = self.patience.saturating_mul(2).min(Self::MAX_PATIENCE);
            self.remaining = self.patience;
        } else if found < asked {
            // One more than before, to notice growth.
            self.size = found + 1;
        } else if asked < self.size {
            // A batch limited by other means says nothing about the size.
        } else if self.size == 1 && self.remaining > 0 {
            self.remaining -= 1;
        } else {
            self.size = self.size.saturating_mul(2).min(Self::MAX);
        }
    }
}
