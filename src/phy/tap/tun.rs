//! The way to the kernel: opening an interface, asking about it, frames to and from it.
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

/// A TAP interface that is open, never blocking.
pub(super) struct Tun {
    opened: Opened,
    /// Asked for when it is first of use, for the thread that asked is interrupted once when it goes. `Some(None)`
    /// where the kernel gives none.
    #[cfg(feature = "phy-tap-uring")]
    ring: Option<Option<Uring>>,
}

enum Opened {
    /// Over the `tun-tap` crate: frames as they are.
    Plain(Iface),
    /// Opened here: each frame stands behind a header that says what is still to be done with it.
    #[cfg_attr(
        not(feature = "phy-tap-offload"),
        expect(dead_code, reason = "opened with this feature alone")
    )]
    Offload { file: File, name: String },
}

impl Tun {
    pub(super) fn open(name: &str) -> io::Result<Tun> {
        let iface = Iface::without_packet_info(name, Mode::Tap)?;
        iface.set_non_blocking()?;
        // An interface that outlives its programs keeps what the last one asked for, and then frames come
        // without their checksums. Where there are no offloads the kernel refuses, and that is as well.
        let _ = set_offloads(iface.as_raw_fd(), 0);
        Ok(Tun::over(Opened::Plain(iface)))
    }

    /// The same with the header of virtio, and with checksums and segmentation left to whoever does it
    /// for nothing.
    #[cfg(feature = "phy-tap-offload")]
    pub(super) fn open_offload(name: &str) -> io::Result<Tun> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(libc::O_NONBLOCK)
            .open("/dev/net/tun")?;
        let mut features: libc::c_uint = 0;
        // SAFETY: the kernel writes an unsigned int, which is what it is given.
        check(unsafe { libc::ioctl(file.as_raw_fd(), libc::TUNGETFEATURES, &mut features) })?;
        if features & libc::IFF_VNET_HDR as libc::c_uint == 0 {
            return Err(refused());
        }
        let mut request = request(name);
        request.ifr_ifru.ifru_flags =
            (libc::IFF_TAP | libc::IFF_NO_PI | libc::IFF_VNET_HDR) as libc::c_short;
        // SAFETY: the kernel reads and writes one `struct ifreq`, which is what it is given, whole.
        check(unsafe { libc::ioctl(file.as_raw_fd(), libc::TUNSETIFF, &mut request) })?;
        // Whoever held the interface before may have asked for a longer header.
        let header = super::vnet_hdr::HEADER as libc::c_int;
        // SAFETY: the kernel reads an int, which is what it is given.
        check(unsafe { libc::ioctl(file.as_raw_fd(), libc::TUNSETVNETHDRSZ, &header) })
            .and_then(|()| {
                let offloads = libc::TUN_F_CSUM | libc::TUN_F_TSO4 | libc::TUN_F_TSO6;
                set_offloads(file.as_raw_fd(), offloads)
            })
            .map_err(|_| refused())?;
        // What the kernel made of a pattern; its names are valid UTF-8 or were not given by us.
        let bytes = request.ifr_name.map(|byte| byte as u8);
        let name = CStr::from_bytes_until_nul(&bytes).unwrap_or_default();
        Ok(Tun::over(Opened::Offload { file, name: name.to_string_lossy().into_owned() }))
    }

    fn over(opened: Opened) -> Tun {
        Tun {
            opened,
            #[cfg(feature = "phy-tap-uring")]
            ring: None,
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

    /// Takes the next frames, one into each buffer; one that is longer is cut. `results` says how long each
    /// is; the rest of the buffers may be without one. In one call if that is wished, and can be.
    pub(super) fn read<'b>(
        &mut self,
        buffers: impl ExactSizeIterator<Item = &'b mut [u8]>,
        at_once: bool,
        results: &mut Vec<io::Result<usize>>,
    ) {
        results.clear();
        #[cfg(feature = "phy-tap-uring")]
        if at_once
            && buffers.len() > 1
            && let Some(ring) = self.ring.get_or_insert_with(|| Uring::new(self.opened.as_fd()))
        {
            if !ring.read(self.opened.as_fd(), buffers, results) {
                self.ring = Some(None);
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

    /// Hands frames over, in this order. `results` says whether each was taken. In one call if that is wished, and
    /// can be.
    pub(super) fn write<'b>(
        &mut self,
        frames: impl ExactSizeIterator<Item = &'b [u8]> + Clone,
        at_once: bool,
        results: &mut Vec<io::Result<usize>>,
    ) {
        results.clear();
        #[cfg(feature = "phy-tap-uring")]
        if at_once
            && frames.len() > 1
            && let Some(ring) = self.ring.get_or_insert_with(|| Uring::new(self.opened.as_fd()))
            && !ring.write(self.opened.as_fd(), frames.clone(), results)
        {
            self.ring = Some(None);
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

    /// Asks the kernel about the interface, by name.
    fn query(&self, question: libc::Ioctl) -> io::Result<libc::ifreq> {
        // Any socket will do; it only says which namespace is meant.
        // SAFETY: no pointers; the descriptor is checked and owned by nobody else.
        let socket = unsafe {
            let fd = libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0);
            check(fd)?;
            OwnedFd::from_raw_fd(fd)
        };
        let mut request = request(self.name());
        // SAFETY: both questions read and write one `struct ifreq`, which is what they are given,
        // whole.
        check(unsafe { libc::ioctl(socket.as_raw_fd(), question, &mut request) })?;
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

/// What the kernel is asked with: nothing but a name.
fn request(name: &str) -> libc::ifreq {
    // SAFETY: a C struct of integers, arrays and pointers, for which zero is a value.
    let mut request: libc::ifreq = unsafe { mem::zeroed() };
    // The last byte stays zero: the kernel's names are shorter than the field.
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
    let reason = "the kernel's TAP driver does no offloads";
    io::Error::new(io::ErrorKind::Unsupported, reason)
}
