//! `SOCK_STREAM`.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use super::{MEASURE, PATIENCE, Pen, differ, same};
use crate::demo::MESSAGE;
use crate::lecture;
use crate::report::Excerpt;

/// The lecture's client.
pub(in crate::demo) fn client(server: SocketAddr, pen: &Pen) -> io::Result<()> {
    let mut socket = connect(server)?;
    pen.say(lecture::connected(server));
    socket.write_all(MESSAGE)?;
    let mut data = [0; 1024];
    let len = socket.read(&mut data)?;
    pen.say(lecture::answer(&Excerpt::of(&data[..len])));
    same(&data[..len], MESSAGE)
}

/// The lecture's server, for one connection. It closes first.
pub(in crate::demo) fn server(listener: &TcpListener, pen: &Pen) -> io::Result<()> {
    let (mut socket, peer) = listener.accept()?;
    socket.set_read_timeout(Some(PATIENCE))?;
    pen.say(lecture::accepted(peer));
    let mut data = [0; 1024];
    let len = socket.read(&mut data)?;
    pen.say(lecture::request(&Excerpt::of(&data[..len])));
    socket.write_all(&data[..len])
}

/// Round trips a second of the lecture's message over one connection.
pub(in crate::demo) fn round_trips(server: SocketAddr) -> io::Result<f64> {
    let mut socket = connect(server)?;
    let mut data = [0; MESSAGE.len()];
    let (start, mut count) = (Instant::now(), 0.0);
    while start.elapsed() < MEASURE {
        socket.write_all(MESSAGE)?;
        socket.read_exact(&mut data)?;
        same(&data, MESSAGE)?;
        count += 1.0;
    }
    Ok(count / start.elapsed().as_secs_f64())
}

/// Bytes a second over one connection that is written and read at once.
pub(in crate::demo) fn bulk(server: SocketAddr) -> io::Result<f64> {
    // A length without a common factor with any segment's: bytes that change places are noticed.
    let pattern: Vec<u8> = (0..65_521_u32).map(|i| ((i * 31) >> 3) as u8).collect();
    let socket = connect(server)?;
    let start = Instant::now();
    let bytes = thread::scope(|scope| {
        let reader = scope.spawn(|| compare(&socket, &pattern));
        let sent = write_for(MEASURE, &socket, &pattern)?;
        let received = reader.join().map_err(|_| io::Error::other("the reader failed"))??;
        if received == sent { Ok(received) } else { Err(differ()) }
    })?;
    Ok(bytes as f64 / start.elapsed().as_secs_f64())
}

fn write_for(time: Duration, mut socket: &TcpStream, pattern: &[u8]) -> io::Result<u64> {
    let (start, mut sent) = (Instant::now(), 0);
    while start.elapsed() < time {
        socket.write_all(pattern)?;
        sent += pattern.len() as u64;
    }
    socket.shutdown(Shutdown::Write)?;
    Ok(sent)
}

/// Reads until the peer closes, and says how much it was.
fn compare(mut socket: &TcpStream, pattern: &[u8]) -> io::Result<u64> {
    let mut data = vec![0; 256 * 1024];
    let mut received = 0;
    loop {
        let len = socket.read(&mut data)?;
        if len == 0 {
            return Ok(received as u64);
        }
        let mut rest = &data[..len];
        while !rest.is_empty() {
            let expected = &pattern[received % pattern.len()..];
            let len = rest.len().min(expected.len());
            same(&rest[..len], &expected[..len])?;
            received += len;
            rest = &rest[len..];
        }
    }
}

fn connect(server: SocketAddr) -> io::Result<TcpStream> {
    let socket = TcpStream::connect_timeout(&server, PATIENCE)?;
    socket.set_nodelay(true)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.set_write_timeout(Some(PATIENCE))?;
    Ok(socket)
}
