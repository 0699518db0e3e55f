//! Developer tasks; `cargo xtask help` lists them.

mod boards;
mod budgets;
mod ci;
mod elf;
mod fuzz;
mod goals;
mod instructions;
mod miri;
mod msrv;
mod porting;
mod readme;
mod run;
mod runner;
mod sizes;
mod soak;
mod tree;
mod unprivileged;

use std::{env, process::ExitCode};

use budgets::Mode;

const USAGE: &str = "\
cargo xtask ci [--from N]         run every step of CI, or step N and those after it; stop at the first failure
cargo xtask boards [--compare]    measure flash, RAM and instructions of each board against its budgets
cargo xtask boards --record       measure the boards and record the figures in tools/sizes.toml
cargo xtask boards --serve        run each board under QEMU and test it over a TAP
cargo xtask fuzz [--seconds N]    run each fuzz target for N seconds (default: 60)
cargo xtask goals FILE.json       compare the project's goals with a run of smolecho bench --json FILE.json
cargo xtask miri                  run the tests of borrowed memory under Miri (needs nightly)
cargo xtask instructions          count the instructions of a round trip on this machine (--compare, --record)
cargo xtask porting               build the package that PORTING.md describes and run it under QEMU
cargo xtask soak [--minutes N]    repeat long transfers, the simulator and fuzzing for N minutes (default: once)
cargo xtask sizes                 measure the flash of a server with each feature (thumbv7m)

--compare shows the change since the figures were recorded.";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments[..] {
        ["ci"] => ci::run(1),
        ["ci", "--from", step] => match step.parse() {
            Ok(step) => ci::run(step),
            Err(_) => return usage(&format!("--from {step}: expected the number of a step")),
        },
        ["boards"] => boards::run(Mode::Check),
        ["boards", "--compare"] => boards::run(Mode::Compare),
        ["boards", "--serve"] => boards::serve(),
        ["boards", "--record"] => boards::run(Mode::Record),
        ["fuzz"] => fuzz::run(60, None),
        ["fuzz", "--seconds", seconds] => match seconds.parse() {
            Ok(seconds) => fuzz::run(seconds, None),
            Err(_) => return usage(&format!("--seconds {seconds}: expected a whole number")),
        },
        ["goals", file] => goals::report(file),
        ["miri"] => miri::check(),
        ["instructions"] => instructions::run(Mode::Check),
        ["instructions", "--compare"] => instructions::run(Mode::Compare),
        ["instructions", "--record"] => instructions::run(Mode::Record),
        ["porting"] => porting::check(),
        ["sizes"] => sizes::run(),
        ["soak"] => soak::run(0),
        ["soak", "--minutes", minutes] => match minutes.parse() {
            Ok(minutes) => soak::run(minutes),
            Err(_) => return usage(&format!("--minutes {minutes}: expected a whole number")),
        },
        [] | ["help" | "--help" | "-h"] => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        _ => return usage(&format!("no such task: {}", arguments.join(" "))),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("error: {reason}");
            ExitCode::FAILURE
        }
    }
}

fn usage(problem: &str) -> ExitCode {
    eprintln!("error: {problem}\n{USAGE}");
    ExitCode::from(2)
}
