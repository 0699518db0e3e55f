//! The node compared with a kernel server at the other end of a veth: the same dialogues must give the same
//! bytes and the same kind of end.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    sync::mpsc,
    thread,
};

use smolecho::{Listener, TcpService};

use crate::{
    client::{echo, echo_once},
    host,
    lab::Setup,
    network::Network,
    rig::{Family, PORT, pattern::Pattern},
    sockets::{connect, listen},
    trial::{Case, cases},
};

pub(crate) fn cases() -> Vec<Case> {
    cases![families: any_dialogue_is_the_kernels, a_peer_that_sends_too_much_is_reset_by_both,]
}

/// The observable behavior of a server.
#[derive(PartialEq, Eq)]
struct Seen {
    bytes: Vec<u8>,
    end: Result<(), ErrorKind>,
}

/// A peer that writes these pieces and then closes its side, and reads `reads` bytes at a time meanwhile.
struct Peer {
    pattern: Pattern,
    pieces: Vec<u64>,
    reads: usize,
}

impl Peer {
    /// The peer of this number.
    fn new(number: u32) -> Peer {
        let pattern = Pattern::new(number.into());
        let dice = pattern.piece(0..32).to_vec();
        let pieces = dice[2..2 + usize::from(dice[0] % 24)].iter().map(|die| {
            // From 1 byte to more than a window, each power of two equally often.
            1 << (die % 17)
        });
        let pieces = pieces.collect();
        Peer { pieces, reads: 1 + usize::from(dice[1]) * 64, pattern }
    }

    fn talk(&self, server: SocketAddr) -> io::Result<Seen> {
        let stream = connect(server)?;
        stream.set_nodelay(true)?;
        thread::scope(|scope| {
            let sender = scope.spawn(|| {
                let mut place = 0;
                for len in &self.pieces {
                    self.pattern.send(&mut &stream, place..place + len)?;
                    place += len;
                }
                stream.shutdown(Shutdown::Write)
            });
            let seen = see(&stream, self.reads);
            sender.join().expect("the sender")?;
            Ok(seen)
        })
    }
}

/// Reads until the end of the stream.
fn see(mut stream: &TcpStream, reads: usize) -> Seen {
    let (mut bytes, mut buffer) = (Vec::new(), vec![0; reads]);
    let end = loop {
        match stream.read(&mut buffer) {
            Ok(0) => break Ok(()),
            Ok(n) => bytes.extend_from_slice(&buffer[..n]),
            Err(error) => break Err(error.kind()),
        }
    };
    Seen { bytes, end }
}

/// A kernel server for `connections` connections at the other end of a veth.
fn beside_the_kernel(
    family: Family,
    connections: usize,
    serve: fn(TcpStream),
    talk: impl FnOnce(SocketAddr),
) {
    let (network, (tell, told)) = (&Network::new(), mpsc::channel());
    let (go_on, may_go_on) = mpsc::channel();
    thread::scope(|scope| {
        scope.spawn(move || {
            const END: &str = "kernel0";
            host::enter_beyond_a_veth(END, &network.interface);
            host::set_up(END, true);
            tell.send(None).expect("a receiver");
            may_go_on.recv().expect("the other end");
            host::add_address(END, network.node(family));
            let (listener, address) = listen(network.node(family));
            tell.send(Some(address)).expect("a receiver");
            for _ in 0..connections {
                serve(listener.accept().expect("accept").0);
            }
        });
        told.recv().expect("a veth");
        host::set_up(&network.interface, true);
        host::add_address(&network.interface, network.host(family));
        go_on.send(()).expect("the other end");
        talk(told.recv().expect("a listener").expect("its address"));
    });
}

fn any_dialogue_is_the_kernels(family: Family) {
    const PEERS: u32 = 24;
    let lab = Setup::default().run();
    beside_the_kernel(family, PEERS as usize, echo, |address| {
        for number in 0..PEERS {
            let peer = Peer::new(number);
            let [ours, theirs] =
                [lab.server(family), address].map(|server| peer.talk(server).expect("a listener"));
            assert_eq!((ours.bytes.len(), ours.end), (theirs.bytes.len(), theirs.end), "{number}");
            assert!(ours.bytes == theirs.bytes, "other bytes: {number}");
            let said: u64 = peer.pieces.iter().sum();
            assert_eq!(ours.bytes.len() as u64, said, "{number}");
        }
    });
}

/// RFC 1122 section 4.2.2.13: unread data at a close is answered with a reset.
fn a_peer_that_sends_too_much_is_reset_by_both(family: Family) {
    let listener = Some(Listener::new(PORT, 8).service(TcpService::Once));
    let lab = Setup { listener, ..Setup::default() }.run();
    beside_the_kernel(family, 2, echo_once, |address| {
        for (len, end) in [(1024, Ok(())), (1025, Err(ErrorKind::ConnectionReset))] {
            for server in [lab.server(family), address] {
                let mut stream = connect(server).expect("connect");
                stream.write_all(&vec![b'!'; len]).expect("send");
                assert_eq!(see(&stream, 4096).end, end, "{len} bytes to {server}");
            }
        }
    });
}
