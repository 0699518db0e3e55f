//! `-- CMD ARGS…`: the command in the private namespace.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{self, Command, ExitStatus};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::fault::Fault;

/// How long a command may take to end after SIGTERM.
const GRACE: Duration = Duration::from_secs(1);

/// A child process, ended on drop.
pub(crate) struct Child {
    name: String,
    process: process::Child,
}

impl Child {
    pub(crate) fn start(command: &[OsString]) -> Result<Child, Fault> {
        let [program, args @ ..] = command else {
            return Err(Fault::usage("--: the command is missing; -- CMD ARGS... would do"));
        };
        let name = program.display().to_string();
        match Command::new(program).args(args).spawn() {
            Ok(process) => Ok(Child { name, process }),
            Err(error) => Err(Fault::usage(format!(
                "-- {name}: cannot be started: {error}; an executable program would do"
            ))),
        }
    }

    /// Wraps a running process.
    pub(crate) fn of(name: &str, process: process::Child) -> Child {
        Child { name: name.to_owned(), process }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The exit status, if it has ended.
    pub(crate) fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        self.process.try_wait()
    }

    /// Sends SIGTERM.
    pub(crate) fn terminate(&mut self) {
        // After a wait the process id may belong to another process.
        if let (Ok(None), Ok(pid)) = (self.ended(), i32::try_from(self.process.id())) {
            // Fails if the process has just ended.
            let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.terminate();
        let limit = Instant::now() + GRACE;
        while matches!(self.ended(), Ok(None)) && Instant::now() < limit {
            sleep(Duration::from_millis(2));
        }
        // Both do nothing if the process has been waited for.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The exit status as a shell reports it.
pub(crate) fn exit_status(status: ExitStatus) -> u8 {
    let status = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    status.and_then(|status| u8::try_from(status).ok()).unwrap_or(1)
}
