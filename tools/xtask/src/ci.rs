//! The steps of CI, in order.

use std::time::Instant;

use crate::{
    boards,
    budgets::Mode,
    fuzz, instructions, miri, msrv, porting, readme,
    run::{self, Outcome, command, run_and_read},
    sizes, soak, tree, unprivileged,
};

/// A step's name and its task.
type Step = (&'static str, fn() -> Outcome);

const STEPS: &[Step] = &[
    ("lock files", tree::locks),
    ("tests, as the README says", tests),
    ("tests of the tasks", || {
        cargo(&["test", "--package", "xtask", "--package", "smolecho-upstream"])
    }),
    ("tests as an unprivileged user", unprivileged::tests),
    ("long transfers", soak::slice),
    ("simulation", || soak::simulate(Some(1))),
    ("Miri", miri::check),
    ("fuzzing", || fuzz::run(60, Some(1))),
    ("format", || cargo(&["fmt", "--all", "--check"])),
    ("lints", || cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])),
    ("documentation", documentation),
    ("no_std", no_std),
    ("sizes", sizes::run),
    ("boards: drivers", boards::check),
    ("boards: echo under QEMU", boards::serve),
    ("boards: figures", || boards::run(Mode::Compare)),
    ("instructions", || instructions::run(Mode::Compare)),
    ("the guide to porting", porting::check),
    ("oldest compiler", msrv::check),
    ("example: streams", || cargo(&["run", "--example", "loopback"])),
    ("example: datagrams", || cargo(&["run", "--example", "datagrams"])),
    ("demo", demo),
    ("bench: everything once, and the kernel twice", bench),
    ("to-dos", tree::todos),
];

/// Targets without an operating system.
const BARE: &[&str] = &["thumbv7m-none-eabi", "thumbv6m-none-eabi"];

/// Runs the steps from number `first` on, and stops at the first that fails.
pub(crate) fn run(first: usize) -> Outcome {
    let (start, before) = (Instant::now(), tree::status()?);
    let count = STEPS.len();
    if !(1..=count).contains(&first) {
        return Err(format!("--from {first}: the steps are 1 to {count}"));
    }
    for (number, (name, step)) in (1..).zip(STEPS).skip(first - 1) {
        let start = Instant::now();
        println!("\n[{number}/{count}] {name}");
        step().map_err(|reason| format!("[{number}/{count}] {name}: {reason}"))?;
        println!("[{number}/{count}] {name}: ok, {:.1} s", start.elapsed().as_secs_f64());
    }
    // A developer may have changed files before; in CI the tree is clean.
    let after = tree::status()?;
    if after != before {
        return Err(format!("a step changed files; git status:\n{after}"));
    }
    println!("\nci: steps {first} to {count} ok, {:.1} s", start.elapsed().as_secs_f64());
    Ok(())
}

fn cargo(arguments: &[&str]) -> Outcome {
    run::run(command(&["cargo"]).args(arguments))
}

/// The test command of the README, doctests included.
fn tests() -> Outcome {
    let mut output = String::new();
    for line in readme::test_commands()? {
        output += &run_and_read(&mut command(&["sh", "-ec", &line]))?;
    }
    if !output.contains("Doc-tests smolecho") {
        return Err("the README's test command runs no doctests".into());
    }
    Ok(())
}

fn documentation() -> Outcome {
    let mut doc = command(&["cargo", "doc", "--workspace", "--no-deps"]);
    run::run(doc.env("RUSTDOCFLAGS", "-D warnings"))
}

/// Builds without std: no feature, each by itself, and all.
fn no_std() -> Outcome {
    let free = tree::bare_features()?;
    let mut sets = vec![String::new()];
    sets.extend(free.iter().cloned());
    sets.push(free.join(","));
    for target in BARE {
        for set in &sets {
            cargo(&["build", "--package", "smolecho", "--target", target, "--features", set])?;
        }
    }
    Ok(())
}

/// `cargo run`. With SMOLECHO_REQUIRE_TAP=1 it must have used a TAP.
fn demo() -> Outcome {
    let output = run_and_read(&mut command(&["cargo", "run", "--release"]))?;
    if soak::requires_tap() && !output.contains("over the TAP") {
        return Err("the demo did not run over a TAP, and SMOLECHO_REQUIRE_TAP=1".into());
    }
    Ok(())
}

/// Runs every measurement once, briefly. Then it measures the kernel's echo twice: the two results must agree.
fn bench() -> Outcome {
    if !soak::requires_tap() {
        println!("skipped: needs a TAP, and SMOLECHO_REQUIRE_TAP is not 1");
        return Ok(());
    }
    cargo(&["run", "--release", "--", "bench", "--quick"])?;
    let file = run::target().join("bench-again.json");
    let measure = |more: &[&str]| {
        let mut bench = command(&["cargo", "run", "--release", "--", "bench", "--rounds", "7"]);
        bench.args(["--peers", "kernel", "--only", "tcp-rtt-14,udp-rtt-14"]);
        run_and_read(bench.args(more).arg("--json").arg(&file))
    };
    measure(&[])?;
    let known = file.to_string_lossy();
    // Other load on this machine may disturb some of the five comparisons.
    for _ in 0..5 {
        if measure(&["--compare", &known])?.contains("  0 of 2 outside the noise") {
            return Ok(());
        }
    }
    Err("in 5 comparisons the kernel's echo was never as fast as before".into())
}
