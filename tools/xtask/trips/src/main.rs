//! Round trips of a 14-byte message in virtual time. `trips node CONNECTIONS ROUNDS` runs them over a node, on
//! one of its established connections; `trips smoltcp ROUNDS` over smoltcp alone, with one socket.
//! `cargo xtask instructions` counts the functions of [`counted`].

mod counted;
mod line;
mod peer;

use std::{env, process::ExitCode};

use counted::{Alone, Stack};
use line::Line;
use peer::{Connection, PORT, SERVER, SERVER_MAC};
use smolecho::{
    Config, Listener, Node, Storage,
    smoltcp::{
        time::{Duration, Instant},
        wire::IpCidr,
    },
};
use static_cell::ConstStaticCell;

const MESSAGE: &[u8] = b"Hello, Server!";
const CONNECTIONS: usize = 10_000;
const BUFFER: usize = 64;

static STORAGE: ConstStaticCell<Storage<'static, CONNECTIONS, BUFFER>> =
    ConstStaticCell::new(Storage::new());

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments[..] {
        ["node", connections, rounds] => {
            number(connections).zip(number(rounds)).is_some_and(|(connections, rounds)| {
                run(&mut node(), connections.min(CONNECTIONS), rounds)
            })
        }
        ["smoltcp", rounds] => {
            number(rounds).is_some_and(|rounds| run(&mut Alone::new(&mut Line::new()), 1, rounds))
        }
        _ => false,
    };
    if done { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn number(text: &str) -> Option<usize> {
    text.parse().ok()
}

fn node() -> Node<'static> {
    let config = Config::new(SERVER_MAC.0, 1)
        .address(IpCidr::new(SERVER.into(), 24))
        .expect("an address that can be");
    let memory = STORAGE.take().memory();
    let mut node =
        Node::new(&config, memory, &mut Line::new(), Instant::ZERO).expect("memory enough");
    node.listen(Listener::new(PORT, 5)).expect("a port that is free");
    node
}

/// Establishes the connections with one echo each, then runs round trips on the first. False if an echo differs,
/// or if the idle stack has a timer before the idle deadline.
fn run(stack: &mut impl Stack, connections: usize, rounds: usize) -> bool {
    let mut line = Line::new();
    let mut now = Instant::ZERO;
    line.arrive(&peer::question());
    stack.set_up(now, &mut line);
    line.depart();

    let mut peers = Vec::new();
    for port in (1024..).take(connections) {
        let mut peer = Connection::new(port);
        line.arrive(&peer.syn());
        stack.set_up(now, &mut line);
        peer.hear(line.depart());
        line.arrive(&peer.say(&[]));
        stack.set_up(now, &mut line);
        line.arrive(&peer.say(MESSAGE));
        stack.set_up(now, &mut line);
        if peer.hear(line.depart()) != Some(MESSAGE) {
            return false;
        }
        line.arrive(&peer.say(&[]));
        stack.set_up(now, &mut line);
        peers.push(peer);
    }
    // The first timer is the idle deadline of 300 s.
    if stack.is_due_within(Duration::from_secs(299), now, &mut line) {
        return false;
    }
    (0..rounds).all(|_| {
        now += Duration::from_millis(1);
        line.arrive(&peers[0].say(MESSAGE));
        stack.round_trip(now, &mut line);
        peers[0].hear(line.depart()) == Some(MESSAGE)
    })
}
