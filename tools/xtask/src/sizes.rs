//! What the library takes on a Cortex-M3, with each of its features: a program with a server and no
//! board (`probe/`), built and weighed.

use crate::{
    elf,
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

fn row(name: &str, features: &str, none: Option<u32>) -> Outcome<u32> {
    let manifest = root().join("tools/xtask/probe/Cargo.toml");
    let target = root().join("target/sizes");
    let mut build = command(&["cargo", "build", "--quiet", "--release", "--target", TARGET]);
    build.arg("--manifest-path").arg(manifest).arg("--target-dir").arg(&target);
    read(build.args(["--features", features]))?;
    let sizes = elf::sizes(&target.join(TARGET).join("release/probe"))?;
    let flash = sizes.text + sizes.data;
    let more =
        none.map_or(String::new(), |none| format!("{:+}", i64::from(flash) - i64::from(none)));
    println!("{name:<24}{flash:>10}{more:>12}");
    Ok(flash)
}
