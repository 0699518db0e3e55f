//! A stage: a process in its own network namespace that starts a server, is its client, and takes orders on
//! stdin. Orders and answers are JSON lines.

use std::io::{self, BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Command, ExitCode, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};
use std::{env, fs};

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::Pid;

use super::message::{Answer, Order, Part, Services, Setting, arguments};
use super::peer::{MANY, Other, PEERS, Server};
use super::place::{CHARGEN, DISCARD, LINK, PORT, Places};
use crate::fault::Fault;
use crate::host::child::Child;
use crate::host::link::Links;
use crate::host::{cores, netns};
use crate::kernel::socket::towards;
use crate::load::meter::Meter;
use crate::load::run;
use crate::load::scene::{Load, Scene, reason};
use crate::load::stream::is_served;
use crate::node::defaults::HOST_ADDRESSES;

/// How long a server may take to start.
const START: Duration = Duration::from_secs(20);

/// How long one answer may take meanwhile.
const LOOK: Duration = Duration::from_millis(50);

/// Obeys orders until stdin is closed.
pub(super) fn run(setting: &Setting) -> ExitCode {
    let (server, services) = match set_up(setting) {
        Ok(found) => found,
        Err(fault) => {
            answer(&Answer::Refused(fault.status(), fault.to_string()));
            return ExitCode::from(&fault);
        }
    };
    answer(&Answer::Ready(services));
    for line in io::stdin().lock().lines().map_while(Result::ok) {
        let Ok(order) = serde_json::from_str(&line) else { break };
        answer(&obey(order, &setting.places, server.as_ref()));
    }
    ExitCode::SUCCESS
}

fn answer(answer: &Answer) {
    let mut out = io::stdout().lock();
    // If stdout is closed, stdin is closed too.
    let _ = serde_json::to_writer(&mut out, answer);
    let _ = out.write_all(b"\n").and_then(|()| out.flush());
}

fn obey(order: Order, places: &Places, server: Option<&ServerProcess>) -> Answer {
    let Order { load, time, counts_calls } = order;
    let Some(target) = places.of(load) else {
        return Answer::Failed("it has no such service".into());
    };
    let meter = Meter { server: server.map(|server| server.pid), counts_calls };
    let most = if server.is_some() { u64::MAX } else { 2000 };
    match run::run(&Scene { target, time, meter, most }, load) {
        Ok(sample) => Answer::Done(Box::new(sample)),
        Err(error) => Answer::Failed(reason(&error)),
    }
}

/// Starts the server and the network to it, or examines a server that is already running.
fn set_up(setting: &Setting) -> Result<(Option<ServerProcess>, Services), Fault> {
    let Setting { peer, places, cores: [client, server] } = setting;
    let Some(peer) = peer.and_then(|at| PEERS.get(at)) else {
        return examine(places.echo).map(|services| (None, services));
    };
    netns::enter_private()?;
    may_hold_many()?;
    // Otherwise connections in TIME-WAIT fill the tables. A failure to set it is ignored.
    let _ = fs::write("/proc/sys/net/ipv4/tcp_max_tw_buckets", "16");
    cores::pin(*server);
    let mut server = ServerProcess::start(peer.server)?;
    cores::pin(*client);
    server.wait(places.echo, peer.takes(Load::Bulk))?;
    Ok((Some(server), Services::default()))
}

/// The services of a server that is already running.
fn examine(echo: SocketAddr) -> Result<Services, Fault> {
    let tcp = is_served(echo).err();
    let udp = (0..3).find_map(|_| is_reflected(echo, Duration::from_secs(1)).ok());
    match (tcp, udp) {
        (Some(error), Some(())) if error.kind() == io::ErrorKind::ConnectionRefused => {
            Ok(Services { tcp: Some(reason(&error)), udp: None })
        }
        (Some(error), _) => Err(Fault::failed(format!(
            "{echo}: no echo over TCP: {}; see smolecho probe {echo}",
            reason(&error)
        ))),
        (None, None) => Ok(Services { tcp: None, udp: Some("no answer".into()) }),
        (None, Some(())) => Ok(Services::default()),
    }
}

/// A server process, ended on drop.
struct ServerProcess {
    pid: Pid,
    process: Child,
}

impl ServerProcess {
    fn start(server: Server) -> Result<ServerProcess, Fault> {
        let mut command = Command::new(env::current_exe()?);
        match server {
            Server::Ours(options) => {
                command.args(["serve", "-q", "--tap", LINK, "--backlog", "64"]);
                command.args(["--port", &PORT.to_string()]);
                command.args([
                    "--discard",
                    &DISCARD.to_string(),
                    "--chargen",
                    &CHARGEN.to_string(),
                ]);
                if !options.contains(&"--buffer") {
                    let connections = (MANY + 64).to_string();
                    command.args(["--buffer", "65535", "--connections", &connections]);
                }
                command.args(options);
            }
            Server::Part(other) => {
                command.args(arguments(&Part::Server(other))?);
            }
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn()?;
        let (stdin, stdout) = (process.stdin.take(), process.stdout.take());
        let pid = Pid::from_raw(i32::try_from(process.id()).unwrap_or(0));
        let process = Child::of("the server", process);
        if let (Server::Part(Other::Kernel), Some(mut stdin), Some(stdout)) =
            (server, stdin, stdout)
        {
            BufReader::new(stdout).read_line(&mut String::new())?;
            let mut links = Links::open()?;
            links.add_veth(LINK, pid)?;
            links.set_up(LINK, true)?;
            links.add_address(LINK, HOST_ADDRESSES[0])?;
            stdin.write_all(b"\n")?;
        }
        Ok(ServerProcess { pid, process })
    }

    /// Waits until it echoes, ends, or [`START`] has passed.
    fn wait(&mut self, echo: SocketAddr, has_tcp: bool) -> Result<(), Fault> {
        let limit = Instant::now() + START;
        loop {
            let echoed = if has_tcp { is_served(echo) } else { is_reflected(echo, LOOK) };
            match echoed {
                Ok(()) => return Ok(()),
                Err(_) if self.process.ended()?.is_some() => {
                    return Err(Fault::machine("the server has ended; its message is above"));
                }
                Err(error) if Instant::now() > limit => {
                    return Err(Fault::failed(format!("no server: {}", reason(&error))));
                }
                Err(_) => sleep(Duration::from_millis(5)),
            }
        }
    }
}

/// Sends a datagram and waits for its echo.
fn is_reflected(echo: SocketAddr, patience: Duration) -> io::Result<()> {
    let socket = towards(echo, patience)?;
    socket.send(b"?")?;
    socket.recv(&mut [0; 8]).map(drop)
}

/// Raises the limit of open files to the maximum; the server inherits it.
fn may_hold_many() -> Result<(), Fault> {
    let raise = || {
        let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
        setrlimit(Resource::RLIMIT_NOFILE, hard, hard)
    };
    raise()
        .map_err(|error| Fault::machine(format!("cannot raise the limit of open files: {error}")))
}
