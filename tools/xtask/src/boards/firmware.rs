//! The boards, and how their firmware is built.

use std::path::PathBuf;

use super::symbols::Symbols;
use crate::{
    elf,
    run::{self, Outcome, command, read, root, target},
};

/// A board under `examples/boards/`.
pub(crate) struct Board {
    /// Its folder, package and program.
    pub(crate) name: &'static str,
    /// What QEMU calls it.
    pub(crate) machine: &'static str,
    /// With an instruction a nanosecond, those in a tick of its SysTick.
    pub(crate) instructions_per_tick: u64,
}

/// All of them.
pub(crate) const BOARDS: &[Board] = &[
    Board { name: "qemu-lm3s6965", machine: "lm3s6965evb", instructions_per_tick: 20 },
    Board { name: "qemu-mps2-an385", machine: "mps2-an385", instructions_per_tick: 40 },
];

const TARGET: &str = "thumbv7m-none-eabi";

/// The target's standard library, or how to get it.
pub(crate) fn is_target_installed() -> Outcome {
    let sysroot = read(&mut command(&["rustc", "--print", "sysroot"]))?;
    let library = PathBuf::from(sysroot.trim()).join("lib/rustlib").join(TARGET);
    if library.is_dir() {
        return Ok(());
    }
    Err(format!("the target {TARGET} is missing: rustup target add {TARGET}"))
}

/// One way of building it.
#[derive(Clone, Copy)]
pub(crate) struct Variant {
    pub(crate) features: &'static str,
    pub(crate) optimization: &'static str,
    pub(crate) connections: usize,
}

/// What the budgets are made for.
pub(crate) const PLAIN: Variant = Variant { features: "ipv6", optimization: "s", connections: 4 };

/// A firmware that was built.
pub(crate) struct Firmware {
    pub(crate) path: PathBuf,
    pub(crate) sizes: elf::Sizes,
    pub(crate) symbols: Symbols,
}

impl Board {
    fn folder(&self) -> PathBuf {
        root().join("examples/boards").join(self.name)
    }

    /// Its format, its lints, and its driver against the model.
    pub(crate) fn check(&self) -> Outcome {
        for line in [
            &["cargo", "fmt", "--all", "--check"][..],
            &["cargo", "clippy", "--quiet", "--locked", "--release", "--", "-D", "warnings"],
            &["cargo", "test", "--quiet", "--locked", "--target", "host-tuple"],
        ] {
            let target = target().join("boards");
            run::run(command(line).env("CARGO_TARGET_DIR", target).current_dir(self.folder()))?;
        }
        Ok(())
    }

    /// Builds it as `cargo run --release` does, with room for so many connections, beside these features.
    pub(crate) fn build_usual(&self, connections: usize, features: &str) -> Outcome<PathBuf> {
        let target = target().join("boards");
        let mut build = command(&["cargo", "build", "--quiet", "--locked", "--release"]);
        build
            .args(["--features", features, "--target-dir"])
            .arg(&target)
            .env("SMOLECHO_CONNECTIONS", connections.to_string())
            .current_dir(self.folder());
        run::run(&mut build)?;
        Ok(target.join(TARGET).join("release").join(self.name))
    }

    /// Builds it.
    pub(crate) fn build(&self, variant: Variant) -> Outcome<Firmware> {
        let target = target().join("boards");
        let mut build = command(&["cargo", "build", "--quiet", "--locked", "--release"]);
        build
            .args(["--no-default-features", "--features", variant.features, "--target-dir"])
            .arg(&target)
            .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", variant.optimization)
            .env("SMOLECHO_CONNECTIONS", variant.connections.to_string())
            .current_dir(self.folder());
        run::run(&mut build)?;
        let path = target.join(TARGET).join("release").join(self.name);
        Ok(Firmware { sizes: elf::sizes(&path)?, symbols: Symbols::read(&path)?, path })
    }
}
