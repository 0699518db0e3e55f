//! A client connection on a kernel socket; no call exceeds the deadline of the case.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use socket2::Socket;

use super::case::{Scene, Trouble, left};
use crate::kernel::cause::{cause, is_timeout};
use crate::kernel::pattern::compare;
use crate::kernel::socket::{Setup, connect};

/// A connection to the target.
pub(super) struct Peer {
    socket: TcpStream,
    until: Instant,
}

impl Peer {
    pub(super) fn connect(scene: &Scene) -> Result<Peer, Trouble> {
        Self::connect_as(scene, Setup::default())
    }

    pub(super) fn connect_as(scene: &Scene, setup: Setup) -> Result<Peer, Trouble> {
        match connect(scene.target, setup, scene.left()) {
            Ok(socket) => Ok(Self::over(socket, scene)),
            Err(error) if error.kind() == ErrorKind::AddrInUse => {
                Trouble::not_run("another program took the local port")
            }
            Err(error) => Trouble::failed(unconnected(scene, &error)),
        }
    }

    pub(super) fn over(socket: TcpStream, scene: &Scene) -> Peer {
        Peer { socket, until: scene.until }
    }

    pub(super) fn local(&self) -> Result<SocketAddr, Trouble> {
        self.socket.local_addr().or_else(|error| Trouble::not_run(error.to_string()))
    }

    pub(super) fn send(&mut self, data: &[u8]) -> Result<(), Trouble> {
        write(&self.socket, data, self.until).or_else(|(sent, error)| {
            Trouble::failed(format!(
                "{} after {sent} of {} bytes were sent",
                ended(&error),
                data.len()
            ))
        })
    }

    /// Receives exactly these bytes, in any number of pieces.
    pub(super) fn expect(&mut self, data: &[u8]) -> Result<(), Trouble> {
        read(&self.socket, data, self.until)
    }

    pub(super) fn echo(&mut self, data: &[u8]) -> Result<(), Trouble> {
        self.send(data)?;
        self.expect(data)
    }

    /// Sends and receives at once; `close` closes our side after the last byte.
    pub(super) fn echo_at_once(&mut self, data: &[u8], close: bool) -> Result<(), Trouble> {
        let (socket, until) = (&self.socket, self.until);
        let (sent, received) = thread::scope(|scope| {
            let reader = scope.spawn(|| read(socket, data, until));
            let sent = write(socket, data, until);
            if close && sent.is_ok() {
                let _ = socket.shutdown(Shutdown::Write);
            }
            (sent, reader.join())
        });
        // A missing answer says more than a failed send.
        received.unwrap_or_else(|_| Trouble::not_run("a thread of this program failed"))?;
        sent.or_else(|(sent, error)| {
            Trouble::failed(format!("{} after {sent} bytes", ended(&error)))
        })
    }

    /// Sends until the server takes no more or the case is over; returns the number of bytes.
    pub(super) fn fill(
        &mut self,
        pattern: &[u8],
        most: usize,
        pause: Duration,
    ) -> Result<usize, Trouble> {
        let mut sent = 0;
        let _ = self.socket.set_write_timeout(Some(pause.min(left(self.until) / 2)));
        while sent < most && Instant::now() < self.until {
            let at = sent % pattern.len();
            match (&self.socket).write(&pattern[at..pattern.len().min(at + most - sent)]) {
                Ok(n) => sent += n,
                Err(error) if is_timeout(&error) => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    return Trouble::failed(format!(
                        "{} after {sent} bytes were sent",
                        ended(&error)
                    ));
                }
            }
        }
        Ok(sent)
    }

    pub(super) fn half_close(&mut self) {
        let _ = self.socket.shutdown(Shutdown::Write);
    }

    /// Expects the server's FIN and no bytes before it.
    pub(super) fn expect_end(&mut self) -> Result<(), Trouble> {
        let _ = self.socket.set_read_timeout(Some(left(self.until)));
        match (&self.socket).read(&mut [0; 512]) {
            Ok(0) => Ok(()),
            Ok(n) => Trouble::failed(format!("it sent {n} bytes more than it received")),
            Err(error) if is_timeout(&error) => Trouble::failed("it did not close its side"),
            Err(error) => Trouble::failed(ended(&error)),
        }
    }

    /// Whether one byte is echoed.
    pub(super) fn is_served(&mut self, within: Duration) -> bool {
        let until = self.until.min(Instant::now() + within);
        write(&self.socket, b"?", until).is_ok() && read(&self.socket, b"?", until).is_ok()
    }

    /// Ends the connection with a reset.
    pub(super) fn reset(self) -> Result<(), Trouble> {
        let socket = Socket::from(self.socket);
        let lingers = socket.set_linger(Some(Duration::ZERO));
        lingers.or_else(|error| Trouble::not_run(format!("SO_LINGER: {error}")))
    }

    pub(super) fn socket(&self) -> &TcpStream {
        &self.socket
    }
}

/// Why there is no connection, and the usual cause.
fn unconnected(scene: &Scene, error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::ConnectionRefused => format!("{}, or every place is taken", cause(error)),
        ErrorKind::TimedOut | ErrorKind::WouldBlock => format!(
            "no answer to a SYN within {:?}: is it running, and does its receive path take TCP?",
            scene.deadline
        ),
        ErrorKind::HostUnreachable => format!("{}: see the case neighbor", cause(error)),
        _ => cause(error),
    }
}

fn write(mut socket: &TcpStream, data: &[u8], until: Instant) -> Result<(), (usize, io::Error)> {
    let mut sent = 0;
    while sent < data.len() {
        let _ = socket.set_write_timeout(Some(left(until)));
        match socket.write(&data[sent..]) {
            Ok(n) => sent += n,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err((sent, error)),
        }
    }
    Ok(())
}

fn read(mut socket: &TcpStream, data: &[u8], until: Instant) -> Result<(), Trouble> {
    let (mut received, mut buffer) = (0, [0; 16_384]);
    while received < data.len() {
        let _ = socket.set_read_timeout(Some(left(until)));
        let most = buffer.len().min(data.len() - received);
        let so_far = format!("after {received} of {} bytes", data.len());
        match socket.read(&mut buffer[..most]) {
            Ok(0) => return Trouble::failed(format!("it closed {so_far}")),
            Ok(n) => {
                Trouble::unless(compare(&buffer[..n], &data[received..received + n], received))?;
                received += n;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if is_timeout(&error) => {
                return Trouble::failed(format!("nothing more came back {so_far}"));
            }
            Err(error) => return Trouble::failed(format!("{} {so_far}", ended(&error))),
        }
    }
    Ok(())
}

fn ended(error: &io::Error) -> String {
    if is_timeout(error) { "it accepted no more data".into() } else { cause(error) }
}
