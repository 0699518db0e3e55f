//! The node beside the kernel's own echo at the other end of a veth: the same peers say the same to both,
//! and have to get the same bytes back and the same kind of end.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    sync::mpsc,
    thread,
};

use smolecho::{Listener, TcpService};

use crate::{
    host,
    lab::{Family, Network, PORT, Setup, listen},
    pattern::Pattern,
    served::connect,
    trial::{Case, cases},
};

pub(crate) fn cases() -> Vec<Case> {
    cases![families: any_dialogue_is_the_kernels, whoever_says_too_much_is_reset_by_both,]
}

/// How a server looks from outside.
#[derive(PartialEq, Eq)]
struct Seen {
    bytes: Vec<u8>,
    end: Result<(), ErrorKind>,
}

/// What a peer does: writes these pieces, closes its side, and reads all the while in such pieces.
struct Peer {
    pattern: Pattern,
    pieces: Vec<u64>,
    reads: usize,
}

impl Peer {
    /// One of many, by its number.
    fn new(number: u32) -> Peer {
        let pattern = Pattern::new(number);
        let dice = pattern.piece(&(0..32)).to_vec();
        let pieces = dice[2..2 + usize::from(dice[0] % 24)].iter().map(|die| {
            // As often a byte or two as more than a window.
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

/// Everything until the end.
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

/// The kernel's sockets as the server, for as many connections, at the other end of a veth.
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
            tell.send(None).expect("somebody waits");
            may_go_on.recv().expect("the other end");
            host::add_address(END, network.node(family));
            let (listener, address) = listen(network.node(family));
            tell.send(Some(address)).expect("somebody waits");
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

fn echo(mut stream: TcpStream) {
    let mut reader = stream.try_clone().expect("a second handle");
    io::copy(&mut reader, &mut stream).expect("echo");
}

/// The lecture's: one `recv(1024)`, and closed.
fn once(mut stream: TcpStream) {
    let mut data = [0; 1024];
    let n = stream.read(&mut data).expect("recv");
    stream.write_all(&data[..n]).expect("send");
}

fn any_dialogue_is_the_kernels(family: Family) {
    const PEERS: u32 = 24;
    let lab = Setup::default().run();
    beside_the_kernel(family, PEERS as usize, echo, |address| {
        for number in 0..PEERS {
            let peer = Peer::new(number);
            let [ours, theirs] = [lab.server(family), address]
                .map(|server| peer.talk(server).expect("somebody who listens"));
            assert_eq!((ours.bytes.len(), ours.end), (theirs.bytes.len(), theirs.end), "{number}");
            assert!(ours.bytes == theirs.bytes, "other bytes: {number}");
            let said: u64 = peer.pieces.iter().sum();
            assert_eq!(ours.bytes.len() as u64, said, "{number}");
        }
    });
}

/// RFC 1122 section 4.2.2.13: data that nobody will read is answered with a reset.
fn whoever_says_too_much_is_reset_by_both(family: Family) {
    let listener = Some(Listener::new(PORT, 8).service(TcpService::Once));
    let lab = Setup { listener, ..Setup::default() }.run();
    beside_the_kernel(family, 2, once, |address| {
        for (len, end) in [(1024, Ok(())), (1025, Err(ErrorKind::ConnectionReset))] {
            for server in [lab.server(family), address] {
                let mut stream = connect(server).expect("connect");
                stream.write_all(&vec![b'!'; len]).expect("send");
                assert_eq!(see(&stream, 4096).end, end, "{len} bytes to {server}");
            }
        }
    });
}
