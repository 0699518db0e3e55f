//! What every server of ours does, whatever it runs on: the kernel's sockets as its clients.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::{Shutdown, SocketAddr, TcpStream, UdpSocket},
    ops::Range,
    sync::Barrier,
    thread,
    time::Duration as Wall,
};

use crate::{
    lab::{PATIENCE, be_patient},
    pattern::{Pattern, expect_end},
};

const MIB: u64 = 1 << 20;

/// The lecture's message.
pub(crate) const HELLO: &[u8] = b"Hello, Server!";

/// Bytes of a message, around every bound there is.
pub(crate) const SIZES: [u64; 7] = [0, 1, 1023, 1024, 1025, 65_535, 65_536];

/// A kernel socket that is connected to the server, and whose reads and writes do not hang.
pub(crate) fn connect(server: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&server, PATIENCE)?;
    be_patient(&stream);
    Ok(stream)
}

/// One message there and back.
#[track_caller]
pub(crate) fn say_hello(mut stream: &TcpStream) {
    stream.write_all(HELLO).expect("send");
    let mut answer = [0; HELLO.len()];
    stream.read_exact(&mut answer).expect("recv");
    assert_eq!(answer, HELLO);
}

/// Closes our side, and expects the server to close its own and nothing else.
#[track_caller]
pub(crate) fn say_goodbye(mut stream: &TcpStream) {
    stream.shutdown(Shutdown::Write).expect("shutdown");
    expect_end(&mut stream).expect("the end");
}

/// Three messages on one connection.
pub(crate) fn dialogue(stream: &TcpStream) {
    for _ in 0..3 {
        say_hello(stream);
    }
    say_goodbye(stream);
}

/// A message of so many bytes.
pub(crate) fn message(stream: &TcpStream, len: u64) {
    Pattern::new(len as u32).echo(stream, 0..len).expect("echo");
    say_goodbye(stream);
}

/// One byte every 10 ms while 1 MiB is queued, then all the rest.
pub(crate) fn slow_reader(stream: &TcpStream) {
    let (mut reader, pattern) = (stream, Pattern::new(10));
    thread::scope(|scope| {
        let sender = scope.spawn(|| pattern.send(&mut &*stream, 0..MIB));
        for place in 0..50 {
            pattern.expect(&mut reader, place..place + 1).expect("a byte");
            thread::sleep(Wall::from_millis(10));
        }
        pattern.expect(&mut reader, 50..MIB).expect("the rest");
        sender.join().expect("sender").expect("send");
    });
    say_goodbye(stream);
}

/// Our side is closed before the answer is read, and more is under way than the server holds, so that the
/// FIN has to wait for its turn.
pub(crate) fn half_close(stream: &TcpStream) {
    let (mut reader, pattern, all) = (stream, Pattern::new(11), 0..256 * 1024);
    thread::scope(|scope| {
        let sender = scope.spawn(|| {
            pattern.send(&mut &*stream, all.clone()).expect("send");
            stream.shutdown(Shutdown::Write).expect("shutdown");
        });
        pattern.expect(&mut reader, all.clone()).expect("echo");
        sender.join().expect("sender");
    });
    expect_end(&mut reader).expect("the end");
}

/// So many peers, all inside before the first of them says anything.
pub(crate) fn peers_at_once(server: SocketAddr, peers: usize, bytes: u64) {
    let all_connected = Barrier::new(peers);
    thread::scope(|scope| {
        for peer in 0..peers {
            let all_connected = &all_connected;
            scope.spawn(move || {
                let stream = connect(server).expect("connect");
                all_connected.wait();
                Pattern::new(peer as u32).echo(&stream, 0..bytes).expect("echo");
                say_goodbye(&stream);
            });
        }
    });
}

/// More peers than the server has slots: whoever is turned away comes back when `retry` returns, until
/// all have had so many bytes back. Who is accepted is not disturbed.
pub(crate) fn crowd(server: SocketAddr, peers: usize, bytes: u64, retry: impl Fn() + Sync) {
    let served = |pattern: &Pattern| -> io::Result<()> {
        let mut stream = connect(server)?;
        // The kernel takes a connection for made before the server does.
        pattern.send(&mut stream, 0..1)?;
        pattern.expect(&mut stream, 0..1)?;
        pattern.echo(&stream, 1..bytes).expect("undisturbed");
        say_goodbye(&stream);
        Ok(())
    };
    thread::scope(|scope| {
        for peer in 0..peers {
            let (served, retry) = (&served, &retry);
            scope.spawn(move || {
                while let Err(error) = served(&Pattern::new(peer as u32)) {
                    assert!(was_turned_away(&error), "{error}");
                    retry();
                }
            });
        }
    });
}

/// With a reset; behind a relay that connects before it knows, with the end instead of a byte.
fn was_turned_away(error: &io::Error) -> bool {
    use ErrorKind::{BrokenPipe, ConnectionRefused, ConnectionReset, UnexpectedEof};
    matches!(error.kind(), ConnectionRefused | ConnectionReset | UnexpectedEof | BrokenPipe)
}

/// A kernel socket that talks to the server with datagrams, and does not wait for ever.
pub(crate) fn datagram_client(server: SocketAddr) -> UdpSocket {
    let any: SocketAddr = match server {
        SocketAddr::V4(_) => ([0; 4], 0).into(),
        SocketAddr::V6(_) => ([0; 16], 0).into(),
    };
    let socket = UdpSocket::bind(any).expect("bind");
    socket.connect(server).expect("connect");
    socket.set_read_timeout(Some(PATIENCE)).expect("timeout");
    socket
}

/// A datagram of each size there and back.
pub(crate) fn datagrams(socket: &UdpSocket, sizes: Range<usize>) {
    for len in sizes {
        let question: Vec<u8> = (0..len).map(|i| (i * 7 + i / 251 + len) as u8).collect();
        assert_echoes(socket, &question);
    }
}

#[track_caller]
pub(crate) fn assert_echoes(socket: &UdpSocket, question: &[u8]) {
    socket.send(question).expect("send");
    let mut answer = [0; 9000];
    let n = socket.recv(&mut answer).unwrap_or_else(|error| {
        panic!("no answer to {} bytes: {error}", question.len());
    });
    assert!(answer[..n] == *question, "{} bytes came back as {n}", question.len());
}
