//! Runs a load.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use super::meter::Meter;
use super::sample::Sample;
use super::scene::{Load, Scene};
use super::{bulk, connects, datagrams, held, many, small_services, stream};

pub(crate) fn run(scene: &Scene, load: Load) -> io::Result<Sample> {
    match load {
        Load::TcpRoundTrips { bytes } => stream::round_trips(scene, bytes),
        Load::TcpPaced { per_second } => stream::paced(scene, per_second),
        Load::UdpRoundTrips { bytes } => datagrams::round_trips(scene, bytes),
        Load::UdpWindow { in_flight } => datagrams::window(scene, in_flight),
        Load::Bulk => bulk::run(scene),
        Load::Connections { count } => many::run(scene, count),
        Load::Connects { clients } => connects::run(scene, clients),
        Load::Held { connections, in_turn } => held::work(scene, connections, in_turn),
        Load::Idle { connections } => held::idle(scene, connections),
        Load::Discard => small_services::discard(scene),
        Load::Chargen => small_services::chargen(scene),
    }
}

/// Runs a load for `time`, without metering the server.
pub(crate) fn measure(target: SocketAddr, load: Load, time: Duration) -> io::Result<Sample> {
    let meter = Meter { server: None, counts_calls: false };
    run(&Scene { target, time, meter, most: u64::MAX }, load)
}
