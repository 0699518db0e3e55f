//! Without privileges: refused with status 3 and the command that mends it.

use std::ffi::OsStr;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;
use std::sync::LazyLock;

use libtest_mimic::Failed;
use nix::unistd::Uid;

use crate::Case;
use crate::program::{PROGRAM, Run, Running, ensure};

pub(crate) const CASES: &[Case] = &[
    ("unprivileged::a_tap_is_refused_with_the_mend", refused),
    ("unprivileged::the_demo_runs_anyway", demo),
];

const NOBODY: u32 = 65534;

/// Where everybody can run the program: the folder where it was built may be closed to others.
static COPY: LazyLock<PathBuf> =
    LazyLock::new(|| std::env::temp_dir().join(format!("smolecho-{}", std::process::id())));

/// Makes the copy, before there are threads: a file that one of them still writes cannot be run, and
/// every process that they start in the meantime holds it open for a moment. Says why nothing can be
/// run without privileges here, if so.
pub(crate) fn prepare() -> Option<String> {
    let run = || {
        std::fs::copy(PROGRAM, &*COPY)?;
        unprivileged(&*COPY).arg("--version").output()
    };
    run().err().map(|error| format!("no other user to run as: {error}"))
}

/// Removes the copy.
pub(crate) fn clear() {
    let _ = std::fs::remove_file(&*COPY);
}

/// A program that root runs as nobody, and anybody else as themselves.
fn unprivileged(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    if Uid::effective().is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command.current_dir("/");
    command
}

fn run(args: &[&str]) -> Run {
    Running::spawn(unprivileged(&*COPY).args(args)).finish()
}

/// Not `--private`: there anybody may make a TAP.
fn refused() -> Result<(), Failed> {
    for args in [&["serve", "--tap", "unused9"][..], &["client", "192.168.69.100:1"]] {
        let run = run(args);
        let (status, said) = run.verdict();
        ensure(status == 3, || format!("{args:?}: status 3 expected: {run:#?}"))?;
        ensure(said.contains("sudo "), || format!("{args:?}: no mend in {said:?}"))?;
    }
    Ok(())
}

fn demo() -> Result<(), Failed> {
    crate::demo::check(&run(&[]))
}
