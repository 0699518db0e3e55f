//! PORTING.md, followed to the letter: the package that it builds up, built and run under QEMU.

use std::{
    env, fs,
    io::{self, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket},
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

/// Where the guide lets the board be reached.
const PLACE: &str = "127.0.0.1:12345";

/// A machine that is busy takes long to start another.
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
    let target = env::var_os("CARGO_TARGET_DIR").map_or(root().join("target"), PathBuf::from);
    let target = target.join("boards");
    let mut build = command(&["cargo", "build", "--quiet", "--release", "--target-dir"]);
    run::run(build.arg(&target).current_dir(&package))?;

    let runner = runner::words(&text).ok_or("PORTING.md: there is no runner")?;
    let firmware = target.join("thumbv7m-none-eabi/release/my-board");
    let _machine = Machine::start(&runner, &firmware)?;
    echoes("TCP", || tcp(place))?;
    echoes("UDP", || udp(place))
}

/// The files that the guide shows: a path in bold letters, then a block.
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

/// A folder with the package in it and, beside the package, the repository.
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

/// The board that QEMU emulates; it ends with this value.
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

/// Tries until there is an echo: QEMU takes connections before the board does.
fn echoes(protocol: &str, mut attempt: impl FnMut() -> io::Result<bool>) -> Outcome {
    let start = Instant::now();
    loop {
        let outcome = attempt();
        match outcome {
            Ok(true) => {
                println!("the board of PORTING.md echoes over {protocol}");
                return Ok(());
            }
            _ if start.elapsed() < PATIENCE => thread::sleep(Duration::from_millis(100)),
            Ok(false) => return Err(format!("the echo over {protocol} is not what was sent")),
            Err(error) => return Err(format!("no echo over {protocol}: {error}")),
        }
    }
}

const MESSAGE: &[u8] = b"Hello, Server!";

fn tcp(place: SocketAddr) -> io::Result<bool> {
    let mut stream = TcpStream::connect(place)?;
    stream.set_read_timeout(Some(Duration::from_secs(2)))?;
    stream.write_all(MESSAGE)?;
    let mut echo = [0; MESSAGE.len()];
    stream.read_exact(&mut echo)?;
    Ok(echo == MESSAGE)
}

fn udp(place: SocketAddr) -> io::Result<bool> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    socket.set_read_timeout(Some(Duration::from_secs(2)))?;
    socket.send_to(MESSAGE, place)?;
    let mut echo = [0; 2 * MESSAGE.len()];
    let (n, _) = socket.recv_from(&mut echo)?;
    Ok(echo[..n] == *MESSAGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_the_blocks_behind_a_path() {
        let text = "```sh\nno\n```\n**`a/b.rs`**\n\n```rust\none\ntwo\n```\n```\nno\n```\n**`c`**\n```\n```\n";
        assert_eq!(files(text), [("a/b.rs", "one\ntwo\n".into()), ("c", String::new())]);
    }
}
