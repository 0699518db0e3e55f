//! A packet socket: whole frames, below the kernel's stack (man 7 packet).

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::Instant;

use nix::errno::Errno;
use nix::ifaddrs::getifaddrs;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    AddressFamily, LinkAddr, MsgFlags, SockFlag, SockProtocol, SockType, bind, recv, send, socket,
};
use smoltcp::wire::EthernetAddress;

/// Receives all frames of an interface, in both directions, and sends any.
pub(crate) struct PacketSocket {
    socket: OwnedFd,
    /// The interface's own address.
    pub(crate) mac: EthernetAddress,
}

impl PacketSocket {
    /// Opens a socket on this interface; requires CAP_NET_RAW.
    pub(crate) fn open(interface: &str) -> io::Result<PacketSocket> {
        let link = link(interface)?;
        let mac = link.addr().map(EthernetAddress).ok_or(Errno::ENODEV)?;
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let socket = socket(AddressFamily::Packet, SockType::Raw, flags, SockProtocol::EthAll)?;
        bind(socket.as_raw_fd(), &link)?;
        Ok(PacketSocket { socket, mac })
    }

    pub(crate) fn send(&self, frame: &[u8]) -> io::Result<()> {
        send(self.socket.as_raw_fd(), frame, MsgFlags::empty())?;
        Ok(())
    }

    /// The next frame in either direction; `None` if there is none before `until`.
    pub(crate) fn receive<'b>(
        &self,
        buffer: &'b mut [u8],
        until: Instant,
    ) -> io::Result<Option<&'b [u8]>> {
        loop {
            match recv(self.socket.as_raw_fd(), buffer, MsgFlags::empty()) {
                Ok(len) => return Ok(Some(&buffer[..len])),
                Err(Errno::EAGAIN) => {}
                Err(Errno::EINTR) => continue,
                Err(error) => return Err(error.into()),
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            // Rounded up, so that the last millisecond is not spent in a busy loop.
            let patience = u16::try_from(left.as_millis() + 1).unwrap_or(u16::MAX);
            let mut ready = [PollFd::new(self.socket.as_fd(), PollFlags::POLLIN)];
            let _ = poll(&mut ready, PollTimeout::from(patience));
        }
    }
}

fn link(interface: &str) -> io::Result<LinkAddr> {
    let mut links = getifaddrs()?.filter(|it| it.interface_name == interface);
    links.find_map(|it| it.address?.as_link_addr().copied()).ok_or(Errno::ENODEV.into())
}
