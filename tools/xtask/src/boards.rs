//! What the firmware of each board costs: built, run under QEMU, held against `tools/sizes.toml`.

mod firmware;
mod measure;
mod peer;
mod qemu;
mod serving;
mod sizes;
mod symbols;

use self::{
    firmware::BOARDS,
    sizes::{Figure, Sizes},
};
use crate::run::Outcome;

/// What is to be done beside the measuring.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Only what fails.
    Check,
    /// Show the change since the figures were recorded.
    Compare,
    /// Record the figures.
    Record,
}

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
    let mut sizes = Sizes::read()?;
    let mut over = Vec::new();
    for board in BOARDS {
        let figures = measure::all(board)?;
        println!("\n{}", board.name);
        for figure in &figures {
            let entry = sizes.entry(board.name, figure.name)?;
            println!("  {}", entry.line(figure, mode == Mode::Compare));
            if entry.is_passed_by(figure) {
                over.push(format!("{} {}: {}", board.name, figure.name, figure.value));
            }
        }
        if mode == Mode::Record {
            sizes.record(board.name, &figures)?;
        }
    }
    if mode == Mode::Record {
        sizes.write()?;
    }
    match over[..] {
        [] => Ok(()),
        _ => Err(format!("over budget by more than 1 %: {}", over.join("; "))),
    }
}

impl Figure {
    fn new(name: &'static str, value: u64) -> Figure {
        Figure { name, value }
    }
}
