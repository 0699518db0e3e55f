//! UDP, the lecture's `SOCK_DGRAM`, in memory: a server node and a client node on one cable, in virtual time.
//!
//! `cargo run --example datagrams`

use smolecho::phy::cable::Cable;
use smolecho::smoltcp::time::{Duration, Instant};
use smolecho::smoltcp::wire::{IpAddress, IpCidr};
use smolecho::{Config, DatagramStorage, Event, Node, Query, Storage, UdpService};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut now = Instant::ZERO;
    let cable = Cable::<16>::new();
    let (mut left, mut right) = cable.ends();

    // socket, bind: a node with memory for one port and a queue of 2 answers of up to 512 bytes. An answer waits
    // until the peer's hardware address is known.
    let host = IpAddress::v4(127, 0, 0, 1);
    let config = Config::new([2, 0, 0, 0, 0, 1], 1).address(IpCidr::new(host, 8))?;
    let (mut memory, mut datagrams) =
        (Storage::<1, 64>::new(), DatagramStorage::<1, 2, 512>::new());
    let memory = memory.memory().with(datagrams.memory());
    let mut server = Node::new(&config, memory, &mut left, now)?;
    server.bind(12345, UdpService::Echo)?;
    println!("Server listening on {host}:12345");

    // socket: the other node. A datagram may be lost, so a query is sent again until it is answered.
    let config =
        Config::new([2, 0, 0, 0, 0, 2], 2).address(IpCidr::new(IpAddress::v4(127, 0, 0, 2), 8))?;
    let (mut memory, mut datagrams) =
        (Storage::<1, 64>::new(), DatagramStorage::<1, 1, 512>::new());
    let memory = memory.memory().with(datagrams.memory());
    let mut client = Node::new(&config, memory, &mut right, now)?;
    client.query((host, 12345).into(), Query::new(b"Hello, Server!"))?;

    // recvfrom, sendto: the polls do this.
    let mut report = None;
    while report.is_none() {
        server.poll(now, &mut left, |event| {
            if let Event::Received { tuple, data, .. } = event {
                println!("Received data from {}: {}", tuple.remote, data.escape_ascii());
            }
        });
        client.poll(now, &mut right, |event| match event {
            Event::Received { data, .. } => {
                println!("Received from server: {}", data.escape_ascii())
            }
            Event::Reported { report: tally, .. } => report = Some(tally),
            _ => {}
        });
        // A program on a real network waits for the device or until `poll_at`; here the time is virtual.
        now += Duration::from_millis(1);
    }
    if let Some(report) = report {
        println!("{} asked, {} answered", report.sent, report.answered);
    }
    Ok(())
}
