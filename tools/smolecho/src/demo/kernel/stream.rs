//! `SOCK_STREAM`.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener};

use crate::demo::page::Pen;
use crate::demo::setup::{MESSAGE, PATIENCE};
use crate::kernel::pattern::compare;
use crate::kernel::socket::{Setup, connect};
use crate::output::dialogue;
use crate::output::excerpt::Excerpt;

/// The lecture's client.
pub(in crate::demo) fn client(server: SocketAddr, pen: &Pen) -> io::Result<()> {
    let mut socket = connect(server, Setup::default(), PATIENCE)?;
    pen.say(dialogue::connected(server));
    socket.write_all(MESSAGE)?;
    let mut data = [0; 1024];
    let len = socket.read(&mut data)?;
    pen.say(dialogue::answer(&Excerpt::of(&data[..len])));
    compare(&data[..len], MESSAGE, 0)
}

/// The lecture's server, for one connection. It closes first.
pub(in crate::demo) fn server(listener: &TcpListener, pen: &Pen) -> io::Result<()> {
    let (mut socket, peer) = listener.accept()?;
    socket.set_read_timeout(Some(PATIENCE))?;
    pen.say(dialogue::accepted(peer));
    let mut data = [0; 1024];
    let len = socket.read(&mut data)?;
    pen.say(dialogue::request(&Excerpt::of(&data[..len])));
    socket.write_all(&data[..len])
}
