//! Dialogues of kernel sockets with a server, on a TAP interface or on a board.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::{Shutdown, SocketAddr, TcpStream, UdpSocket},
    ops::Range,
    sync::Barrier,
    thread,
    time::Duration as Wall,
};

use crate::{
    rig::pattern::{Pattern, pattern},
    sockets::connect,
    stream::expect_end,
};

const MIB: u64 = 1 << 20;

/// The message of the lecture.
pub(crate) const HELLO: &[u8] = b"Hello, Server!";

/// Bytes of a message: around each bound of the server.
pub(crate) const SIZES: [u64; 7] = [0, 1, 1023, 1024, 1025, 65_535, 65_536];

/// One message and its echo.
#[track_caller]
pub(crate) fn say_hello(stream: &TcpStream) {
    try_hello(stream).expect("echo");
}

/// The same with a server that may reset the connection instead.
pub(crate) fn try_hello(mut stream: &TcpStream) -> io::Result<()> {
    stream.write_all(HELLO)?;
    let mut answer = [0; HELLO.len()];
    stream.read_exact(&mut answer)?;
    assert_eq!(answer, HELLO);
    Ok(())
}

/// Closes our side and expects the server's FIN, without another byte.
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

/// A message of `len` bytes and its echo.
pub(crate) fn message(stream: &TcpStream, len: u64) {
    Pattern::new(len).echo(stream, 0..len).expect("echo");
    say_goodbye(stream);
}

/// Reads one byte every 10 ms while 1 MiB is queued, then the rest.
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

/// Closes our side before it reads the echo. The server's buffers hold less than is under way, so its FIN
/// must wait.
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

/// All peers are connected before the first of them sends.
pub(crate) fn peers_at_once(server: SocketAddr, peers: usize, bytes: u64) {
    let all_connected = Barrier::new(peers);
    thread::scope(|scope| {
        for peer in 0..peers {
            let all_connected = &all_connected;
            scope.spawn(move || {
                let stream = connect(server).expect("connect");
                all_connected.wait();
                Pattern::new(peer as u64).echo(&stream, 0..bytes).expect("echo");
                say_goodbye(&stream);
            });
        }
    });
}

/// More peers than the server has slots: a refused peer connects again when `retry` returns, until each
/// has its `bytes` echoed. An accepted peer must be served to its end.
pub(crate) fn crowd(server: SocketAddr, peers: usize, bytes: u64, retry: impl Fn() + Sync) {
    let served = |pattern: &Pattern| -> io::Result<()> {
        let mut stream = connect(server)?;
        // The kernel's side is established before the server's: only an echoed byte proves a connection.
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
                while let Err(error) = served(&Pattern::new(peer as u64)) {
                    assert!(was_turned_away(&error), "{error}");
                    retry();
                }
            });
        }
    });
}

/// A reset; or behind QEMU's relay, which accepts first, a FIN instead of a byte.
fn was_turned_away(error: &io::Error) -> bool {
    use ErrorKind::{BrokenPipe, ConnectionRefused, ConnectionReset, UnexpectedEof};
    matches!(error.kind(), ConnectionRefused | ConnectionReset | UnexpectedEof | BrokenPipe)
}

/// A datagram of each size and its echo.
pub(crate) fn datagrams(socket: &UdpSocket, sizes: Range<usize>) {
    for len in sizes {
        assert_echoes(socket, &pattern(len..2 * len));
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
