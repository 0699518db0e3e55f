//! An echo server on the kernel's sockets: one thread, level-triggered epoll, one `recv` and one `send` per
//! request. It runs in its own network namespace at one end of a veth.

use std::io::{self, BufRead, Read, Write};
use std::net::{IpAddr, TcpListener, TcpStream, UdpSocket};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

use crate::bench::place::{LINK, PORT};
use crate::fault::Fault;
use crate::host::link::{Links, exists};
use crate::host::netns;
use crate::node::defaults::ADDRESSES;
use crate::output::stdout::Stdout;

/// How long the veth may take to appear.
const PATIENCE: Duration = Duration::from_secs(10);

const LISTENER: u64 = u64::MAX;
const DATAGRAMS: u64 = u64::MAX - 1;

/// Prints a line once the namespace exists; a line on stdin says that the veth is in it.
pub(super) fn serve() -> Result<(), Fault> {
    netns::enter_private()?;
    let mut out = Stdout::new();
    out.line("ready");
    out.check()?;
    io::stdin().lock().read_line(&mut String::new())?;
    let limit = Instant::now() + PATIENCE;
    while !exists(LINK) {
        if Instant::now() > limit {
            return Err(Fault::machine(format!("{LINK} has not appeared in this namespace")));
        }
        sleep(Duration::from_millis(1));
    }
    let mut links = Links::open()?;
    links.set_up(LINK, true)?;
    links.add_address(LINK, ADDRESSES[0])?;
    Echo::open()?.serve().map_err(Fault::from)
}

struct Echo {
    epoll: Epoll,
    listener: TcpListener,
    datagrams: UdpSocket,
    streams: Vec<Option<Stream>>,
    free: Vec<usize>,
    buffer: Vec<u8>,
}

/// A connection, and the bytes that its socket did not take yet.
struct Stream {
    socket: TcpStream,
    rest: Vec<u8>,
}

impl Echo {
    fn open() -> io::Result<Echo> {
        let address = (IpAddr::from(ADDRESSES[0].address()), PORT);
        let (listener, datagrams) = (TcpListener::bind(address)?, UdpSocket::bind(address)?);
        listener.set_nonblocking(true)?;
        datagrams.set_nonblocking(true)?;
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        epoll.add(&listener, EpollEvent::new(EpollFlags::EPOLLIN, LISTENER))?;
        epoll.add(&datagrams, EpollEvent::new(EpollFlags::EPOLLIN, DATAGRAMS))?;
        let (streams, free) = (Vec::new(), Vec::new());
        Ok(Echo { epoll, listener, datagrams, streams, free, buffer: vec![0; 256 * 1024] })
    }

    fn serve(mut self) -> io::Result<()> {
        let mut events = [EpollEvent::empty(); 64];
        loop {
            let ready = match self.epoll.wait(&mut events, EpollTimeout::NONE) {
                Err(nix::errno::Errno::EINTR) => continue,
                ready => ready?,
            };
            for event in &events[..ready] {
                match event.data() {
                    LISTENER => self.accept()?,
                    DATAGRAMS => self.datagram(),
                    at => self.stream(at as usize, event.events())?,
                }
            }
        }
    }

    fn accept(&mut self) -> io::Result<()> {
        // The client may have gone meanwhile.
        let Ok((socket, _)) = self.listener.accept() else { return Ok(()) };
        socket.set_nonblocking(true)?;
        socket.set_nodelay(true)?;
        let at = self.free.pop().unwrap_or(self.streams.len());
        self.epoll.add(&socket, EpollEvent::new(EpollFlags::EPOLLIN, at as u64))?;
        let stream = Some(Stream { socket, rest: Vec::new() });
        if at == self.streams.len() {
            self.streams.push(stream);
        } else {
            self.streams[at] = stream;
        }
        Ok(())
    }

    fn datagram(&mut self) {
        if let Ok((len, peer)) = self.datagrams.recv_from(&mut self.buffer) {
            let _ = self.datagrams.send_to(&self.buffer[..len], peer);
        }
    }

    fn stream(&mut self, at: usize, events: EpollFlags) -> io::Result<()> {
        let Some(stream) = &mut self.streams[at] else { return Ok(()) };
        let had = stream.rest.len();
        let goes_on = if events.contains(EpollFlags::EPOLLOUT) {
            stream.flush()
        } else {
            stream.echo(&mut self.buffer)
        };
        if goes_on.is_err() {
            // Closing a socket also removes it from the epoll set.
            self.streams[at] = None;
            self.free.push(at);
            return Ok(());
        }
        let waits = !stream.rest.is_empty();
        if waits != (had > 0) {
            let flags = if waits { EpollFlags::EPOLLOUT } else { EpollFlags::EPOLLIN };
            self.epoll.modify(&stream.socket, &mut EpollEvent::new(flags, at as u64))?;
        }
        Ok(())
    }
}

impl Stream {
    /// Echoes what has arrived. An error ends the connection.
    fn echo(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        let len = match self.socket.read(buffer) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(len) => len,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        };
        let sent = send(&mut self.socket, &buffer[..len])?;
        self.rest.extend_from_slice(&buffer[sent..len]);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        let sent = send(&mut self.socket, &self.rest)?;
        self.rest.drain(..sent);
        Ok(())
    }
}

fn send(socket: &mut TcpStream, data: &[u8]) -> io::Result<usize> {
    match socket.write(data) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
        sent => sent,
    }
}
