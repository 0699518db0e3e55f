//! The common smoltcp echo loop, as in smoltcp's examples, over a TAP device that allocates each frame.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::{read, write};
use smolecho_sim::usual::{UsualConfig, UsualServer};
use smoltcp::phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::EthernetAddress;

use super::tap::open;
use crate::bench::place::PORT;
use crate::fault::Fault;
use crate::host::entropy::random;
use crate::node::clock::Clock;
use crate::node::defaults::ADDRESSES;

/// The 64 connections of the load, and some that are still in TIME-WAIT or half-open.
const SOCKETS: usize = 71;

/// Connections of the largest load.
pub(super) const CONNECTIONS: usize = 64;

/// Including the Ethernet header.
const MTU: usize = 1514;

pub(super) fn serve() -> Result<(), Fault> {
    let mut device = Tap(open()?.into_fd()?);
    let clock = Clock::start();
    let config = UsualConfig {
        mac: EthernetAddress([2, 0, 0, 0, 0, 1]),
        addresses: &ADDRESSES[..1],
        seed: random(),
        port: PORT,
        connections: SOCKETS,
        buffer: 65_535,
        mutation: None,
    };
    let mut server = UsualServer::new(&config, clock.now(), &mut device);
    loop {
        server.poll(clock.now(), &mut device);
        let now = clock.now();
        device.wait(server.poll_at(now).map(|at| at.max(now) - now))?;
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
