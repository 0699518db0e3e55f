//! A board that QEMU runs, and its memory.

use std::{
    io::{BufRead, BufReader, Write},
    net::SocketAddr,
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use super::firmware::Board;
use crate::run::Outcome;

/// Whether the emulator of a board is installed.
pub(crate) fn is_installed(board: &Board) -> Outcome {
    let runner = board.runner()?;
    let qemu = runner.first().ok_or("the runner is empty")?;
    match Command::new(qemu).arg("--version").stdout(Stdio::null()).status() {
        Ok(status) if status.success() => Ok(()),
        _ => Err(format!("{qemu} is missing: apt-get install qemu-system-arm qemu-system-misc")),
    }
}

/// A running board; it is killed when dropped.
pub(crate) struct Machine {
    process: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Machine {
    /// Starts a firmware. Each instruction takes one nanosecond; Ethernet frames are UDP datagrams between `ours`
    /// and `theirs`.
    pub(crate) fn start(
        board: &Board,
        firmware: &Path,
        ours: SocketAddr,
        theirs: SocketAddr,
    ) -> Outcome<Machine> {
        let runner = board.runner()?;
        let [qemu, arguments @ ..] = &runner[..] else { return Err("the runner is empty".into()) };
        let network = format!("socket,id=lan,udp={ours},localaddr={theirs}");
        let is_network = |argument: &String| argument.starts_with("user,");
        let arguments = arguments.iter().map(|word| if is_network(word) { &network } else { word });
        let mut process = Command::new(qemu)
            .args(["-icount", "shift=0", "-qmp", "stdio"])
            .args(arguments)
            .arg(firmware)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // QEMU prints "Timer with period zero" until the firmware starts its SysTick.
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("{qemu} cannot be run: {error}"))?;
        let (Some(orders), Some(answers)) = (process.stdin.take(), process.stdout.take()) else {
            return Err(format!("{qemu} has no standard input and output"));
        };
        let mut machine = Machine { process, orders, answers: BufReader::new(answers) };
        machine.order(r#"{"execute":"qmp_capabilities"}"#)?;
        Ok(machine)
    }

    /// A word of the board's memory.
    pub(crate) fn word(&mut self, address: u32) -> Outcome<u32> {
        let words = self.words(address, 1)?;
        words.first().copied().ok_or_else(|| format!("QEMU shows no memory at {address:#x}"))
    }

    /// `count` words of the board's memory.
    pub(crate) fn words(&mut self, address: u32, count: u32) -> Outcome<Vec<u32>> {
        let answer = self.order(&format!(
            r#"{{"execute":"human-monitor-command","arguments":{{"command-line":"xp /{count}xw {address:#x}"}}}}"#
        ))?;
        // Lines of `<address>: 0x<word> 0x<word> …`.
        let words = answer.split("0x").skip(1);
        Ok(words.filter_map(|word| u32::from_str_radix(word.get(..8)?, 16).ok()).collect())
    }

    fn order(&mut self, order: &str) -> Outcome<String> {
        let gone = |error| format!("QEMU has ended: {error}");
        writeln!(self.orders, "{order}").map_err(gone)?;
        loop {
            let mut line = String::new();
            if self.answers.read_line(&mut line).map_err(gone)? == 0 {
                return Err("QEMU has ended".into());
            }
            if line.contains("\"error\"") {
                return Err(format!("QEMU refuses {order}: {line}"));
            }
            if line.contains("\"return\"") {
                return Ok(line);
            }
        }
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
