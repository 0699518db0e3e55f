//! The command line.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum, value_parser};
use smolecho::{Protocol, TcpService, WhenFull};
use smoltcp::wire::IpEndpoint;

use crate::bench::{Bench, BenchPart};
use crate::options::{Impair, Network, Output, Private};
use crate::scope::Scoped;
use crate::values::{Cap, UdpRate, cap, deadline, endpoint, number, seed, udp_rate};
use crate::{bench, client, demo, probe, serve, sim};

/// TCP and UDP echo server and client on a userspace TCP/IP stack, over a Linux TAP interface
#[derive(Parser)]
#[command(name = "smolecho", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Everything in one command, without any set-up (this is the default)
    Demo,
    /// Serve: accept – recv – echo – close, and recvfrom – sendto
    Serve(Box<Serve>),
    /// Connect – send – recv – print – close
    Client(Box<Client>),
    /// Examine any echo server with the kernel's own sockets, and say what is wrong with it
    Probe(Probe),
    /// Measure how fast an echo server is: ours beside others, or any
    Bench(Box<Bench>),
    #[command(hide = true)]
    BenchPart(BenchPart),
    /// Let a network of our nodes run in virtual time, with faults and attacks, all from one seed
    Sim(Sim),
}

/// The heading of the options for more than usual.
const PRESSURE: &str = "Under pressure";

/// The echo server on a TAP.
#[derive(Args)]
pub(crate) struct Serve {
    /// Port to listen on, on every address of the stack
    #[arg(long, value_name = "N", default_value = "12345", value_parser = number(1..=65535))]
    pub(crate) port: u16,
    /// tcp, udp, or both
    #[arg(
        long,
        value_name = "PROTO",
        default_value = "tcp,udp",
        value_delimiter = ',',
        hide_possible_values = true
    )]
    pub(crate) proto: Vec<Proto>,
    /// stream: echo until the peer closes its side (RFC 862); once: one recv of at most 1024 bytes,
    /// echo it, close
    #[arg(long, value_name = "FLOW", default_value = "stream", hide_possible_values = true)]
    pub(crate) flow: FlowName,
    /// Handshakes under way at once
    #[arg(long, value_name = "N", default_value = "5", value_parser = number(1..=65535))]
    pub(crate) backlog: u16,
    /// Connections at once
    #[arg(long, value_name = "N", default_value = "64", value_parser = number(1..=65534))]
    pub(crate) connections: u16,
    /// Port that takes everything and answers nothing (RFC 863)
    #[arg(long, value_name = "PORT", value_parser = number(1..=65535))]
    pub(crate) discard: Option<u16>,
    /// Port that sends characters (RFC 864), over UDP at most as many as came
    #[arg(long, value_name = "PORT", value_parser = number(1..=65535))]
    pub(crate) chargen: Option<u16>,
    /// Connections that one source address may have at once, or off
    #[arg(
        long,
        value_name = "N",
        default_value = "off",
        value_parser = cap,
        help_heading = PRESSURE
    )]
    pub(crate) per_source: Cap,
    /// With every connection taken, reset the one that was quiet longest
    #[arg(long, help_heading = PRESSURE)]
    pub(crate) evict_idle: bool,
    /// What a SYN gets when no connection is free: reset, or silence, so that it comes again
    #[arg(
        long,
        value_name = "ANSWER",
        default_value = "reset",
        hide_possible_values = true,
        help_heading = PRESSURE
    )]
    pub(crate) when_full: WhenFullName,
    /// Datagrams a second that one source is answered, and twice as many in all; or off
    #[arg(
        long,
        value_name = "N",
        default_value = "500000",
        value_parser = udp_rate,
        help_heading = PRESSURE
    )]
    pub(crate) udp_rate: UdpRate,
    #[command(flatten)]
    pub(crate) network: Network,
    #[command(flatten)]
    pub(crate) impair: Impair,
    #[command(flatten)]
    pub(crate) output: Output,
    #[command(flatten)]
    pub(crate) private: Private,
}

/// The client.
#[derive(Args)]
pub(crate) struct Client {
    /// The server: 192.168.69.100:12345, [fdaa::100]:12345 or [fe80::1%smolecho0]:12345
    #[arg(value_name = "ADDR:PORT", value_parser = endpoint)]
    pub(crate) server: Scoped<IpEndpoint>,
    /// What to say
    #[arg(value_name = "MESSAGE", default_value = "Hello, Server!")]
    pub(crate) message: OsString,
    /// tcp or udp
    #[arg(long, value_name = "PROTO", default_value = "tcp", hide_possible_values = true)]
    pub(crate) proto: Proto,
    #[command(flatten)]
    pub(crate) network: Network,
    #[command(flatten)]
    pub(crate) impair: Impair,
    #[command(flatten)]
    pub(crate) output: Output,
    #[command(flatten)]
    pub(crate) private: Private,
}

/// The examiner.
#[derive(Args)]
pub(crate) struct Probe {
    /// The servers: 192.168.69.1:12345, [fdaa::1]:12345, board.local:7
    #[arg(value_name = "ADDR:PORT", required_unless_present = "list")]
    pub(crate) targets: Vec<String>,
    /// Show the cases, and what each expects
    #[arg(long)]
    pub(crate) list: bool,
    /// Only these cases, separated by commas; tcp-* is all that begin so
    #[arg(long, value_name = "CASES", value_delimiter = ',')]
    pub(crate) only: Vec<String>,
    /// All cases but these
    #[arg(long, value_name = "CASES", value_delimiter = ',')]
    pub(crate) skip: Vec<String>,
    /// tcp, udp, or both
    #[arg(
        long,
        value_name = "PROTO",
        default_value = "tcp,udp",
        value_delimiter = ',',
        hide_possible_values = true
    )]
    pub(crate) proto: Vec<Proto>,
    /// How long a case may take
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = deadline)]
    pub(crate) deadline: Duration,
    /// Connections that it is to serve at once
    #[arg(long, value_name = "N", default_value = "4", value_parser = number(1..=256))]
    pub(crate) connections: u16,
    /// Write the findings as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Write them as JUnit's XML, for continuous integration
    #[arg(long, value_name = "FILE")]
    pub(crate) junit: Option<PathBuf>,
    /// Write them as a page for a browser
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
}

/// The simulation.
#[derive(Args)]
pub(crate) struct Sim {
    /// Show the scenarios
    #[arg(long)]
    pub(crate) list: bool,
    /// The first run's seed; the next runs count up from it [default: from the system]
    #[arg(long, value_name = "S", value_parser = seed)]
    pub(crate) seed: Option<u64>,
    /// How many runs
    #[arg(long, value_name = "N", default_value = "1000", value_parser = value_parser!(u64).range(1..))]
    runs: u64,
    /// Runs for so long instead
    #[arg(long, value_name = "M", conflicts_with = "runs", value_parser = number(1..=65535))]
    minutes: Option<u16>,
    /// This scenario alone, not all in turn
    #[arg(long, value_name = "NAME")]
    pub(crate) scenario: Option<String>,
    /// Write every frame of the run that failed, or of the first, to a file for Wireshark
    #[arg(long, value_name = "FILE")]
    pub(crate) pcap: Option<PathBuf>,
    /// Draw the segments of its most troubled connection
    #[arg(long, value_name = "FILE")]
    pub(crate) svg: Option<PathBuf>,
}

impl Sim {
    pub(crate) fn limit(&self) -> sim::Limit {
        match self.minutes {
            None => sim::Limit::Runs(self.runs),
            Some(minutes) => sim::Limit::Time(Duration::from_secs(60 * u64::from(minutes))),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Proto {
    Tcp,
    Udp,
}

impl From<Proto> for Protocol {
    fn from(name: Proto) -> Protocol {
        match name {
            Proto::Tcp => Protocol::Tcp,
            Proto::Udp => Protocol::Udp,
        }
    }
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum FlowName {
    Stream,
    Once,
}

impl From<FlowName> for TcpService {
    fn from(name: FlowName) -> TcpService {
        match name {
            FlowName::Stream => TcpService::Stream,
            FlowName::Once => TcpService::Once,
        }
    }
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum WhenFullName {
    Reset,
    Silence,
}

impl From<WhenFullName> for WhenFull {
    fn from(name: WhenFullName) -> WhenFull {
        match name {
            WhenFullName::Reset => WhenFull::Reset,
            WhenFullName::Silence => WhenFull::Silence,
        }
    }
}

/// Reads a command line, without the program's name in front, and says what is wrong with it; nothing is
/// done.
pub fn check(arguments: impl IntoIterator<Item = impl Into<OsString>>) -> Result<(), String> {
    let name = OsString::from("smolecho");
    let line = [name].into_iter().chain(arguments.into_iter().map(Into::into));
    let command = Cli::try_parse_from(line).map_err(|error| error.to_string())?.command;
    match command.unwrap_or(Command::Demo) {
        Command::Serve(options) => serve::plan(&options).map(drop),
        Command::Client(options) => client::plan(&options).map(drop),
        _ => Ok(()),
    }
    .map_err(|fault| fault.to_string())
}

/// Does what the command line says.
pub fn main() -> ExitCode {
    let done = match Cli::parse().command.unwrap_or(Command::Demo) {
        Command::Demo => demo::run(),
        Command::Serve(options) => serve::run(&options),
        Command::Client(options) => client::run(&options),
        Command::Probe(options) => probe::run(&options),
        Command::Bench(options) => bench::run(&options),
        Command::BenchPart(options) => bench::part(&options),
        Command::Sim(options) => sim::run(&options),
    };
    done.unwrap_or_else(|fault| {
        // Should stderr be closed, the status still says it.
        let _ = writeln!(io::stderr(), "error: {fault}");
        ExitCode::from(&fault)
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
