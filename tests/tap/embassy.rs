//! embassy's TAP driver behind the bridge, in an executor, with kernel sockets.

use std::{
    future::pending, net::TcpStream, os::unix::net::UnixStream, thread, time::Instant as Start,
};

use async_io::{Async, Timer, block_on};
use embassy_net_tuntap::TunTapDevice;
use futures_lite::future::or;
use smolecho::{
    Config, Event, Listener, Node, Storage,
    phy::embassy::Bridge,
    smoltcp::{time::Instant, wire::IpCidr},
};

use crate::{
    host,
    network::Network,
    rig::{Family, PORT, pattern::Pattern},
    trial::{Case, cases},
};

pub(crate) fn cases() -> Vec<Case> {
    cases![an_executor_serves_the_kernel]
}

/// Many windows both ways.
const BYTES: u64 = 1 << 20;

fn an_executor_serves_the_kernel() {
    let network = Network::new();
    let driver = TunTapDevice::new(&network.interface).expect("a TAP");
    host::set_up(&network.interface, true);
    host::add_address(&network.interface, network.host(Family::V4));

    let (ours, theirs) = UnixStream::pair().expect("a pair");
    let server = (network.node(Family::V4), PORT);
    let accepted = thread::scope(|scope| {
        let node = scope.spawn(|| block_on(serve(driver, &network, theirs)));
        let stream = TcpStream::connect(server).expect("connect");
        Pattern::new(5).echo(&stream, 0..BYTES).expect("every byte comes back");
        // The other end becomes readable, which ends the executor's task.
        drop(ours);
        node.join().expect("the node")
    });
    assert_eq!(accepted, 1);
}

/// Serves until `end` is readable, and returns the number of connections.
async fn serve(mut driver: TunTapDevice, network: &Network, end: UnixStream) -> u32 {
    driver.set_hardware_address(network.node_mac());
    let mut bridge = Bridge::new(driver).expect("Ethernet");
    let address = IpCidr::new(network.node(Family::V4).into(), 24);
    let config = Config::new(bridge.hardware_address(), 3).address(address).expect("an address");
    let mut storage = Storage::<2, 4096>::new();
    let mut node =
        Node::new(&config, storage.memory(), &mut bridge, Instant::ZERO).expect("a node");
    node.listen(Listener::new(PORT, 2)).expect("a port");

    let (start, mut accepted) = (Start::now(), 0);
    let clock = || Instant::from_micros(start.elapsed().as_micros() as i64);
    let timer = async |due: Option<Instant>| match due {
        Some(due) => drop(Timer::after((due - clock()).into()).await),
        None => pending().await,
    };
    let count = |event: Event<'_>| accepted += u32::from(matches!(event, Event::Accepted { .. }));
    let run = async { smolecho::run(&mut node, &mut bridge, clock, timer, count).await };
    let end = Async::new(end).expect("a socket to wait for");
    or(run, async { end.readable().await.expect("its end") }).await;
    accepted
}
