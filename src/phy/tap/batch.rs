//! A guess at how many frames come together.

/// Doubles while all that are asked for come, follows their number otherwise, and is one again when a single
/// frame came; then it is slower to try two.
#[derive(Debug)]
pub(super) struct Batch {
    size: u8,
    /// Single frames before two are tried, and how many of them are still to come.
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

    /// So many were asked for, and so many came.
    pub(super) fn came(&mut self, asked: u8, found: u8) {
        if found >= 2 {
            // This is load, and no guess.
            self.patience = 1;
        }
        if found < asked && found <= 1 {
            self.size = 1;
            self.patience = self.patience.saturating_mul(2).min(Self::MAX_PATIENCE);
            self.remaining = self.patience;
        } else if found < asked {
            // The one too many tells whether those were all.
            self.size = found + 1;
        } else if asked < self.size {
            // As many as there was room for.
        } else if self.size == 1 && self.remaining > 0 {
            self.remaining -= 1;
        } else {
            self.size = self.size.saturating_mul(2).min(Self::MAX);
        }
    }
}
