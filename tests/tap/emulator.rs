//! A board under QEMU, in the namespace of the trials.

use std::{
    env, fmt, fs,
    io::{BufRead, BufReader, Read},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Mutex, MutexGuard, PoisonError,
        mpsc::{self, Receiver, RecvTimeoutError},
    },
    thread,
};

use nix::net::if_::if_nametoindex;

use crate::{
    host,
    rig::{Family, PORT},
    sockets::PATIENCE,
    trial::FIRMWARE,
    wire::Wire,
};

/// A board under `examples/boards/`.
#[derive(Clone, Copy)]
pub(crate) struct Board {
    /// The name of its folder and of its program.
    pub(crate) name: &'static str,
    pub(crate) mac: [u8; 6],
}

impl Board {
    /// The command of `cargo run`, with the network of this plug.
    fn runner(&self, plug: Plug) -> Vec<String> {
        let path = format!("examples/boards/{}/.cargo/config.toml", self.name);
        let config = fs::read_to_string(&path).expect(&path);
        let runner = config.split_once("runner = [").expect("a runner").1;
        let words = runner.split(']').next().expect("its end").split('"').skip(1).step_by(2);
        let network = |word: &str| match plug {
            Plug::Tap if word.starts_with("user,") => {
                format!("tap,id=lan,ifname={INTERFACE},script=no,downscript=no")
            }
            _ => word.to_owned(),
        };
        words.map(network).collect()
    }
}

/// The network of the board.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Plug {
    /// A TAP interface that lives as long as QEMU.
    Tap,
    /// QEMU's user-mode network: TCP and UDP over IPv4, forwarded from the loopback.
    User,
}

/// A build of the firmware.
#[derive(Clone, Copy)]
pub(crate) enum Image {
    /// With this number of connections.
    Slots(usize),
    /// Panics when it begins to serve.
    Panics,
}

impl fmt::Display for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Image::Slots(slots) => slots.fmt(f),
            Image::Panics => f.write_str("panics"),
        }
    }
}

/// The interface of the running board.
const INTERFACE: &str = "board";

const BOARD: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 15);
const HOST: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::new(10, 0, 2, 2)),
    IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 2)),
];

/// All boards have the same address, so only one runs at a time.
static ONE: Mutex<()> = Mutex::new(());

/// A running board. Dropping it ends QEMU and removes the interface.
pub(crate) struct Emulator {
    pub(crate) board: Board,
    plug: Plug,
    process: Child,
    says: Receiver<String>,
    _alone: MutexGuard<'static, ()>,
}

impl Emulator {
    /// Starts the firmware and waits until it serves.
    pub(crate) fn start(board: Board, image: Image, plug: Plug) -> Emulator {
        let alone = ONE.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = env::var_os(FIRMWARE).expect(FIRMWARE);
        let runner = board.runner(plug);
        let mut process = Command::new(&runner[0])
            .args(&runner[1..])
            .arg(Path::new(&folder).join(format!("{}-{image}", board.name)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", runner[0]));
        let says = lines(process.stdout.take().expect("its output"));
        let emulator = Emulator { board, plug, process, says, _alone: alone };
        let first = emulator.says.recv_timeout(PATIENCE).expect("a line of the board");
        assert!(first.starts_with("Listening"), "{first}");
        if plug == Plug::Tap {
            host::keep_silent(INTERFACE);
            host::set_up(INTERFACE, true);
            HOST.iter().for_each(|address| host::add_address(INTERFACE, *address));
        }
        emulator
    }

    /// The address and port of its services.
    pub(crate) fn server(&self) -> SocketAddr {
        match self.plug {
            Plug::Tap => self.address(Family::V4),
            Plug::User => SocketAddr::from(([127, 0, 0, 1], PORT)),
        }
    }

    /// The same on the TAP interface; over IPv6 the link-local address (RFC 4291 appendix A).
    pub(crate) fn address(&self, family: Family) -> SocketAddr {
        let [a, b, c, d, e, f] = self.board.mac.map(u16::from);
        let [high, middle, low] = [(a ^ 2) << 8 | b, c << 8 | 0xff, 0xfe00 | d];
        let v6 = Ipv6Addr::new(0xfe80, 0, 0, 0, high, middle, low, e << 8 | f);
        match family {
            Family::V4 => SocketAddr::new(BOARD.into(), PORT),
            Family::V6 => SocketAddrV6::new(v6, PORT, 0, self.scope()).into(),
        }
    }

    fn scope(&self) -> u32 {
        if_nametoindex(INTERFACE).expect(INTERFACE)
    }

    /// A packet socket on the interface.
    pub(crate) fn wire(&self) -> Wire {
        Wire::on(INTERFACE, self.board.mac)
    }

    /// Sets the interface's MTU.
    pub(crate) fn set_mtu(&self, mtu: u32) {
        host::set_mtu(INTERFACE, mtu);
    }

    /// Waits until the board ends by itself; its exit status and last line.
    pub(crate) fn until_it_ends(&mut self) -> (Option<i32>, String) {
        let mut last = String::new();
        loop {
            match self.says.recv_timeout(PATIENCE) {
                Ok(line) => last = line,
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("still running after {PATIENCE:?}"),
            }
        }
        (self.process.wait().expect("its status").code(), last)
    }

    /// A board that has ended has panicked.
    pub(crate) fn assert_it_runs(&mut self) {
        let ended = self.process.try_wait().expect("its status");
        let said = || self.says.try_iter().last().unwrap_or_default();
        assert!(ended.is_none(), "the board has ended, {ended:?}: {}", said());
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        if thread::panicking() {
            self.says.try_iter().for_each(|line| println!("{}: {line}", self.board.name));
        }
    }
}

/// The lines of its output, read by a thread: QEMU blocks when its pipe is full.
fn lines(output: impl Read + Send + 'static) -> Receiver<String> {
    let (said, says) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if said.send(line).is_err() {
                return;
            }
        }
    });
    says
}
