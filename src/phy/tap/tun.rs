//! System calls on the interface: open, query, read and write.
#![allow(unsafe_code)]

extern crate std;

use core::mem;
#[cfg(feature = "phy-tap-offload")]
use std::{ffi::CStr, fs::OpenOptions, os::unix::fs::OpenOptionsExt};
use std::{
    fs::File,
    io::{self, Read, Write},
    os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd},
    string::String,
    vec::Vec,
};

use tun_tap::{Iface, Mode};

#[cfg(feature = "phy-tap-uring")]
use super::uring::Uring;

/// An open, non-blocking TAP interface.
pub(super) struct Tun {
    opened: Opened,
    /// Created at first use, because its drop interrupts the thread once. `Some(None)` if the kernel has none.
    #[cfg(feature = "phy-tap-uring")]
    uring: Option<Option<Uring>>,
}

enum Opened {
    /// By the `tun-tap` crate: plain frames.
    Plain(Iface),
    /// By this module: each frame follows a `virtio_net_hdr`.
    #[cfg_attr(
        not(feature = "phy-tap-offload"),
        expect(dead_code, reason = "constructed with this feature only")
    )]
    Offload { file: File, name: String },
}

impl Tun {
    pub(super) fn open(name: &str) -> io::Result<Tun> {
        let iface = Iface::without_packet_info(name, Mode::Tap)?;
        iface.set_non_blocking()?;
        // A persistent interface keeps the offloads of its last program, and would deliver frames without
        // checksums. A kernel without offloads refuses, and needs no change.
        let _ = set_offloads(iface.as_raw_fd(), 0);
        Ok(Tun::over(Opened::Plain(iface)))
    }

    /// Opens the interface with `virtio_net_hdr`, and with checksum and segmentation offloads.
    #[cfg(feature = "phy-tap-offload")]
    pub(super) fn open_offload(name: &str) -> io::Result<Tun> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(libc::O_NONBLOCK)
            .open("/dev/net/tun")?;
        let mut features: libc::c_uint = 0;
        // SAFETY: the kernel writes an unsigned int, to which it gets a pointer.
        check(unsafe { libc::ioctl(file.as_raw_fd(), libc::TUNGETFEATURES, &mut features) })?;
        if features & libc::IFF_VNET_HDR as libc::c_uint == 0 {
            return Err(refused());
        }
        let mut request = request(name);
        request.ifr_ifru.ifru_flags =
            (libc::IFF_TAP | libc::IFF_NO_PI | libc::IFF_VNET_HDR) as libc::c_short;
        // SAFETY: the kernel reads and writes one `struct ifreq`, to which it gets a pointer.
        check(unsafe { libc::ioctl(file.as_raw_fd(), libc::TUNSETIFF, &mut request) })?;
        // The interface's last program may have set a longer header.
        let header = super::vnet_hdr::HEADER as libc::c_int;
        // SAFETY: the kernel reads an int, to which it gets a pointer.
        check(unsafe { libc::ioctl(file.as_raw_fd(), libc::TUNSETVNETHDRSZ, &header) })
            .and_then(|()| {
                let offloads = libc::TUN_F_CSUM | libc::TUN_F_TSO4 | libc::TUN_F_TSO6;
                set_offloads(file.as_raw_fd(), offloads)
            })
            .map_err(|_| refused())?;
        // The kernel's name, which may come from a pattern.
        let bytes = request.ifr_name.map(|byte| byte as u8);
        let name = CStr::from_bytes_until_nul(&bytes).unwrap_or_default();
        Ok(Tun::over(Opened::Offload { file, name: name.to_string_lossy().into_owned() }))
    }

    fn over(opened: Opened) -> Tun {
        Tun {
            opened,
            #[cfg(feature = "phy-tap-uring")]
            uring: None,
        }
    }

    pub(super) fn offloads(&self) -> bool {
        matches!(self.opened, Opened::Offload { .. })
    }

    pub(super) fn name(&self) -> &str {
        match &self.opened {
            Opened::Plain(iface) => iface.name(),
            Opened::Offload { name, .. } => name,
        }
    }

    /// Reads frames, one into each buffer; longer ones are truncated. `results` are their lengths, for as many
    /// buffers as were tried. With `at_once`, in one system call if possible.
    pub(super) fn read<'b>(
        &mut self,
        buffers: impl ExactSizeIterator<Item = &'b mut [u8]>,
        #[cfg_attr(not(feature = "phy-tap-uring"), expect(unused))] at_once: bool,
        results: &mut Vec<io::Result<usize>>,
    ) {
        results.clear();
        #[cfg(feature = "phy-tap-uring")]
        if at_once
            && buffers.len() > 1
            && let Some(uring) = self.uring.get_or_insert_with(|| Uring::new(self.opened.as_fd()))
        {
            if !uring.read(self.opened.as_fd(), buffers, results) {
                self.uring = Some(None);
            }
            return;
        }
        for buffer in buffers {
            let result = self.opened.read(buffer);
            let is_last = result.is_err();
            results.push(result);
            if is_last {
                break;
            }
        }
    }

    /// Writes frames in order. With `at_once`, in one system call if possible.
    pub(super) fn write<'b>(
        &mut self,
        frames: impl ExactSizeIterator<Item = &'b [u8]> + Clone,
        #[cfg_attr(not(feature = "phy-tap-uring"), expect(unused))] at_once: bool,
        results: &mut Vec<io::Result<usize>>,
    ) {
        results.clear();
        #[cfg(feature = "phy-tap-uring")]
        if at_once
            && frames.len() > 1
            && let Some(uring) = self.uring.get_or_insert_with(|| Uring::new(self.opened.as_fd()))
            && !uring.write(self.opened.as_fd(), frames.clone(), results)
        {
            self.uring = Some(None);
        }
        results.extend(frames.skip(results.len()).map(|frame| self.opened.write(frame)));
    }

    pub(super) fn mtu(&self) -> io::Result<libc::c_int> {
        let answer = self.query(libc::SIOCGIFMTU as _)?;
        // SAFETY: the kernel wrote this member, and the request was all zeroes before.
        Ok(unsafe { answer.ifr_ifru.ifru_mtu })
    }

    pub(super) fn is_up(&self) -> io::Result<bool> {
        let answer = self.query(libc::SIOCGIFFLAGS as _)?;
        // SAFETY: the kernel wrote this member, and the request was all zeroes before.
        let flags = unsafe { answer.ifr_ifru.ifru_flags };
        Ok(libc::c_int::from(flags) & libc::IFF_UP != 0)
    }

    /// Queries the interface by its name.
    fn query(&self, code: libc::Ioctl) -> io::Result<libc::ifreq> {
        // Any socket works: it only selects the network namespace.
        // SAFETY: no pointers; the descriptor is checked and has no other owner.
        let socket = unsafe {
            let fd = libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0);
            check(fd)?;
            OwnedFd::from_raw_fd(fd)
        };
        let mut request = request(self.name());
        // SAFETY: both requests read and write one `struct ifreq`, to which the kernel gets a pointer.
        check(unsafe { libc::ioctl(socket.as_raw_fd(), code, &mut request) })?;
        Ok(request)
    }
}

impl AsFd for Tun {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.opened.as_fd()
    }
}

impl Opened {
    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        uninterrupted(|| match self {
            Opened::Plain(iface) => iface.recv(buffer),
            Opened::Offload { file, .. } => (&*file).read(buffer),
        })
    }

    fn write(&self, frame: &[u8]) -> io::Result<usize> {
        uninterrupted(|| match self {
            Opened::Plain(iface) => iface.send(frame),
            Opened::Offload { file, .. } => (&*file).write(frame),
        })
    }

    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            // SAFETY: `iface` owns the descriptor and lives as long as this borrow.
            Opened::Plain(iface) => unsafe { BorrowedFd::borrow_raw(iface.as_raw_fd()) },
            Opened::Offload { file, .. } => file.as_fd(),
        }
    }
}

fn set_offloads(fd: RawFd, offloads: libc::c_uint) -> io::Result<()> {
    // SAFETY: the argument is a number, not a pointer.
    check(unsafe { libc::ioctl(fd, libc::TUNSETOFFLOAD, libc::c_ulong::from(offloads)) })
}

/// A request with this interface name and zeros.
fn request(name: &str) -> libc::ifreq {
    // SAFETY: a C struct of integers, arrays and pointers, for which all-zero is valid.
    let mut request: libc::ifreq = unsafe { mem::zeroed() };
    // The last byte stays zero as the terminator.
    let field = request.ifr_name.len() - 1;
    for (to, from) in request.ifr_name[..field].iter_mut().zip(name.bytes()) {
        *to = from as libc::c_char;
    }
    request
}

pub(super) fn check(result: libc::c_int) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

fn uninterrupted(mut call: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}

#[cfg(feature = "phy-tap-offload")]
fn refused() -> io::Error {
    let reason = "the kernel's TAP driver has no offloads";
    io::Error::new(io::ErrorKind::Unsupported, reason)
}
