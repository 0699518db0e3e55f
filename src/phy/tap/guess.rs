//! A guess at how many frames come together.

/// Doubles while it is right, and is one again when a single frame came; then it is slower to try two.
#[derive(Debug)]
pub(super) struct Guess {
    size: u8,
    /// Single frames before two are tried, and how many of them are still to come.
    patience: u8,
    remaining: u8,
}

impl Guess {
    pub(super) const MAX: u8 = 64;
    const MAX_PATIENCE: u8 = 64;

    pub(super) const fn new() -> Guess {
        Guess { size: 1, patience: 1, remaining: 1 }
    }

    pub(super) const fn size(&self) -> u8 {
        self.size
    }

    /// So many came, and perhaps more.
    pub(super) fn was_right(&mut self) {
        if self.size == 1 && self.remaining > 0 {
            self.remaining -= 1;
            return;
        }
        if self.size > 1 {
            // Two frames or more were there: this is load, not a guess.
            self.patience = 1;
        }
        self.size = self.size.saturating_mul(2).min(Self::MAX);
    }

    /// One came at most.
    pub(super) fn was_wrong(&mut self) {
        self.size = 1;
        self.patience = self.patience.saturating_mul(2).min(Self::MAX_PATIENCE);
        self.remaining = self.patience;
    }
}
