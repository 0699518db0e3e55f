//! The program under test: started, watched, and killed if it hangs.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use libtest_mimic::Failed;
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_smolecho");

/// The time limit of a run.
const LIMIT: Duration = Duration::from_secs(60);

/// How long a run that hangs may take to end in order.
const GRACE: Duration = Duration::from_secs(3);

/// The lecture's client in Python; its argument is the server's address.
pub(crate) const CLIENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/lecture/client.py");

/// The lecture's server in Python as the command. It prints on stderr, because Python writes a line in pieces
/// that our lines would split.
pub(crate) const LECTURE_SERVER: [&str; 5] = [
    "--private",
    "--",
    "sh",
    "-c",
    concat!(
        "exec python3 -u ",
        env!("CARGO_MANIFEST_DIR"),
        "/tests/lecture/server.py 192.168.69.100 >&2"
    ),
];

/// The lecture's client with datagrams.
pub(crate) const DATAGRAM_CLIENT: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/tests/lecture/datagram_client.py");

/// The lecture's server with datagrams.
pub(crate) const DATAGRAM_SERVER: [&str; 5] = [
    "--private",
    "--",
    "sh",
    "-c",
    concat!(
        "exec python3 -u ",
        env!("CARGO_MANIFEST_DIR"),
        "/tests/lecture/datagram_server.py 192.168.69.100 >&2"
    ),
];

/// A file, removed on drop.
pub(crate) struct Scratch(pub(crate) PathBuf);

impl Scratch {
    pub(crate) fn new(name: &str) -> Scratch {
        Scratch(std::env::temp_dir().join(format!("smolecho-{}-{name}", std::process::id())))
    }

    pub(crate) fn path(&self) -> &str {
        self.0.to_str().expect("a path that is text")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// A folder, removed on drop with its content.
pub(crate) struct Folder(Scratch);

impl Folder {
    pub(crate) fn new(name: &str) -> Folder {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        Folder(Scratch::new(&format!("{name}-{}", COUNT.fetch_add(1, Ordering::Relaxed))))
    }

    pub(crate) fn path(&self) -> &str {
        self.0.path()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0.0);
    }
}

/// The outcome of a run.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    pub(crate) fn of<I: IntoIterator<Item: AsRef<OsStr>>>(args: I) -> Run {
        Running::start(args).finish()
    }

    /// The exit status and the first line on stderr.
    pub(crate) fn verdict(&self) -> (i32, &str) {
        (self.status, self.stderr.lines().next().unwrap_or_default())
    }

    /// Checks the exit status; a failure shows all output.
    #[track_caller]
    pub(crate) fn expect_status(self, status: i32) -> Result<Run, Failed> {
        ensure(self.status == status, || format!("status {status} expected: {self:#?}"))?;
        Ok(self)
    }

    /// Checks that stdout has these lines in this order, with others between them.
    pub(crate) fn expect_lines(&self, expected: &[&str]) -> Result<(), Failed> {
        expect_lines(&self.stdout, expected)
    }

    /// The same for stderr.
    pub(crate) fn expect_said(&self, expected: &[&str]) -> Result<(), Failed> {
        expect_lines(&self.stderr, expected)
    }
}

fn expect_lines(text: &str, expected: &[&str]) -> Result<(), Failed> {
    let mut lines = text.lines();
    for line in expected {
        let found = lines.any(|l| l.starts_with(line));
        ensure(found, || format!("{line:?} is missing or late:\n{text}"))?;
    }
    Ok(())
}

/// A running program.
pub(crate) struct Running {
    process: Child,
    stdout: Option<BufReader<ChildStdout>>,
    stderr: BufReader<ChildStderr>,
}

impl Running {
    pub(crate) fn start<I: IntoIterator<Item: AsRef<OsStr>>>(args: I) -> Running {
        let mut command = Command::new(PROGRAM);
        Self::spawn(command.args(args))
    }

    pub(crate) fn spawn(command: &mut Command) -> Running {
        let mut process = command
            // Buffered, Python writes its lines into a pipe at once.
            .env_remove("PYTHONUNBUFFERED")
            .env("RUST_BACKTRACE", "1")
            .env("SMOLECHO", PROGRAM)
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let stdout = process.stdout.take().map(BufReader::new);
        let stderr = BufReader::new(process.stderr.take().expect("piped"));
        Running { process, stdout, stderr }
    }

    /// Reads a line of stdout, without the newline.
    pub(crate) fn line(&mut self) -> String {
        read_line(self.stdout.as_mut().expect("open"))
    }

    /// Reads a line of stderr, without the newline.
    pub(crate) fn error_line(&mut self) -> String {
        read_line(&mut self.stderr)
    }

    /// Closes the reading end of its stdout.
    pub(crate) fn close_stdout(&mut self) {
        self.stdout = None;
    }

    /// Waits until it handles this signal (`SigCgt` of man 5 proc).
    pub(crate) fn wait_for_handler(&self, signal: Signal) {
        let limit = Instant::now() + LIMIT;
        let handles = || {
            let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()));
            let status = status.unwrap_or_default();
            let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
            let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
            mask.unwrap_or(0) >> (signal as u64 - 1) & 1 == 1
        };
        while !handles() && Instant::now() < limit {
            sleep(Duration::from_millis(5));
        }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        send(&self.process, signal);
    }

    /// Waits for its end.
    pub(crate) fn finish(mut self) -> Run {
        // Read meanwhile, or a full pipe blocks it.
        let stdout = self.stdout.take().map(read_all);
        let stderr = read_all(self.stderr);
        let limit = Instant::now() + LIMIT;
        let status = loop {
            match self.process.try_wait().expect("it is our child") {
                Some(status) => break status.code().unwrap_or(-status.signal().unwrap_or(0)),
                None if Instant::now() < limit => {}
                // Within another second it has ended its command too.
                None if Instant::now() < limit + GRACE => send(&self.process, Signal::SIGTERM),
                // With all its children, which would keep the pipes open.
                None => kill_group(&self.process),
            }
            sleep(Duration::from_millis(5));
        };
        let text = |reader: std::thread::JoinHandle<String>| reader.join().expect("it was read");
        Run { status, stdout: stdout.map(text).unwrap_or_default(), stderr: text(stderr) }
    }
}

fn send(process: &Child, signal: Signal) {
    kill(pid(process), signal).expect("it has not been waited for");
}

fn pid(process: &Child) -> Pid {
    Pid::from_raw(process.id().try_into().expect("a pid"))
}

fn kill_group(process: &Child) {
    let _ = killpg(pid(process), Signal::SIGKILL);
}

fn read_line(reader: &mut impl BufRead) -> String {
    let mut line = String::new();
    reader.read_line(&mut line).expect("a line");
    line.trim_end().to_owned()
}

fn read_all(mut reader: impl Read + Send + 'static) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = reader.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

pub(crate) fn ensure(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), Failed> {
    if holds { Ok(()) } else { Err(otherwise().into()) }
}

/// Runs a shell script in a private namespace where it can create TAPs. `$SMOLECHO` is the program; `present
/// NAME` waits for an interface.
pub(crate) fn in_namespace(script: &str) -> Run {
    const PRESENT: &str = "present() {
        for try in $(seq 500); do
            grep -q \"$1\" /proc/net/dev && return
            sleep 0.02
        done
        exit 20
    }";
    let script = format!("{PRESENT}\n{script}");
    let tap = ["--tap", "outer0", "--address", "10.255.0.1/24", "--host-address", "10.255.0.2/24"];
    let args = ["serve", "-q"].into_iter().chain(tap);
    Run::of(args.chain(["--private", "--", "sh", "-c", &script]))
}
