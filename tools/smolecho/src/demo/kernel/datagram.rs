//! `SOCK_DGRAM`.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Instant;

use super::{MEASURE, PATIENCE, Pen, same};
use crate::demo::MESSAGE;
use crate::lecture;
use crate::report::Excerpt;

/// The lecture's client, as far as datagrams have one.
pub(in crate::demo) fn client(server: SocketAddr, pen: &Pen) -> io::Result<()> {
    let socket = towards(server)?;
    socket.send(MESSAGE)?;
    let mut data = [0; 1024];
    let len = socket.recv(&mut data)?;
    pen.say(lecture::answer(&Excerpt::of(&data[..len])));
    same(&data[..len], MESSAGE)
}

/// The lecture's server, for one datagram.
pub(in crate::demo) fn server(socket: &UdpSocket, pen: &Pen) -> io::Result<()> {
    socket.set_read_timeout(Some(PATIENCE))?;
    let mut data = [0; 1024];
    let (len, peer) = socket.recv_from(&mut data)?;
    pen.say(lecture::request(&Excerpt::of(&data[..len])));
    socket.send_to(&data[..len], peer).map(drop)
}

/// Round trips a second of the lecture's message, one datagram under way at a time.
pub(in crate::demo) fn round_trips(server: SocketAddr) -> io::Result<f64> {
    let socket = towards(server)?;
    let mut data = [0; MESSAGE.len() + 1];
    let (start, mut count) = (Instant::now(), 0.0);
    while start.elapsed() < MEASURE {
        socket.send(MESSAGE)?;
        let len = socket.recv(&mut data)?;
        same(&data[..len], MESSAGE)?;
        count += 1.0;
    }
    Ok(count / start.elapsed().as_secs_f64())
}

fn towards(server: SocketAddr) -> io::Result<UdpSocket> {
    let socket = match server {
        SocketAddr::V4(_) => UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?,
        SocketAddr::V6(_) => UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0))?,
    };
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.connect(server)?;
    Ok(socket)
}
