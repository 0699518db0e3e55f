//! The command line.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::bench::options::{Bench, BenchPart};
use crate::client::options::Client;
use crate::output::stderr::say;
use crate::probe::options::Probe;
use crate::serve::options::Serve;
use crate::sim::options::Sim;
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
    /// Run server and client both ways in one command, without set-up (the default)
    Demo,
    /// Run the echo server: accept – recv – echo – close, and recvfrom – sendto
    Serve(Box<Serve>),
    /// Run the client: connect – send – recv – print – close
    Client(Box<Client>),
    /// Test any echo server through kernel sockets, and report what is wrong with it
    Probe(Probe),
    /// Measure smolecho beside other echo servers, or any server
    Bench(Box<Bench>),
    #[command(hide = true)]
    BenchPart(BenchPart),
    /// Simulate a network of nodes in virtual time, with faults and attacks, from one seed
    Sim(Sim),
}

/// Parses and checks a command line, given without the program's name. Nothing is run.
///
/// # Errors
///
/// The message that the program would print.
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

/// Runs the program.
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
        say(format_args!("error: {fault}"));
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
