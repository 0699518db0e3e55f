//! The boards, and how their firmware is built.

use std::{fs, path::PathBuf, process::Command};

use crate::{
    elf::{Elf, Sizes},
    run::{self, Outcome, command, read, root, target},
    runner,
};

/// A board under `examples/boards/`.
pub(crate) struct Board {
    /// Its folder, package and program.
    pub(crate) name: &'static str,
    target: &'static str,
    /// Instructions per tick of its stopwatch when each takes one nanosecond; `None` if QEMU does not emulate it.
    pub(crate) instructions_per_tick: Option<u64>,
}

/// Every board.
pub(crate) const BOARDS: &[Board] = &[
    Board { name: "qemu-lm3s6965", target: "thumbv7m-none-eabi", instructions_per_tick: Some(20) },
    Board {
        name: "qemu-mps2-an385",
        target: "thumbv7m-none-eabi",
        instructions_per_tick: Some(40),
    },
    Board {
        name: "qemu-riscv32-virt",
        target: "riscv32imac-unknown-none-elf",
        instructions_per_tick: Some(1),
    },
    Board { name: "nucleo-h743zi", target: "thumbv7em-none-eabihf", instructions_per_tick: None },
    Board { name: "nucleo-f767zi", target: "thumbv7em-none-eabihf", instructions_per_tick: None },
    Board { name: "w5500-evb-pico", target: "thumbv6m-none-eabi", instructions_per_tick: None },
];

/// Whether each target's standard library is installed.
pub(crate) fn are_targets_installed() -> Outcome {
    let sysroot = read(&mut command(&["rustc", "--print", "sysroot"]))?;
    let library = PathBuf::from(sysroot.trim()).join("lib/rustlib");
    let is_missing = |target: &&str| !library.join(target).is_dir();
    match BOARDS.iter().map(|board| board.target).find(is_missing) {
        None => Ok(()),
        Some(target) => Err(format!("the target {target} is missing: rustup target add {target}")),
    }
}

/// A way of building the firmware.
#[derive(Clone, Copy)]
pub(crate) struct Variant {
    pub(crate) features: &'static str,
    pub(crate) optimization: &'static str,
    pub(crate) connections: usize,
}

/// The variant that the budgets are for.
pub(crate) const PLAIN: Variant = Variant { features: "ipv6", optimization: "s", connections: 4 };

/// A firmware, built.
pub(crate) struct Firmware {
    pub(crate) path: PathBuf,
    pub(crate) sizes: Sizes,
    pub(crate) elf: Elf,
}

impl Board {
    /// Whether QEMU emulates it.
    pub(crate) fn is_emulated(&self) -> bool {
        self.instructions_per_tick.is_some()
    }

    fn folder(&self) -> PathBuf {
        root().join("examples/boards").join(self.name)
    }

    /// Checks format and lints, and tests the driver against a model of the MAC if the driver is the board's own.
    pub(crate) fn check(&self) -> Outcome {
        let run = |line: &[&str]| {
            let target = target().join("boards");
            run::run(command(line).env("CARGO_TARGET_DIR", target).current_dir(self.folder()))
        };
        run(&["cargo", "fmt", "--all", "--check"])?;
        let features: &[&str] = if self.is_emulated() { &[""] } else { &["", "dhcp"] };
        for feature in features {
            let clippy = ["cargo", "clippy", "--quiet", "--locked", "--release", "--features"];
            run(&[&clippy[..], &[feature, "--", "-D", "warnings"]].concat())?;
        }
        if self.folder().join("src/lib.rs").is_file() {
            run(&["cargo", "test", "--quiet", "--locked", "--target", "host-tuple"])?;
        }
        Ok(())
    }

    /// The command that `cargo run` starts the firmware with.
    pub(crate) fn runner(&self) -> Outcome<Vec<String>> {
        let path = self.folder().join(".cargo/config.toml");
        let at = |error: String| format!("{}: {error}", path.display());
        let text = fs::read_to_string(&path).map_err(|error| at(error.to_string()))?;
        runner::words(&text).ok_or_else(|| at("no runner = [\"…\"]".into()))
    }

    /// Builds the firmware as `cargo run --release` does, with memory for `connections`.
    pub(crate) fn build_usual(&self, connections: usize, features: &str) -> Outcome<PathBuf> {
        self.compile(connections, |build| build.args(["--features", features]))
    }

    /// Builds a variant.
    pub(crate) fn build(&self, variant: Variant) -> Outcome<Firmware> {
        let path = self.compile(variant.connections, |build| {
            build
                .args(["--no-default-features", "--features", variant.features])
                .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", variant.optimization)
        })?;
        let elf = Elf::read(&path)?;
        Ok(Firmware { sizes: elf.sizes()?, elf, path })
    }

    fn compile(
        &self,
        connections: usize,
        options: impl FnOnce(&mut Command) -> &mut Command,
    ) -> Outcome<PathBuf> {
        let target = target().join("boards");
        let mut build = command(&["cargo", "build", "--quiet", "--locked", "--release"]);
        build
            .arg("--target-dir")
            .arg(&target)
            .env("SMOLECHO_CONNECTIONS", connections.to_string())
            .current_dir(self.folder());
        run::run(options(&mut build))?;
        Ok(target.join(self.target).join("release").join(self.name))
    }
}
