//! The counted functions. They are not inlined: `cargo xtask instructions` names them.

use std::hint::black_box;

use smolecho::{
    Node,
    smoltcp::{
        iface::{Config, Interface, SocketHandle, SocketSet, SocketStorage},
        socket::tcp::{Socket, SocketBuffer},
        time::{Duration, Instant},
        wire::{HardwareAddress, IpCidr},
    },
};

use crate::{
    line::Line,
    peer::{PORT, SERVER, SERVER_MAC},
};

/// A stack that echoes.
pub(crate) trait Stack {
    /// Receives the frame on the line and answers it.
    fn set_up(&mut self, now: Instant, line: &mut Line);

    /// The same, in the counted functions.
    fn round_trip(&mut self, now: Instant, line: &mut Line);

    /// Whether a timer is due within `time`.
    fn is_due_within(&mut self, time: Duration, now: Instant, line: &mut Line) -> bool;
}

impl Stack for Node<'_> {
    fn set_up(&mut self, now: Instant, line: &mut Line) {
        self.poll(now, line, |_| {});
    }

    fn round_trip(&mut self, now: Instant, line: &mut Line) {
        turn(self, now, line);
    }

    fn is_due_within(&mut self, time: Duration, now: Instant, line: &mut Line) -> bool {
        self.poll(now, line, |_| {});
        self.poll_at(now).is_some_and(|at| at <= now + time)
    }
}

/// The body of a program's loop: poll, then poll_at.
#[inline(never)]
fn turn(node: &mut Node<'_>, now: Instant, line: &mut Line) {
    node.poll(now, line, |_| {});
    black_box(node.poll_at(now));
}

/// smoltcp with one socket and the fewest calls: a lower bound.
pub(crate) struct Alone {
    iface: Interface,
    sockets: SocketSet<'static>,
    handle: SocketHandle,
}

impl Alone {
    pub(crate) fn new(line: &mut Line) -> Alone {
        let mut config = Config::new(HardwareAddress::Ethernet(SERVER_MAC));
        config.random_seed = 1;
        let mut iface = Interface::new(config, line, Instant::ZERO);
        iface.update_ip_addrs(|addresses| {
            addresses.push(IpCidr::new(SERVER.into(), 24)).expect("room for one");
        });
        let [rx, tx] = [1024; 2].map(|len| SocketBuffer::new(vec![0; len].leak()));
        let mut socket = Socket::new(rx, tx);
        socket.set_nagle_enabled(false);
        socket.set_ack_delay(None);
        socket.listen(PORT).expect("a closed socket");
        let mut sockets = SocketSet::new(vec![SocketStorage::EMPTY].leak());
        let handle = sockets.add(socket);
        Alone { iface, sockets, handle }
    }

    fn echo(&mut self) {
        let socket = self.sockets.get_mut::<Socket<'_>>(self.handle);
        let mut bytes = [0; 64];
        if let Ok(len @ 1..) = socket.recv_slice(&mut bytes) {
            socket.send_slice(&bytes[..len]).expect("room for what has come");
        }
    }
}

impl Stack for Alone {
    fn set_up(&mut self, now: Instant, line: &mut Line) {
        self.iface.poll(now, line, &mut self.sockets);
        self.echo();
        self.iface.poll(now, line, &mut self.sockets);
    }

    fn round_trip(&mut self, now: Instant, line: &mut Line) {
        ingress(&mut self.iface, now, line, &mut self.sockets);
        self.echo();
        egress(&mut self.iface, now, line, &mut self.sockets);
    }

    fn is_due_within(&mut self, time: Duration, now: Instant, _: &mut Line) -> bool {
        self.iface.poll_at(now, &self.sockets).is_some_and(|at| at <= now + time)
    }
}

#[inline(never)]
fn ingress(iface: &mut Interface, now: Instant, line: &mut Line, sockets: &mut SocketSet<'_>) {
    black_box(iface.poll_ingress_single(now, line, sockets));
}

#[inline(never)]
fn egress(iface: &mut Interface, now: Instant, line: &mut Line, sockets: &mut SocketSet<'_>) {
    black_box(iface.poll_egress(now, line, sockets));
}
