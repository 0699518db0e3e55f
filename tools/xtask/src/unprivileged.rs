//! Runs the tests as an unprivileged user.

use std::{
    env, fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process,
};

use serde_json::Value;

use crate::{
    run::{Outcome, command, read, root, run, run_and_read},
    tree,
};

/// User and group `nobody`.
const NOBODY: &str = "65534";

/// Copies the tree to where every user can read it, builds the tests there and runs them as `nobody`.
pub(crate) fn tests() -> Outcome {
    if uid()? != 0 {
        println!("not root: the tests ran unprivileged before");
        return Ok(());
    }
    let copy = Copy::new()?;
    let tests = build(&copy)?;
    run(&mut command(&["chown", "--recursive", &format!("{NOBODY}:{NOBODY}"), &copy.path("")]))?;
    let may_open_tap = run(&mut as_nobody(&["sh", "-c", ": <> /dev/net/tun"])).is_ok();
    let mut said_why = false;
    for Test { executable, package } in &tests {
        let mut test = as_nobody(&[executable]);
        test.current_dir(package).env("CARGO_MANIFEST_DIR", package).env("HOME", copy.path(""));
        test.env_remove("SMOLECHO_REQUIRE_TAP");
        said_why |= run_and_read(&mut test)?.contains("ignored (no TAP: ");
    }
    if !may_open_tap && !said_why {
        return Err("`nobody` cannot open /dev/net/tun, and yet no test was ignored for it".into());
    }
    Ok(())
}

fn uid() -> Outcome<u32> {
    fs::metadata("/proc/self").map(|me| me.uid()).map_err(|error| format!("/proc/self: {error}"))
}

fn as_nobody(line: &[&str]) -> process::Command {
    let drop = ["setpriv", "--reuid", NOBODY, "--regid", NOBODY, "--clear-groups"];
    let mut command = command(&drop);
    command.args(line).current_dir("/");
    command
}

/// A copy of the tree; it is removed when dropped.
struct Copy(PathBuf);

impl Copy {
    fn new() -> Outcome<Copy> {
        let copy = Copy(env::temp_dir().join(format!("smolecho-nobody-{}", process::id())));
        for file in tree::files()? {
            copy.take(&file).map_err(|error| format!("{}: {error}", file.display()))?;
        }
        Ok(copy)
    }

    fn take(&self, file: &Path) -> std::io::Result<()> {
        let to = self.0.join("tree").join(file);
        fs::create_dir_all(to.parent().unwrap_or(&to))?;
        fs::copy(root().join(file), to).map(drop)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A test program, and the folder of its package, in which it runs.
#[derive(Debug, PartialEq, Eq)]
struct Test {
    executable: String,
    package: String,
}

fn build(copy: &Copy) -> Outcome<Vec<Test>> {
    let line = ["cargo", "test", "--no-run", "--quiet", "--message-format=json"];
    let mut build = command(&line);
    build.current_dir(copy.path("tree")).env("CARGO_TARGET_DIR", copy.path("target"));
    let tests: Vec<_> = read(&mut build)?.lines().filter_map(test).collect();
    if tests.is_empty() {
        return Err("cargo built no test".into());
    }
    Ok(tests)
}

/// The test program in a line of cargo's JSON, if there is one.
fn test(line: &str) -> Option<Test> {
    let message: Value = serde_json::from_str(line).ok()?;
    let executable = message["executable"].as_str()?.to_owned();
    let package = Path::new(message["manifest_path"].as_str()?).parent()?.display().to_string();
    // Cargo also builds the program itself, which is no test.
    message["profile"]["test"].as_bool()?.then_some(Test { executable, package })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_programs_are_found_in_cargos_words() {
        let line = r#"{"reason":"compiler-artifact","manifest_path":"/a/b/Cargo.toml","target":{"name":"c","test":true},"profile":{"test":true},"executable":"/t/c-1"}"#;
        let as_it_is = line.replace(r#""profile":{"test":true}"#, r#""profile":{"test":false}"#);
        assert_eq!(test(&as_it_is), None);
        let found = Test { executable: "/t/c-1".into(), package: "/a/b".into() };
        assert_eq!(test(line), Some(found));
        assert_eq!(test(&line.replace(r#""/t/c-1""#, "null")), None);
        assert_eq!(test(r#"{"reason":"build-finished","success":true}"#), None);
    }
}
