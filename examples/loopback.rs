//! The lecture's TCP dialogue in memory: a server node and a client node on one cable, in virtual time.
//!
//! `cargo run --example loopback`

use smolecho::phy::cable::Cable;
use smolecho::smoltcp::time::{Duration, Instant};
use smolecho::smoltcp::wire::{IpAddress, IpCidr};
use smolecho::{Config, Event, Listener, Message, Node, Storage};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut now = Instant::ZERO;
    let cable = Cable::<16>::new();
    let (mut left, mut right) = cable.ends();

    // socket, bind, listen: a node with memory for 4 connections, and a port with a backlog of 5.
    let host = IpAddress::v4(127, 0, 0, 1);
    let config = Config::new([2, 0, 0, 0, 0, 1], 1).address(IpCidr::new(host, 8))?;
    let mut memory = Storage::<4, 1024>::new();
    let mut server = Node::new(&config, memory.memory(), &mut left, now)?;
    server.listen(Listener::new(12345, 5))?;
    println!("Server listening on {host}:12345");

    // socket, connect: the other node, with memory for one.
    let config =
        Config::new([2, 0, 0, 0, 0, 2], 2).address(IpCidr::new(IpAddress::v4(127, 0, 0, 2), 8))?;
    let mut memory = Storage::<1, 1024>::new();
    let mut client = Node::new(&config, memory.memory(), &mut right, now)?;
    client.connect((host, 12345).into(), Message::new(b"Hello, Server!"), now)?;

    // accept, recv, send, close: the polls do this.
    let mut open = true;
    while open {
        server.poll(now, &mut left, |event| match event {
            Event::Accepted { tuple } => println!("Accepted connection from {}", tuple.remote),
            Event::Received { data, .. } => println!("Received data: {}", data.escape_ascii()),
            _ => {}
        });
        client.poll(now, &mut right, |event| match event {
            Event::Connected { tuple } => println!("Connected to server on {}", tuple.remote),
            Event::Received { data, .. } => {
                println!("Received from server: {}", data.escape_ascii())
            }
            Event::Closed { reason: end, .. } => {
                println!("Connection {}", end.name());
                open = false;
            }
            _ => {}
        });
        // A program on a real network waits for the device or until `poll_at`; here the time is virtual.
        now += Duration::from_millis(1);
    }
    Ok(())
}
