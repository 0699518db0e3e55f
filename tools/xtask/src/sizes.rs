//! Flash of the library on a Cortex-M3, with each of its features: `probe/`, a server without a board, is
//! built and measured.

use crate::{
    elf::Elf,
    run::{Outcome, command, read, root},
    tree,
};

const TARGET: &str = "thumbv7m-none-eabi";

pub(crate) fn run() -> Outcome {
    let bare = tree::bare_features()?;
    println!("{TARGET}, opt-level s, fat LTO; TCP and UDP echo, no board, no driver");
    println!("{:<24}{:>10}{:>12}", "feature", "flash", "beside none");
    let none = row("none", "", None)?;
    for feature in &bare {
        row(feature, feature, Some(none))?;
    }
    row("all of them", &bare.join(","), Some(none))?;
    Ok(())
}

fn row(name: &str, features: &str, none: Option<u64>) -> Outcome<u64> {
    let manifest = root().join("tools/xtask/probe/Cargo.toml");
    let target = root().join("target/sizes");
    let mut build = command(&["cargo", "build", "--quiet", "--release", "--target", TARGET]);
    build.arg("--manifest-path").arg(manifest).arg("--target-dir").arg(&target);
    read(build.args(["--features", features]))?;
    let sizes = Elf::read(&target.join(TARGET).join("release/probe"))?.sizes()?;
    let flash = sizes.text + sizes.data;
    let more = none.map(|none| format!("{:+}", flash.cast_signed() - none.cast_signed()));
    let more = more.unwrap_or_default();
    println!("{name:<24}{flash:>10}{more:>12}");
    Ok(flash)
}
