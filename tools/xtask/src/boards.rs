//! The boards: their firmware is built, run under QEMU and measured against `tools/sizes.toml`.

mod firmware;
mod measure;
mod peer;
mod qemu;
mod serving;
mod table;

use self::firmware::{BOARDS, Board};
use crate::{
    budgets::{Budgets, Mode},
    run::Outcome,
};

/// Checks each board's format and lints, and tests its driver.
pub(crate) fn check() -> Outcome {
    BOARDS.iter().try_for_each(|board| board.check())
}

/// Tests the emulated boards over a TAP and over QEMU's user-mode network.
pub(crate) fn serve() -> Outcome {
    is_ready()?;
    serving::run(emulated())
}

/// Measures every board. Fails if a figure exceeds its budget by more than 1 %.
pub(crate) fn run(mode: Mode) -> Outcome {
    is_ready()?;
    let mut budgets = Budgets::read()?;
    for board in BOARDS {
        budgets.hold(board.name, &measure::all(board)?, mode)?;
    }
    match mode {
        Mode::Record => table::write(&budgets)?,
        Mode::Check | Mode::Compare => table::check(&budgets)?,
    }
    budgets.settle(mode)
}

/// Whether the targets and QEMU are installed.
fn is_ready() -> Outcome {
    firmware::are_targets_installed()?;
    emulated().try_for_each(qemu::is_installed)
}

/// The boards that QEMU emulates.
fn emulated() -> impl Iterator<Item = &'static Board> {
    BOARDS.iter().filter(|board| board.is_emulated())
}
