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

use std::{env, process::ExitCode, str::FromStr};

use budgets::Mode;
use run::Outcome;

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

/// A command line that names no task, and why.
struct Usage(String);

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match task(&arguments) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(reason)) => {
            eprintln!("error: {reason}");
            ExitCode::FAILURE
        }
        Err(Usage(problem)) => {
            eprintln!("error: {problem}\n{USAGE}");
            ExitCode::from(2)
        }
    }
}

fn task(arguments: &[&str]) -> Result<Outcome, Usage> {
    Ok(match *arguments {
        ["ci"] => ci::run(1),
        ["ci", option @ "--from", step] => ci::run(number(option, step)?),
        ["boards"] => boards::run(Mode::Check),
        ["boards", "--compare"] => boards::run(Mode::Compare),
        ["boards", "--record"] => boards::run(Mode::Record),
        ["boards", "--serve"] => boards::serve(),
        ["fuzz"] => fuzz::run(60, None),
        ["fuzz", option @ "--seconds", seconds] => fuzz::run(number(option, seconds)?, None),
        ["goals", file] => goals::report(file),
        ["miri"] => miri::check(),
        ["instructions"] => instructions::run(Mode::Check),
        ["instructions", "--compare"] => instructions::run(Mode::Compare),
        ["instructions", "--record"] => instructions::run(Mode::Record),
        ["porting"] => porting::check(),
        ["sizes"] => sizes::run(),
        ["soak"] => soak::run(0),
        ["soak", option @ "--minutes", minutes] => soak::run(number(option, minutes)?),
        [] | ["help" | "--help" | "-h"] => {
            println!("{USAGE}");
            Ok(())
        }
        _ => return Err(Usage(format!("no such task: {}", arguments.join(" ")))),
    })
}

fn number<T: FromStr>(option: &str, text: &str) -> Result<T, Usage> {
    text.parse().map_err(|_| Usage(format!("{option} {text}: expected a whole number")))
}
