//! `SOCK_DGRAM`.

use std::io;
use std::net::{SocketAddr, UdpSocket};

use crate::demo::page::Pen;
use crate::demo::setup::{MESSAGE, PATIENCE};
use crate::kernel::pattern::compare;
use crate::kernel::socket::towards;
use crate::output::dialogue;
use crate::output::excerpt::Excerpt;

/// The lecture's client, as far as datagrams have one.
pub(in crate::demo) fn client(server: SocketAddr, pen: &Pen) -> io::Result<()> {
    let socket = towards(server, PATIENCE)?;
    socket.send(MESSAGE)?;
    let mut data = [0; 1024];
    let len = socket.recv(&mut data)?;
    pen.say(dialogue::answer(&Excerpt::of(&data[..len])));
    compare(&data[..len], MESSAGE, 0)
}

/// The lecture's server, for one datagram.
pub(in crate::demo) fn server(socket: &UdpSocket, pen: &Pen) -> io::Result<()> {
    socket.set_read_timeout(Some(PATIENCE))?;
    let mut data = [0; 1024];
    let (len, peer) = socket.recv_from(&mut data)?;
    pen.say(dialogue::request(&Excerpt::of(&data[..len])));
    socket.send_to(&data[..len], peer).map(drop)
}
