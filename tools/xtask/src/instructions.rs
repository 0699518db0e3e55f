//! Instructions of a round trip on this machine, counted by callgrind: exact, and the same on every run.

use std::process::{Command, Stdio};

use crate::{
    budgets::{Budgets, Figure, Mode},
    run::{Outcome, command, read, root, run as run_command},
};

const VALGRIND: &str = "valgrind";

/// Round trips that are averaged.
const ROUNDS: u64 = 1000;

/// The functions of `trips` whose instructions are counted, with all that they call.
const COUNTED: [&str; 3] = ["turn", "ingress", "egress"];

/// Makes glibc's memcpy the same on every processor, and with it the figures.
const SAME_COPYING: (&str, &str) =
    ("GLIBC_TUNABLES", "glibc.cpu.hwcaps=-AVX_Fast_Unaligned_Load,-ERMS");

/// Counts. Fails if a figure exceeds its budget by more than 1 %.
pub(crate) fn run(mode: Mode) -> Outcome {
    is_installed()?;
    let target = root().join("target/trips");
    let manifest = root().join("tools/xtask/trips/Cargo.toml");
    let mut build = command(&["cargo", "build", "--quiet", "--locked", "--release"]);
    run_command(build.arg("--manifest-path").arg(manifest).arg("--target-dir").arg(&target))?;

    let count = |arguments: &[&str]| {
        let mut valgrind =
            command(&[VALGRIND, "--tool=callgrind", "--callgrind-out-file=/dev/null"]);
        let rounds = ROUNDS.to_string();
        valgrind
            .args(COUNTED.map(|name| format!("--toggle-collect=trips::counted::{name}")))
            .args(["--log-fd=1"])
            .arg(target.join("release/trips"))
            .args(arguments)
            .arg(&rounds)
            .env(SAME_COPYING.0, SAME_COPYING.1);
        collected(&read(&mut valgrind)?)
    };
    let alone = count(&["node", "1"])?;
    let among = count(&["node", "10000"])?;
    let smoltcp = count(&["smoltcp"])?;

    let mut budgets = Budgets::read()?;
    let figures = [
        Figure::new("tcp-14", alone / ROUNDS),
        Figure::new("tcp-14-permille-of-smoltcp", 1000 * alone / smoltcp),
        Figure::new("tcp-14-permille-among-10000", 1000 * among / alone),
    ];
    budgets.hold("host", &figures, mode)?;
    budgets.settle(mode)
}

fn is_installed() -> Outcome {
    match Command::new(VALGRIND).arg("--version").stdout(Stdio::null()).status() {
        Ok(status) if status.success() => Ok(()),
        _ => Err(format!("{VALGRIND} is missing: apt-get install {VALGRIND}")),
    }
}

/// The total that callgrind prints at its end.
fn collected(report: &str) -> Outcome<u64> {
    let sum = report.lines().find_map(|line| line.split_once("Collected : "));
    match sum.and_then(|(_, sum)| sum.trim().parse().ok()) {
        None | Some(0) => Err(format!("{VALGRIND} counted nothing:\n{report}")),
        Some(sum) => Ok(sum),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_is_read_and_nothing_counted_is_a_failure() {
        assert_eq!(collected("==1== Events    : Ir\n==1== Collected : 3880030\n"), Ok(3_880_030));
        assert!(collected("==1== Collected : 0\n").is_err());
        assert!(collected("").is_err());
    }
}
