//! An emulated board, and a look into its memory.

use std::{
    io::{BufRead, BufReader, Write},
    net::SocketAddr,
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use super::firmware::Board;
use crate::run::Outcome;

const QEMU: &str = "qemu-system-arm";

/// The emulator, or how to get it.
pub(crate) fn is_installed() -> Outcome {
    match Command::new(QEMU).arg("--version").stdout(Stdio::null()).status() {
        Ok(status) if status.success() => Ok(()),
        _ => Err(format!("{QEMU} is missing: apt-get install {QEMU}")),
    }
}

/// A running board; it ends with this value.
pub(crate) struct Machine {
    process: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Machine {
    /// Starts a firmware, in which an instruction takes a nanosecond, with its Ethernet frames carried
    /// by datagrams between `ours` and `theirs`.
    pub(crate) fn start(
        board: &Board,
        firmware: &Path,
        ours: SocketAddr,
        theirs: SocketAddr,
    ) -> Outcome<Machine> {
        let mut process = Command::new(QEMU)
            .args(["-machine", board.machine, "-nographic", "-monitor", "none", "-serial", "none"])
            .args(["-no-reboot", "-icount", "shift=0", "-qmp", "stdio", "-nic"])
            .arg(format!("socket,udp={ours},localaddr={theirs}"))
            .arg("-kernel")
            .arg(firmware)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // It says "Timer with period zero" of a SysTick that nobody has started yet.
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("{QEMU} cannot be run: {error}"))?;
        let (Some(orders), Some(answers)) = (process.stdin.take(), process.stdout.take()) else {
            return Err(format!("{QEMU} has no standard input and output"));
        };
        let mut machine = Machine { process, orders, answers: BufReader::new(answers) };
        machine.order(r#"{"execute":"qmp_capabilities"}"#)?;
        Ok(machine)
    }

    /// A word of the board's memory.
    pub(crate) fn word(&mut self, address: u32) -> Outcome<u32> {
        let words = self.words(address, 1)?;
        words.first().copied().ok_or_else(|| format!("{QEMU} shows no memory at {address:#x}"))
    }

    /// So many words of it.
    pub(crate) fn words(&mut self, address: u32, count: u32) -> Outcome<Vec<u32>> {
        let answer = self.order(&format!(
            r#"{{"execute":"human-monitor-command","arguments":{{"command-line":"xp /{count}xw {address:#x}"}}}}"#
        ))?;
        // Lines of `<address>: 0x<word> 0x<word> …`.
        let words = answer.split("0x").skip(1);
        Ok(words.filter_map(|word| u32::from_str_radix(word.get(..8)?, 16).ok()).collect())
    }

    fn order(&mut self, order: &str) -> Outcome<String> {
        let gone = |error| format!("{QEMU} has ended: {error}");
        writeln!(self.orders, "{order}").map_err(gone)?;
        loop {
            let mut line = String::new();
            if self.answers.read_line(&mut line).map_err(gone)? == 0 {
                return Err(format!("{QEMU} has ended"));
            }
            if line.contains("\"error\"") {
                return Err(format!("{QEMU} refuses {order}: {line}"));
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
