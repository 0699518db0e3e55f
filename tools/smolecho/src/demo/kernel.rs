//! The kernel's side of the demo: sockets of the standard library.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::time::Duration;

use super::page::Pen;
use super::setup::MESSAGE;
use crate::kernel::pattern::compare;
use crate::kernel::socket::{Setup, connect, towards};
use crate::output::dialogue;
use crate::output::excerpt::Excerpt;

/// The longest wait; everything that works takes less.
const PATIENCE: Duration = Duration::from_secs(5);

/// The lecture's client.
pub(super) fn tcp_client(server: SocketAddr, pen: &Pen) -> io::Result<()> {
    let mut socket = connect(server, Setup::default(), PATIENCE)?;
    pen.say(dialogue::connected(server));
    socket.write_all(MESSAGE)?;
    let mut data = [0; 1024];
    let len = socket.read(&mut data)?;
    pen.say(dialogue::answer(&Excerpt::of(&data[..len])));
    compare(&data[..len], MESSAGE, 0)
}

/// The lecture's server, for one connection. It closes first.
pub(super) fn tcp_server(listener: &TcpListener, pen: &Pen) -> io::Result<()> {
    let (mut socket, peer) = listener.accept()?;
    socket.set_read_timeout(Some(PATIENCE))?;
    pen.say(dialogue::accepted(peer));
    let mut data = [0; 1024];
    let len = socket.read(&mut data)?;
    pen.say(dialogue::request(&Excerpt::of(&data[..len])));
    socket.write_all(&data[..len])
}

/// The lecture's client, with a datagram.
pub(super) fn udp_client(server: SocketAddr, pen: &Pen) -> io::Result<()> {
    let socket = towards(server, PATIENCE)?;
    socket.send(MESSAGE)?;
    let mut data = [0; 1024];
    let len = socket.recv(&mut data)?;
    pen.say(dialogue::answer(&Excerpt::of(&data[..len])));
    compare(&data[..len], MESSAGE, 0)
}

/// The lecture's server, for one datagram.
pub(super) fn udp_server(socket: &UdpSocket, pen: &Pen) -> io::Result<()> {
    socket.set_read_timeout(Some(PATIENCE))?;
    let mut data = [0; 1024];
    let (len, peer) = socket.recv_from(&mut data)?;
    pen.say(dialogue::request(&Excerpt::of(&data[..len])));
    socket.send_to(&data[..len], peer).map(drop)
}
