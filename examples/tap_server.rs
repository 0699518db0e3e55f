//! The lecture's server on a Linux TAP: `nc 192.168.69.1 12345` talks to it.
//!
//! ```text
//! sudo ip tuntap add dev smolecho0 mode tap user $USER
//! sudo ip address add 192.168.69.100/24 dev smolecho0 && sudo ip link set smolecho0 up
//! cargo run --example tap_server [INTERFACE]
//! ```
//! `smolecho serve` does the same, creates and configures the interface, and shuts down in order.

use std::time::{self, SystemTime, UNIX_EPOCH};

use smolecho::phy::tap::Tap;
use smolecho::smoltcp::time::Instant;
use smolecho::smoltcp::wire::{IpAddress, IpCidr};
use smolecho::{Config, Event, Listener, Node, Storage};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let name = std::env::args().nth(1).unwrap_or("smolecho0".into());
    let mut tap = Tap::open(&name)?;
    let start = time::Instant::now();
    let clock = || Instant::ZERO + start.elapsed().into();

    // socket, bind, listen: a node with memory for 16 connections, and a port with a backlog of 5.
    let host = IpAddress::v4(192, 168, 69, 1);
    let seed = SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos() as u64;
    let config = Config::new([2, 0, 0, 0, 0, 1], seed).address(IpCidr::new(host, 24))?;
    let mut memory = Storage::<16, 4096>::new();
    let mut node = Node::new(&config, memory.memory(), &mut tap, clock())?;
    node.listen(Listener::new(12345, 5))?;
    println!("Server listening on {host}:12345");

    // accept, recv, send, close: the polls do this.
    loop {
        let now = clock();
        node.poll(now, &mut tap, |event| match event {
            Event::Accepted { tuple } => println!("Accepted connection from {}", tuple.remote),
            Event::Received { data, .. } => println!("Received data: {}", data.escape_ascii()),
            _ => {}
        });
        tap.wait(node.poll_at(now).map(|at| at - now))?;
    }
}
