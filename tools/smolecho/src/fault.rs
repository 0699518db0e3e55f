//! Why the program fails: who is at fault, and one line that says what to do next.

use std::fmt;
use std::fs::OpenOptions;
use std::io::{self, ErrorKind};
use std::process::ExitCode;

use nix::errno::Errno;

/// Who is at fault. Each has its own exit status for scripts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It ran and failed: refused, reset, wrong bytes, deadline.
    Failed(String),
    /// The command line is wrong: the line names the option, the value and what would do.
    Usage(String),
    /// The machine refuses: the line names the command that fixes it.
    Machine(String),
}

impl Fault {
    /// It ran and failed.
    pub(crate) fn failed(line: impl Into<String>) -> Fault {
        Fault::Failed(line.into())
    }

    /// The command line asks for something impossible.
    pub(crate) fn usage(line: impl Into<String>) -> Fault {
        Fault::Usage(line.into())
    }

    /// The machine refuses.
    pub(crate) fn machine(line: impl Into<String>) -> Fault {
        Fault::Machine(line.into())
    }

    /// The fault that another process of this program reported with its exit status.
    pub(crate) fn of(status: u8, line: String) -> Fault {
        match status {
            2 => Fault::Usage(line),
            3 => Fault::Machine(line),
            _ => Fault::Failed(line),
        }
    }

    /// The exit status.
    pub(crate) fn status(&self) -> u8 {
        match self {
            Fault::Failed(_) => 1,
            Fault::Usage(_) => 2,
            Fault::Machine(_) => 3,
        }
    }

    /// Why the TAP `name` cannot be opened, and the command that fixes it.
    pub(crate) fn tap(name: &str, error: &io::Error) -> Fault {
        if error.kind() == ErrorKind::InvalidInput && error.raw_os_error().is_none() {
            return Fault::usage(format!("--tap: {error}; a name like smolecho0 would do"));
        }
        if error.kind() == ErrorKind::Unsupported {
            return Fault::machine(format!("{error}: leave --offload out"));
        }
        // The error does not tell which step failed: opening the device again does.
        if let Err(error) = OpenOptions::new().read(true).write(true).open(TUN) {
            return tun_device(&error);
        }
        Fault::machine(match errno(error) {
            Errno::EPERM => format!(
                "no permission to create the TAP {name} or to attach to it: \
                 run as root, or with --private -- CMD, or make it once: \
                 sudo ip tuntap add dev {name} mode tap user $USER"
            ),
            Errno::EBUSY => {
                format!(
                    "another process holds the TAP {name}: end it, \
                     or choose another with --tap NAME"
                )
            }
            Errno::EINVAL => {
                format!(
                    "{name} exists and is not a TAP with a single queue: \
                     choose another with --tap NAME"
                )
            }
            _ => format!("cannot open the TAP {name}: {error}"),
        })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Fault::Failed(line) | Fault::Usage(line) | Fault::Machine(line)) = self;
        f.write_str(line)
    }
}

impl std::error::Error for Fault {}

impl From<&Fault> for ExitCode {
    fn from(fault: &Fault) -> ExitCode {
        ExitCode::from(fault.status())
    }
}

/// An error of a system call without a known remedy, such as a failed wait.
impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Fault {
        Fault::Failed(error.to_string())
    }
}

/// The error number (errno(3)).
pub(crate) fn errno(error: &io::Error) -> Errno {
    Errno::from_raw(error.raw_os_error().unwrap_or(0))
}

const TUN: &str = "/dev/net/tun";

/// Why /dev/net/tun cannot be opened.
fn tun_device(error: &io::Error) -> Fault {
    Fault::machine(match errno(error) {
        Errno::ENOENT => format!(
            "there is no {TUN}: sudo modprobe tun, and if that does not help: \
             sudo mkdir -p /dev/net && sudo mknod -m 666 {TUN} c 10 200"
        ),
        Errno::ENODEV | Errno::ENXIO => {
            format!("the kernel has no driver for {TUN}: sudo modprobe tun")
        }
        Errno::EACCES => {
            format!("no permission to open {TUN}: sudo chmod 666 {TUN}, or run as root")
        }
        Errno::EPERM => format!(
            "{TUN} may not be opened in this container: \
             start it with --device {TUN} --cap-add NET_ADMIN"
        ),
        _ => format!("cannot open {TUN}: {error}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fault_has_its_status() {
        assert_eq!(Fault::failed("reset").status(), 1);
        assert_eq!(Fault::usage("--port 0").status(), 2);
        assert_eq!(Fault::machine("no TAP").status(), 3);
    }

    #[test]
    fn faults_of_the_tun_device_name_a_command() {
        for (number, mend) in [
            (Errno::ENOENT, "modprobe tun"),
            (Errno::ENODEV, "modprobe tun"),
            (Errno::EACCES, "chmod 666"),
            (Errno::EPERM, "--device"),
        ] {
            let fault = tun_device(&io::Error::from(number));
            assert!(fault.to_string().contains(mend), "{number}: {fault}");
            assert_eq!(fault.status(), 3);
        }
    }

    #[test]
    fn an_invalid_name_is_a_usage_fault() {
        let error =
            io::Error::new(ErrorKind::InvalidInput, "\"a/b\" cannot be an interface's name");
        assert_eq!(Fault::tap("a/b", &error).status(), 2);
    }

    #[test]
    fn a_kernel_without_offloads_gets_a_remedy() {
        let fault = Fault::tap("tap0", &io::Error::new(ErrorKind::Unsupported, "no offloads"));
        assert_eq!(
            (fault.status(), fault.to_string().as_str()),
            (3, "no offloads: leave --offload out")
        );
    }
}
