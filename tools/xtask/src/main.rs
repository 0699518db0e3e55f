//! Developer tasks: `cargo xtask ci`, `cargo xtask soak`, `cargo xtask sizes`.

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
cargo xtask ci [--from N]         what CI runs, all of it or from step N on; stops at the first failure
cargo xtask boards [--compare]    flash, RAM and instructions of each board, beside its budgets
cargo xtask boards --serve        each board under QEMU, with the tests of the host's TAP as its peers
cargo xtask fuzz [--seconds N]    hostile inputs for N seconds on each target (60)
cargo xtask goals FILE.json       the project's goals beside a run of smolecho bench --json FILE.json
cargo xtask miri                  the tests of borrowed memory, under Miri (nightly)
cargo xtask instructions          those of a round trip on this machine, beside smoltcp's part of it (--compare)
cargo xtask porting               the package that PORTING.md builds up, built and run under QEMU
cargo xtask soak [--minutes N]    the long transfers and the simulator, again and again for N minutes (once)
cargo xtask sizes                 flash of a program with a server, with each feature (thumbv7m)";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments[..] {
        ["ci"] => ci::run(1),
        ["ci", "--from", step] => match step.parse() {
            Ok(step) => ci::run(step),
            Err(_) => return usage(&format!("--from {step}: a step's number would do")),
        },
        ["boards"] => boards::run(Mode::Check),
        ["boards", "--compare"] => boards::run(Mode::Compare),
        ["boards", "--serve"] => boards::serve(),
        ["boards", "--record"] => boards::run(Mode::Record),
        ["fuzz"] => fuzz::run(60, None),
        ["fuzz", "--seconds", seconds] => match seconds.parse() {
            Ok(seconds) => fuzz::run(seconds, None),
            Err(_) => return usage(&format!("--seconds {seconds}: a whole number would do")),
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
            Err(_) => return usage(&format!("--minutes {minutes}: a whole number would do")),
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
