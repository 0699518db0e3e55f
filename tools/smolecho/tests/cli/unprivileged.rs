//! Without privileges the program exits with status 3 and names the command that helps.

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
    ("unprivileged::a_tap_is_refused_with_the_remedy", refused),
    ("unprivileged::the_demo_runs_anyway", demo),
];

const UNUSED: u32 = 65534;

/// A copy that every user can run; the build folder may be closed to others.
static COPY: LazyLock<PathBuf> =
    LazyLock::new(|| std::env::temp_dir().join(format!("smolecho-{}", std::process::id())));

/// Makes the copy before any thread starts: a file open for writing cannot be run, and each process started
/// meanwhile holds it open for a moment. Returns why nothing can be run without privileges.
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

/// A command as user nobody if root, otherwise as the current user.
fn unprivileged(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    if Uid::effective().is_root() {
        command.uid(UNUSED).gid(UNUSED);
    }
    command.current_dir("/");
    command
}

fn run(args: &[&str]) -> Run {
    Running::spawn(unprivileged(&*COPY).args(args)).finish()
}

/// Without `--private`, which gives every user a TAP.
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
