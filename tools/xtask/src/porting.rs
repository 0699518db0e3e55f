//! Follows PORTING.md to the letter: builds the package that it describes and runs it under QEMU.

use std::{
    env, fs,
    io::{self, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{self, Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::{
    run::{self, Outcome, command, root},
    runner,
};

/// The address of the board in the guide.
const PLACE: &str = "127.0.0.1:12345";

/// On a busy host QEMU starts slowly.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn check() -> Outcome {
    let text = fs::read_to_string(root().join("PORTING.md"))
        .map_err(|error| format!("PORTING.md: {error}"))?;
    let place = unused_place().map_err(|error| format!("no port is free: {error}"))?;
    let text = text.replace(PLACE, &place.to_string());
    let desk = Desk::new().map_err(|error| format!("a folder for the package: {error}"))?;
    let package = desk.0.join("my-board");
    for (path, contents) in files(&text) {
        let path = package.join(path);
        let folder = path.parent().unwrap_or(&package);
        fs::create_dir_all(folder)
            .and_then(|()| fs::write(&path, contents))
            .map_err(|error| format!("{}: {error}", path.display()))?;
    }
    let target = run::target().join("boards");
    let mut build = command(&["cargo", "build", "--quiet", "--release", "--target-dir"]);
    run::run(build.arg(&target).current_dir(&package))?;

    let runner = runner::words(&text).ok_or("PORTING.md: no runner = [\"…\"]")?;
    let firmware = target.join("thumbv7m-none-eabi/release/my-board");
    let _machine = Machine::start(&runner, &firmware)?;
    echoes(place)?;
    probes(&text).try_for_each(|arguments| smolecho(&arguments))?;
    only(&text).try_for_each(|name| smolecho(&["probe", "--list", "--only", name]))
}

/// The `smolecho` commands in the guide's code blocks.
fn probes(text: &str) -> impl Iterator<Item = Vec<&str>> {
    let lines = text.lines().filter_map(|line| line.strip_prefix("cargo run --release -- "));
    lines.map(|line| line.split(' ').collect())
}

/// The arguments of `--only` in the guide's text.
fn only(text: &str) -> impl Iterator<Item = &str> {
    text.split("`smolecho probe ").skip(1).filter_map(|rest| {
        let (command, _) = rest.split_once('`')?;
        Some(command.split_once(" --only ")?.1)
    })
}

fn smolecho(arguments: &[&str]) -> Outcome {
    run::run(command(&["cargo", "run", "--quiet", "--release", "--"]).args(arguments))
}

/// The files in the guide: a path in bold, then a code block.
fn files(text: &str) -> Vec<(&str, String)> {
    let mut lines = text.lines();
    let mut files = Vec::new();
    while let Some(line) = lines.next() {
        let path = line.strip_prefix("**`").and_then(|line| line.strip_suffix("`**"));
        let Some(path) = path else { continue };
        let block = lines.by_ref().skip_while(|line| !line.starts_with("```")).skip(1);
        let contents = block.take_while(|line| !line.starts_with("```"));
        files.push((path, contents.map(|line| format!("{line}\n")).collect()));
    }
    files
}

/// A temporary folder with the package and, beside it, the repository.
struct Desk(PathBuf);

impl Desk {
    fn new() -> io::Result<Desk> {
        let desk = Desk(env::temp_dir().join(format!("smolecho-porting-{}", process::id())));
        fs::create_dir_all(&desk.0)?;
        symlink(fs::canonicalize(root())?, desk.0.join("smolecho"))?;
        Ok(desk)
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The board under QEMU; it is killed when dropped.
struct Machine(Child);

impl Machine {
    fn start(runner: &[String], firmware: &Path) -> Outcome<Machine> {
        let [program, arguments @ ..] = runner else { return Err("the runner is empty".into()) };
        let mut machine = Command::new(program);
        machine.args(arguments).arg(firmware).stdin(Stdio::null());
        let process = machine.spawn().map_err(|error| format!("{program}: {error}"))?;
        Ok(Machine(process))
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn unused_place() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

/// Retries until there is an echo: QEMU accepts connections before the board does.
fn echoes(place: SocketAddr) -> Outcome {
    let start = Instant::now();
    loop {
        match echo(place) {
            Ok(true) => return Ok(()),
            _ if start.elapsed() < PATIENCE => thread::sleep(Duration::from_millis(100)),
            Ok(false) => return Err("the echo is not what was sent".into()),
            Err(error) => return Err(format!("no echo: {error}")),
        }
    }
}

const MESSAGE: &[u8] = b"Hello, Server!";

fn echo(place: SocketAddr) -> io::Result<bool> {
    let mut stream = TcpStream::connect(place)?;
    stream.set_read_timeout(Some(Duration::from_secs(2)))?;
    stream.write_all(MESSAGE)?;
    let mut echo = [0; MESSAGE.len()];
    stream.read_exact(&mut echo)?;
    Ok(echo == MESSAGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_the_blocks_behind_a_path() {
        let text = "```sh\nno\n```\n**`a/b.rs`**\n\n```rust\none\ntwo\n```\n```\nno\n```\n**`c`**\n```\n```\n";
        assert_eq!(files(text), [("a/b.rs", "one\ntwo\n".into()), ("c", String::new())]);
    }

    #[test]
    fn its_commands_are_found() {
        let text = "| `smolecho probe a:1 --only tcp,udp` | `smolecho probe a:1` |\ncargo run --release -- probe b:2\n";
        assert!(probes(text).eq([["probe", "b:2"]]));
        assert!(only(text).eq(["tcp,udp"]));
    }
}
