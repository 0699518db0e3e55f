//! The boards, and how their firmware is built.

use std::{fs, path::PathBuf};

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
    /// With an instruction a nanosecond, those in a tick of its stopwatch; `None` if QEMU does not know it.
    pub(crate) instructions_per_tick: Option<u64>,
}

/// All of them.
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

/// The targets' standard libraries, or how to get them.
pub(crate) fn are_targets_installed() -> Outcome {
    let sysroot = read(&mut command(&["rustc", "--print", "sysroot"]))?;
    let library = PathBuf::from(sysroot.trim()).join("lib/rustlib");
    let is_missing = |target: &&str| !library.join(target).is_dir();
    match BOARDS.iter().map(|board| board.target).find(is_missing) {
        None => Ok(()),
        Some(target) => Err(format!("the target {target} is missing: rustup target add {target}")),
    }
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
    pub(crate) sizes: Sizes,
    pub(crate) elf: Elf,
}

impl Board {
    /// Whether QEMU knows it.
    pub(crate) fn is_emulated(&self) -> bool {
        self.instructions_per_tick.is_some()
    }

    fn folder(&self) -> PathBuf {
        root().join("examples/boards").join(self.name)
    }

    /// Its format, its lints, and its driver against the model, if the driver is ours.
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

    /// How `cargo run` starts it.
    pub(crate) fn runner(&self) -> Outcome<Vec<String>> {
        let path = self.folder().join(".cargo/config.toml");
        let at = |error: String| format!("{}: {error}", path.display());
        let text = fs::read_to_string(&path).map_err(|error| at(error.to_string()))?;
        runner::words(&text).ok_or_else(|| at("there is no runner".into()))
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
        Ok(target.join(self.target).join("release").join(self.name))
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
        let path = target.join(self.target).join("release").join(self.name);
        let elf = Elf::read(&path)?;
        Ok(Firmware { sizes: elf.sizes()?, elf, path })
    }
}
