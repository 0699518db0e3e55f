//! The common smoltcp echo loop, as in smoltcp's examples: all sockets of one set listen on the port, every
//! turn visits all of them, the device allocates each frame, and answers leave in the next turn.
//!
//! Unlike the examples it takes from a socket only what fits into the transmit buffer, and so loses no bytes.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::{read, write};
use smoltcp::iface::{Config, Interface, SocketSet, SocketStorage};
use smoltcp::phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::socket::{Socket, tcp, udp};
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::EthernetAddress;

use super::tap::open;
use crate::bench::place::PORT;
use crate::fault::Fault;
use crate::host::entropy::random;
use crate::node::clock::Clock;
use crate::node::defaults::ADDRESSES;

/// The 64 connections of the load, and some that are still in TIME-WAIT or half-open.
const SOCKETS: usize = 72;

/// Connections of the largest load.
pub(super) const CONNECTIONS: usize = 64;

const BUFFER: usize = 65_535;
/// Including the Ethernet header.
const MTU: usize = 1514;

pub(super) fn serve() -> Result<(), Fault> {
    let mut device = Tap(open()?.into_fd()?);
    let clock = Clock::start();
    let mut config = Config::new(EthernetAddress([2, 0, 0, 0, 0, 1]).into());
    config.random_seed = random();
    let mut iface = Interface::new(config, &mut device, clock.now());
    iface.update_ip_addrs(|own| {
        let _ = own.push(ADDRESSES[0]);
    });
    let mut sockets = sockets();
    let mut data = vec![0; BUFFER];
    // Opens the sockets before the first poll, which may bring a frame.
    service(&mut sockets, &mut data);
    loop {
        iface.poll(clock.now(), &mut device, &mut sockets);
        service(&mut sockets, &mut data);
        device.wait(iface.poll_delay(clock.now(), &sockets))?;
    }
}

fn service(sockets: &mut SocketSet<'_>, data: &mut [u8]) {
    for (_, socket) in sockets.iter_mut() {
        match socket {
            Socket::Tcp(socket) => stream(socket, data),
            Socket::Udp(socket) => datagrams(socket, data),
            #[allow(unreachable_patterns)] // another crate of the build may turn on more kinds
            _ => {}
        }
    }
}

fn sockets() -> SocketSet<'static> {
    let storage: Vec<SocketStorage<'static>> =
        std::iter::repeat_with(|| SocketStorage::EMPTY).take(SOCKETS).collect();
    let mut sockets = SocketSet::new(storage.leak());
    let bytes = |len: usize| vec![0; len].leak();
    for _ in 1..SOCKETS {
        let [rx, tx] = [(); 2].map(|()| tcp::SocketBuffer::new(bytes(BUFFER)));
        let mut socket = tcp::Socket::new(rx, tx);
        socket.set_nagle_enabled(false);
        socket.set_ack_delay(None);
        sockets.add(socket);
    }
    let [rx, tx] = [(); 2].map(|()| {
        udp::PacketBuffer::new(vec![udp::PacketMetadata::EMPTY; 64].leak(), bytes(BUFFER))
    });
    sockets.add(udp::Socket::new(rx, tx));
    sockets
}

fn stream(socket: &mut tcp::Socket<'_>, data: &mut [u8]) {
    if !socket.is_open() {
        let _ = socket.listen(PORT);
    }
    if socket.can_recv() {
        let room = (socket.send_capacity() - socket.send_queue()).min(data.len());
        if let Ok(len) = socket.recv_slice(&mut data[..room]) {
            let _ = socket.send_slice(&data[..len]);
        }
    } else if socket.may_send() && !socket.may_recv() {
        socket.close();
    }
}

fn datagrams(socket: &mut udp::Socket<'_>, data: &mut [u8]) {
    if !socket.is_open() {
        let _ = socket.bind(PORT);
    }
    while socket.can_send() {
        let Ok((len, from)) = socket.recv_slice(data) else { return };
        let _ = socket.send_slice(&data[..len], from);
    }
}

/// A TAP device that allocates each frame.
struct Tap(OwnedFd);

impl Tap {
    fn wait(&self, delay: Option<Duration>) -> io::Result<()> {
        let millis = delay.map(|delay| delay.total_micros().div_ceil(1000));
        let timeout = millis.and_then(|millis| PollTimeout::try_from(millis).ok());
        poll(&mut [PollFd::new(self.0.as_fd(), PollFlags::POLLIN)], timeout)?;
        Ok(())
    }
}

impl Device for Tap {
    type RxToken<'a> = Frame;
    type TxToken<'a> = Room<'a>;

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = MTU;
        capabilities
    }

    fn receive(&mut self, _: Instant) -> Option<(Frame, Room<'_>)> {
        let mut frame = vec![0; MTU];
        let len = read(&self.0, &mut frame).ok()?;
        frame.truncate(len);
        Some((Frame(frame), Room(&self.0)))
    }

    fn transmit(&mut self, _: Instant) -> Option<Room<'_>> {
        Some(Room(&self.0))
    }
}

struct Frame(Vec<u8>);

impl RxToken for Frame {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(&self.0)
    }
}

struct Room<'t>(&'t OwnedFd);

impl TxToken for Room<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        let mut frame = vec![0; len];
        let result = f(&mut frame);
        let _ = write(self.0, &frame);
        result
    }
}
