//! The lecture's client on a Linux TAP; `socat TCP-LISTEN:12345,fork EXEC:cat` is a server for it.
//!
//! ```text
//! sudo ip tuntap add dev smolecho0 mode tap user $USER
//! sudo ip address add 192.168.69.100/24 dev smolecho0 && sudo ip link set smolecho0 up
//! cargo run --example tap_client [INTERFACE]
//! ```
//! `smolecho client` does the same with options for the server's address and the message, and explains errors.

use std::time::{self, SystemTime, UNIX_EPOCH};

use smolecho::phy::tap::Tap;
use smolecho::smoltcp::time::Instant;
use smolecho::smoltcp::wire::{IpAddress, IpCidr};
use smolecho::{Config, Event, Message, Node, Storage};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let name = std::env::args().nth(1).unwrap_or("smolecho0".into());
    let mut tap = Tap::open(&name)?;
    let start = time::Instant::now();
    let clock = || Instant::ZERO + start.elapsed().into();

    // socket, connect: a node with memory for one connection.
    let address = IpCidr::new(IpAddress::v4(192, 168, 69, 1), 24);
    let server = (IpAddress::v4(192, 168, 69, 100), 12345).into();
    let seed = SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos() as u64;
    let config = Config::new([2, 0, 0, 0, 0, 1], seed).address(address)?;
    let mut memory = Storage::<1, 4096>::new();
    let mut node = Node::new(&config, memory.memory(), &mut tap, clock())?;
    node.connect(server, Message::new(b"Hello, Server!"), clock())?;

    // send, recv, close: the polls do this.
    let mut ended = None;
    while ended.is_none() {
        let now = clock();
        tap.wait(node.poll_at(now).map(|at| at - now))?;
        node.poll(clock(), &mut tap, |event| match event {
            Event::Connected { tuple } => println!("Connected to server on {}", tuple.remote),
            Event::Received { data, .. } => {
                println!("Received from server: {}", data.escape_ascii());
            }
            Event::Closed { reason: end, .. } => ended = Some(end),
            _ => {}
        });
    }
    println!("Connection {}", ended.map_or("", |end| end.name()));
    Ok(())
}
