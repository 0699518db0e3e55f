//! The way to the kernel: opening an interface, asking about it, waiting for it.
//!
//! The one file of this library with `unsafe`: system calls that `tun-tap` and std do not wrap.
#![allow(unsafe_code)]

extern crate std;

use core::{mem, ptr, time::Duration as CoreDuration};
#[cfg(feature = "phy-tap-offload")]
use std::{ffi::CStr, fs::OpenOptions, os::unix::fs::OpenOptionsExt};
use std::{
    fs::File,
    io::{self, Read, Write},
    os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd},
    string::String,
};

use smoltcp::time::Duration;
use tun_tap::{Iface, Mode};

/// A TAP interface that is open, never blocking.
pub(super) enum Line {
    /// Over the `tun-tap` crate: frames as they are.
    Plain(Iface),
    /// Opened here: each frame stands behind a header that says what is still to be done with it.
    #[cfg_attr(
        not(feature = "phy-tap-offload"),
        expect(dead_code, reason = "opened with this feature alone")
    )]
    Offload { file: File, name: String },
}

impl Line {
    pub(super) fn open(name: &str) -> io::Result<Line> {
        let iface = Iface::without_packet_info(name, Mode::Tap)?;
        iface.set_non_blocking()?;
        // An interface that outlives its programs keeps what the last one asked for, and then frames come
        // without their checksums. Where there are no offloads the kernel refuses, and that is as well.
        let _ = set_offloads(iface.as_raw_fd(), 0);
        Ok(Line::Plain(iface))
    }

    /// The same with the header of virtio, and with checksums and segmentation left to whoever does it
    /// for nothing.
    #[cfg(feature = "phy-tap-offload")]
    pub(super) fn open_offload(name: &str) -> io::Result<Line> {
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
        let header = super::offload::HEADER as libc::c_int;
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
        Ok(Line::Offload { file, name: name.to_string_lossy().into_owned() })
    }

    pub(super) fn offloads(&self) -> bool {
        matches!(self, Line::Offload { .. })
    }

    pub(super) fn name(&self) -> &str {
        match self {
            Line::Plain(iface) => iface.name(),
            Line::Offload { name, .. } => name,
        }
    }

    /// Takes the next frame; one that is longer than the buffer is cut.
    pub(super) fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        uninterrupted(|| match self {
            Line::Plain(iface) => iface.recv(buffer),
            Line::Offload { file, .. } => (&*file).read(buffer),
        })
    }

    pub(super) fn write(&self, frame: &[u8]) -> io::Result<usize> {
        uninterrupted(|| match self {
            Line::Plain(iface) => iface.send(frame),
            Line::Offload { file, .. } => (&*file).write(frame),
        })
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

impl AsFd for Line {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            // SAFETY: `iface` owns the descriptor and lives as long as this borrow.
            Line::Plain(iface) => unsafe { BorrowedFd::borrow_raw(iface.as_raw_fd()) },
            Line::Offload { file, .. } => file.as_fd(),
        }
    }
}

fn set_offloads(fd: RawFd, offloads: libc::c_uint) -> io::Result<()> {
    // SAFETY: the argument is a number, not a pointer.
    check(unsafe { libc::ioctl(fd, libc::TUNSETOFFLOAD, libc::c_ulong::from(offloads)) })
}

/// What a program waits for: an interface, and other descriptors. The kernel keeps them from one wait to
/// the next; to hand them over each time, as `ppoll` asks, costs more than the wait.
pub(super) struct Watch(OwnedFd);

impl Watch {
    const LINE: u64 = 0;
    const OTHER: u64 = 1;

    /// Descriptors that a wait hears of at once; there may be more.
    const EVENTS: usize = 8;

    pub(super) fn new(line: &Line) -> io::Result<Watch> {
        // SAFETY: no pointers; the descriptor is checked and owned by nobody else.
        let watch = unsafe {
            let fd = libc::epoll_create1(libc::EPOLL_CLOEXEC);
            check(fd)?;
            Watch(OwnedFd::from_raw_fd(fd))
        };
        watch.add(line.as_fd(), Self::LINE)?;
        Ok(watch)
    }

    /// Until it is closed.
    pub(super) fn other(&self, fd: BorrowedFd<'_>) -> io::Result<()> {
        self.add(fd, Self::OTHER)
    }

    fn add(&self, fd: BorrowedFd<'_>, data: u64) -> io::Result<()> {
        let mut event = libc::epoll_event { events: libc::EPOLLIN as u32, u64: data };
        let (watch, fd) = (self.0.as_raw_fd(), fd.as_raw_fd());
        // SAFETY: both are open, and the kernel reads one event, which is what it is given.
        check(unsafe { libc::epoll_ctl(watch, libc::EPOLL_CTL_ADD, fd, &mut event) })
    }

    /// Sleeps until one of them has something, or the time is over. Gives what the interface has, as
    /// `EPOLLIN` and its like.
    pub(super) fn wait(&self, timeout: Option<Duration>) -> io::Result<libc::c_int> {
        let mut events = [libc::epoll_event { events: 0, u64: Self::OTHER }; Self::EVENTS];
        let ready = match self.wait_finely(&mut events, timeout) {
            // Linux before 5.11 counts in milliseconds.
            Err(error) if error.raw_os_error() == Some(libc::ENOSYS) => {
                self.wait_coarsely(&mut events, timeout)?
            }
            ready => ready?,
        };
        let line = events[..ready].iter().find(|event| event.u64 == Self::LINE);
        Ok(line.map_or(0, |event| event.events as libc::c_int))
    }

    fn wait_finely(
        &self,
        events: &mut [libc::epoll_event; Self::EVENTS],
        timeout: Option<Duration>,
    ) -> io::Result<usize> {
        let timeout = timeout.map(|duration| {
            let duration = CoreDuration::from(duration);
            libc::timespec {
                tv_sec: libc::time_t::try_from(duration.as_secs()).unwrap_or(libc::time_t::MAX),
                tv_nsec: duration.subsec_nanos() as _,
            }
        });
        let timeout: *const libc::timespec = timeout.as_ref().map_or(ptr::null(), |t| t);
        let (epoll, mask) = (self.0.as_raw_fd(), ptr::null::<libc::sigset_t>());
        // SAFETY: the events are as many as is said; the timeout is null or points to a live timespec; no
        // signal mask.
        let ready = unsafe {
            let (to, len) = (events.as_mut_ptr(), Self::EVENTS);
            libc::syscall(libc::SYS_epoll_pwait2, epoll, to, len, timeout, mask, 0usize)
        };
        usize::try_from(ready).map_err(|_| io::Error::last_os_error())
    }

    fn wait_coarsely(
        &self,
        events: &mut [libc::epoll_event; Self::EVENTS],
        timeout: Option<Duration>,
    ) -> io::Result<usize> {
        let millis = timeout.map(|duration| duration.total_micros().div_ceil(1000));
        let millis = millis.map_or(-1, |millis| millis.try_into().unwrap_or(libc::c_int::MAX));
        let (to, len) = (events.as_mut_ptr(), Self::EVENTS as libc::c_int);
        // SAFETY: the events are as many as is said.
        let ready = unsafe { libc::epoll_wait(self.0.as_raw_fd(), to, len, millis) };
        usize::try_from(ready).map_err(|_| io::Error::last_os_error())
    }
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

fn check(result: libc::c_int) -> io::Result<()> {
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
