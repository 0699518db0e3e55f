//! What the firmware of each board costs: built, run under QEMU, held against `tools/sizes.toml`.

mod firmware;
mod measure;
mod peer;
mod qemu;
mod serving;
mod symbols;

use self::firmware::BOARDS;
use crate::{
    budgets::{Budgets, Mode},
    run::Outcome,
};

/// Each board's format, lints and driver.
pub(crate) fn check() -> Outcome {
    BOARDS.iter().try_for_each(|board| board.check())
}

/// What the boards do for their peers, over a TAP and over QEMU's user-mode network.
pub(crate) fn serve() -> Outcome {
    qemu::is_installed()?;
    firmware::is_target_installed()?;
    serving::run()
}

/// Measures every board, and fails if a budget is passed by more than 1 %.
pub(crate) fn run(mode: Mode) -> Outcome {
    qemu::is_installed()?;
    firmware::is_target_installed()?;
    let mut budgets = Budgets::read()?;
    for board in BOARDS {
        budgets.hold(board.name, &measure::all(board)?, mode)?;
    }
    budgets.settle(mode)
}
