//! Options that several commands share.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use smolecho::Protocol;

use crate::fault::Fault;

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Proto {
    Tcp,
    Udp,
}

/// One protocol or both.
#[derive(Args)]
pub(crate) struct Protocols {
    /// tcp, udp, or both
    #[arg(
        long,
        value_name = "PROTO",
        default_value = "tcp,udp",
        value_delimiter = ',',
        hide_possible_values = true
    )]
    proto: Vec<Proto>,
}

impl Protocols {
    pub(crate) fn has(&self, protocol: Proto) -> bool {
        self.proto.contains(&protocol)
    }
}

impl From<Proto> for Protocol {
    fn from(name: Proto) -> Protocol {
        match name {
            Proto::Tcp => Protocol::Tcp,
            Proto::Udp => Protocol::Udp,
        }
    }
}

#[derive(Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct Output {
    /// Write every frame to a file for Wireshark
    #[arg(long, value_name = "FILE")]
    pub(crate) pcap: Option<PathBuf>,
    /// Print events as JSON lines
    #[arg(long)]
    pub(crate) json: bool,
    /// Print more, on stderr
    #[arg(short, long)]
    pub(crate) verbose: bool,
    /// Print nothing but errors
    #[arg(short, long, conflicts_with_all = ["json", "verbose"])]
    pub(crate) quiet: bool,
}

#[derive(Args)]
#[command(next_help_heading = "Private")]
pub(crate) struct Private {
    /// Run in a private network namespace, with CMD inside; needs no root
    #[arg(long)]
    private: bool,
    /// Command in the namespace. serve starts it after listening and exits with its status; client connects to
    /// it
    #[arg(value_name = "CMD", last = true)]
    command: Vec<OsString>,
}

impl Private {
    /// The command to run in a private namespace; `None` without `--private`.
    pub(crate) fn command(&self) -> Result<Option<&[OsString]>, Fault> {
        match (self.private, self.command.as_slice()) {
            (false, []) => Ok(None),
            (true, []) => {
                Err(Fault::usage("--private: no command to run; --private -- CMD ARGS... would do"))
            }
            (false, [command, ..]) => Err(Fault::usage(format!(
                "-- {}: commands run only in a private namespace; --private -- CMD ARGS... would do",
                command.display()
            ))),
            (true, command) => Ok(Some(command)),
        }
    }
}
