//! Path MTU discovery with the kernel as the router: its link to the client has a smaller MTU than ours.

use std::{io::Read, net::SocketAddr, sync::mpsc, thread};

use smolecho::{Listener, TcpService};

use crate::{
    host,
    lab::{Lab, Setup},
    network::{Network, Opening},
    rig::{Family, PORT},
    sockets::connect,
    trial::{Case, cases},
};

/// The smaller MTU.
const MTU: u32 = 1300;

pub(crate) fn cases() -> Vec<Case> {
    cases![families: a_stream_comes_through, an_uncut_stream_comes_through]
}

fn a_stream_comes_through(family: Family) {
    through_a_router(family, Opening::Plain);
}

/// The kernel cuts the segments, as small as the path wants them.
fn an_uncut_stream_comes_through(family: Family) {
    through_a_router(family, Opening::Offload);
}

/// A client takes 1 MB of characters.
fn through_a_router(family: Family, opening: Opening) {
    let listener = Some(Listener::new(PORT, 8).service(TcpService::Chargen));
    let buffer = if opening == Opening::Offload { 65_535 } else { 16_384 };
    let lab = Setup { opening, buffer, listener, routed: true, ..Setup::default() }.run();
    beyond_a_router(family, &lab, |server| {
        let mut stream = connect(server).expect("connect");
        stream.read_exact(&mut vec![0; 1_000_000]).expect("all of it");
    });
    let stats = lab.stats();
    assert_eq!(stats.path_mtus, 1, "{stats:?}");
}

/// Runs `talk` at the other end of a veth. The router's end of it has the smaller MTU.
fn beyond_a_router(family: Family, lab: &Lab, talk: impl FnOnce(SocketAddr) + Send) {
    const END: &str = "client0";
    let (network, server) = (&Network::new(), lab.server(family));
    let router = network.host(family);
    let (tell, told) = mpsc::channel();
    let (go_on, may_go_on) = mpsc::channel();
    host::forward_packets();
    thread::scope(|scope| {
        scope.spawn(move || {
            host::enter_beyond_a_veth(END, &network.interface);
            host::set_up(END, true);
            tell.send(()).expect("a receiver");
            may_go_on.recv().expect("the router");
            host::add_address(END, network.node(family));
            host::add_default_route(router);
            talk(server);
        });
        told.recv().expect("a veth");
        host::set_mtu(&network.interface, MTU);
        host::set_up(&network.interface, true);
        host::add_address(&network.interface, router);
        go_on.send(()).expect("the client");
    });
}
