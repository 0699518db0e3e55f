//! The kernel's sockets with timeouts: a call that hangs fails after [`PATIENCE`].

use std::{
    io,
    net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket},
    time::Duration as Wall,
};

use nix::sys::{
    socket::{setsockopt, sockopt},
    time::{TimeVal, TimeValLike},
};

/// A call without progress for this long hangs.
pub(crate) const PATIENCE: Wall = Wall::from_secs(60);

/// A TCP socket connected to `server`.
pub(crate) fn connect(server: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&server, PATIENCE)?;
    be_patient(&stream);
    Ok(stream)
}

/// Sets both timeouts of a stream.
pub(crate) fn be_patient(stream: &TcpStream) {
    stream.set_read_timeout(Some(PATIENCE)).expect("read timeout");
    stream.set_write_timeout(Some(PATIENCE)).expect("write timeout");
}

/// A TCP listener on a free port.
pub(crate) fn listen(address: IpAddr) -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((address, 0)).expect("listen");
    let patience = TimeVal::seconds(PATIENCE.as_secs().cast_signed());
    setsockopt(&listener, sockopt::ReceiveTimeout, &patience).expect("SO_RCVTIMEO");
    let address = listener.local_addr().expect("address");
    (listener, address)
}

/// A UDP socket connected to `server`.
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
