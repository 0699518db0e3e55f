//! Connections and datagrams, with a limit on every wait.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use nix::errno::Errno;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use crate::fault::errno;

/// How a connection differs from the usual.
#[derive(Clone, Copy, Default)]
pub(crate) struct Setup {
    /// The local address and port; chosen by the kernel if `None`.
    pub(crate) local: Option<SocketAddr>,
    /// Bytes of each kernel buffer; the kernel's default if `None`.
    pub(crate) buffers: Option<usize>,
}

/// A connection without Nagle's algorithm. Connecting and every later call take at most `limit` (`SO_SNDTIMEO`, man 7
/// socket).
pub(crate) fn connect(target: SocketAddr, setup: Setup, limit: Duration) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(target), Type::STREAM, Some(Protocol::TCP))?;
    if let Some(bytes) = setup.buffers {
        socket.set_send_buffer_size(bytes)?;
        socket.set_recv_buffer_size(bytes)?;
    }
    if let Some(local) = setup.local {
        socket.set_reuse_address(true)?;
        socket.bind(&SockAddr::from(local))?;
    }
    socket.set_write_timeout(Some(limit))?;
    socket.set_read_timeout(Some(limit))?;
    socket.set_tcp_nodelay(true)?;
    socket.connect(&SockAddr::from(target)).map_err(|error| match errno(&error) {
        // The limit has passed (man 7 socket).
        Errno::EINPROGRESS => ErrorKind::TimedOut.into(),
        _ => error,
    })?;
    Ok(socket.into())
}

/// A socket that sends to `target` and receives from it alone; a wait takes at most `limit`.
pub(crate) fn towards(target: SocketAddr, limit: Duration) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind((unspecified(target), 0))?;
    socket.set_read_timeout(Some(limit))?;
    socket.connect(target)?;
    Ok(socket)
}

/// The unspecified address of `target`'s family.
pub(crate) fn unspecified(target: SocketAddr) -> IpAddr {
    if target.is_ipv4() { [0; 4].into() } else { [0; 16].into() }
}
