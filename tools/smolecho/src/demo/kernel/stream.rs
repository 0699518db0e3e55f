//! `SOCK_STREAM`.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};

use super::{PATIENCE, Pen, same};
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

fn connect(server: SocketAddr) -> io::Result<TcpStream> {
    let socket = TcpStream::connect_timeout(&server, PATIENCE)?;
    socket.set_nodelay(true)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.set_write_timeout(Some(PATIENCE))?;
    Ok(socket)
}
