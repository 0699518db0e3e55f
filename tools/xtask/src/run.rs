//! Runs commands: prints each before it starts, and names it when it fails.

use std::{
    env,
    ffi::OsStr,
    io::{self, Read, Write},
    path::PathBuf,
    process::{Command, Stdio},
    thread,
};

/// Why a step failed.
pub(crate) type Outcome<T = ()> = Result<T, String>;

/// The root of the repository, where commands run by default.
pub(crate) fn root() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "..", ".."].iter().collect()
}

/// Cargo's target directory.
pub(crate) fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or(root().join("target"), PathBuf::from)
}

/// A command at the root, without standard input.
pub(crate) fn command(line: &[&str]) -> Command {
    let mut command = Command::new(line[0]);
    command.args(&line[1..]).current_dir(root()).stdin(Stdio::null());
    command
}

/// Runs a command that prints to this program's output.
pub(crate) fn run(command: &mut Command) -> Outcome {
    println!("$ {}", shown(command));
    let status = command.status().map_err(|error| not_started(command, &error))?;
    check(command, status)
}

/// Runs a command that prints to this program's output, and returns both streams.
pub(crate) fn run_and_read(command: &mut Command) -> Outcome<String> {
    println!("$ {}", shown(command));
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| not_started(command, &error))?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let text = thread::scope(|scope| {
        let errors = scope.spawn(|| tee(stderr, io::stderr()));
        let text = tee(stdout, io::stdout());
        text + &errors.join().unwrap_or_default()
    });
    let status = child.wait().map_err(|error| not_started(command, &error))?;
    check(command, status).map(|()| text)
}

/// Runs a command and returns its standard output without printing it.
pub(crate) fn read(command: &mut Command) -> Outcome<String> {
    let output =
        command.stderr(Stdio::inherit()).output().map_err(|error| not_started(command, &error))?;
    check(command, output.status)?;
    String::from_utf8(output.stdout)
        .map_err(|_| format!("`{}` did not print UTF-8", shown(command)))
}

fn tee(from: Option<impl Read>, mut to: impl Write) -> String {
    let (mut bytes, mut buffer) = (Vec::new(), [0; 4096]);
    let Some(mut from) = from else { return String::new() };
    while let Ok(n @ 1..) = from.read(&mut buffer) {
        // A closed output must not end the command.
        let _ = to.write_all(&buffer[..n]).and_then(|()| to.flush());
        bytes.extend_from_slice(&buffer[..n]);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn check(command: &Command, status: std::process::ExitStatus) -> Outcome {
    if status.success() {
        return Ok(());
    }
    Err(format!("`{}` ended with {status}", shown(command)))
}

fn not_started(command: &Command, error: &io::Error) -> String {
    format!("`{}` cannot be run: {error}", shown(command))
}

/// The command as typed in a shell.
fn shown(command: &Command) -> String {
    let variables = command.get_envs().filter_map(|(name, value)| {
        Some(format!("{}={}", name.display(), quoted(value?.display().to_string())))
    });
    let words = [command.get_program()].into_iter().chain(command.get_args());
    let words = words.map(OsStr::display).map(|word| quoted(word.to_string()));
    variables.chain(words).collect::<Vec<_>>().join(" ")
}

fn quoted(word: String) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_=+,./:@#".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) { word } else { format!("'{word}'") }
}
