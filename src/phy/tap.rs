//! A Linux TAP interface as a device, over the `tun-tap` crate (feature `phy-tap`).
//!
//! The one file of this library that needs `std`, and the one with `unsafe`: three system calls
//! that `tun-tap` does not wrap (`ppoll`, and two `ioctl`s that ask the kernel about the
//! interface).
#![allow(unsafe_code)]

extern crate std;

mod reads;

use core::{fmt, mem, time::Duration as CoreDuration};
use std::{
    borrow::ToOwned,
    boxed::Box,
    format, io,
    os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd},
    string::String,
    vec,
};

use smoltcp::{
    phy::{self, Device, DeviceCapabilities, Medium},
    time::{Duration, Instant},
};
use tun_tap::{Iface, Mode};

use self::reads::Reads;

/// Destination, source and type: what smoltcp counts into its MTU and the kernel does not.
const ETHERNET_HEADER: usize = 14;

/// A VLAN tag makes a frame this much longer than the MTU allows, legally.
const VLAN_TAG: usize = 4;

/// No Ethernet interface of the kernel has a larger IP MTU.
const MAX_MTU: usize = 65_535;

/// Room for any frame at any MTU, so that the host may raise the MTU while we run.
const BUFFER: usize = ETHERNET_HEADER + VLAN_TAG + MAX_MTU;

/// How many descriptors [`Tap::wait`] can watch besides the interface.
pub const MAX_ALSO: usize = 8;

/// What passed through a [`Tap`], and what did not: no frame is lost here without a count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Frames handed to the stack.
    pub received: u64,
    /// Frames handed to the kernel.
    pub sent: u64,
    /// Frames dropped because they were longer than the MTU that the stack was told.
    pub rx_too_large: u64,
    /// Reads that failed for any reason other than an empty queue.
    pub rx_errors: u64,
    /// Frames that the kernel did not take: link down (`EIO`), out of buffers (`ENOBUFS`,
    /// `EAGAIN`), or longer than any interface can carry. TCP sends them again; UDP does not.
    pub tx_dropped: u64,
}

/// A Linux TAP interface: Ethernet frames to and from the kernel's own network stack.
///
/// ```no_run
/// # use smolecho::phy::tap::Tap;
/// # use smolecho::smoltcp::{phy::Device, time::{Duration, Instant}};
/// let mut tap = Tap::open("smolecho0")?;
/// loop {
///     while let Some((rx, _tx)) = tap.receive(Instant::ZERO) {
///         // hand the token to the stack
/// #       drop(rx);
///     }
///     tap.wait(Some(Duration::from_millis(100)), &[])?;
/// }
/// # #[allow(unreachable_code)]
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Three system calls a round trip
///
/// The usual loop polls, reads and writes for an echoed request, and reads once or twice more to
/// learn that nothing is left. On a TAP the system calls cost more than the stack does, so
/// [`wait`](Tap::wait) and [`receive`](Device::receive) share what they know:
///
/// - A wake-up that found the interface readable *grants* a number of reads; one that did not (a
///   timer fired, another descriptor is ready) grants none. When the grant is used up, `receive`
///   returns `None` without asking the kernel. A request and its answer then cost one `ppoll`, one
///   `read` and one `write`.
/// - The grant doubles, up to 64, while wake-ups use all of theirs: under load many frames are
///   drained for one `ppoll`. It falls back to one read when a wake-up brought a single frame, and
///   is then slower to grow again.
///
/// So `None` means "nothing more for now", not "the queue is empty". Nothing is lost by that:
/// `ppoll` is level-triggered, and the next `wait` returns at once while a frame is queued. A
/// program that never calls `wait` is served too: a grant ends once, after that every `receive`
/// asks the kernel until the next `wait`.
///
/// # When the host changes the interface
///
/// - Link down: frames sent are dropped and counted, and everything works again when it is up.
/// - MTU: the stack learns it once, at [`open`](Tap::open). Longer frames are dropped and counted;
///   see [`refresh_mtu`](Tap::refresh_mtu).
/// - Removed: `wait` fails. The interface will not come back under this descriptor; open it anew.
///
/// Memory: two buffers of 64 KiB, made at `open`; none per frame. The kernel backs only the pages
/// that are used.
pub struct Tap {
    iface: Iface,
    mtu: usize,
    reads: Reads,
    counters: Counters,
    // Two, because smoltcp writes the answer while it still reads the question.
    rx: Box<[u8]>,
    tx: Box<[u8]>,
}

impl Tap {
    /// Attaches to the TAP interface `name`, or creates it.
    ///
    /// One that this call created vanishes with the `Tap`. Descriptors are closed on `exec`.
    ///
    /// # Errors
    ///
    /// - [`InvalidInput`](io::ErrorKind::InvalidInput): no interface can have this name;
    /// - `ENOENT`, `ENODEV`, `EACCES`: `/dev/net/tun` is missing or may not be opened;
    /// - `EPERM`: creating one takes `CAP_NET_ADMIN`, attaching takes an interface that was made
    ///   for this user;
    /// - `EBUSY`: another process holds the interface;
    /// - `EINVAL`: there is an interface of this name, and it is no TAP.
    pub fn open(name: &str) -> io::Result<Tap> {
        check_name(name)?;
        let iface = Iface::without_packet_info(name, Mode::Tap)?;
        iface.set_non_blocking()?;
        let mut tap = Tap {
            iface,
            mtu: 0,
            reads: Reads::new(),
            counters: Counters::default(),
            rx: vec![0; BUFFER + 1].into_boxed_slice(),
            tx: vec![0; BUFFER].into_boxed_slice(),
        };
        tap.refresh_mtu()?;
        Ok(tap)
    }

    /// The interface's name: the one given to [`open`](Tap::open), or what the kernel made of a
    /// pattern like `tap%d`.
    pub fn name(&self) -> &str {
        self.iface.name()
    }

    /// The IP MTU: what `ip link` shows, 14 bytes less than what smoltcp calls the MTU of an
    /// Ethernet device.
    pub fn mtu(&self) -> usize {
        self.mtu
    }

    /// Asks the interface for its MTU again, and returns it.
    ///
    /// Call it before the stack is made: smoltcp reads a device's capabilities once. The interface
    /// is looked up by name in the caller's network namespace.
    pub fn refresh_mtu(&mut self) -> io::Result<usize> {
        let answer = self.query(libc::SIOCGIFMTU as _)?;
        // SAFETY: the kernel wrote this member, and the request was all zeroes before.
        let mtu = unsafe { answer.ifr_ifru.ifru_mtu };
        self.mtu = usize::try_from(mtu).unwrap_or(0).min(MAX_MTU);
        Ok(self.mtu)
    }

    /// Whether the host's side is up. While it is not, every frame sent is dropped.
    pub fn is_up(&self) -> io::Result<bool> {
        let answer = self.query(libc::SIOCGIFFLAGS as _)?;
        // SAFETY: the kernel wrote this member, and the request was all zeroes before.
        let flags = unsafe { answer.ifr_ifru.ifru_flags };
        Ok(libc::c_int::from(flags) & libc::IFF_UP != 0)
    }

    /// What passed so far, and what was dropped.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// Sleeps until a frame is there, one of `also` is readable, a signal was handled, or `timeout`
    /// is over.
    ///
    /// `None` sleeps without limit. The timeout is exact to what the kernel's timers can do (tens
    /// of microseconds), is never rounded to zero, and a timeout of zero only looks. At most
    /// [`MAX_ALSO`] other descriptors.
    ///
    /// # Errors
    ///
    /// The interface was removed ([`NotFound`](io::ErrorKind::NotFound)), `also` is too long
    /// ([`InvalidInput`](io::ErrorKind::InvalidInput)), or the kernel is out of memory. A signal is
    /// no error.
    pub fn wait(&mut self, timeout: Option<Duration>, also: &[BorrowedFd<'_>]) -> io::Result<()> {
        if also.len() > MAX_ALSO {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("{} descriptors to watch, at most {MAX_ALSO}", also.len()),
            ));
        }
        let watch = |fd| libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
        let mut fds = [watch(-1); 1 + MAX_ALSO];
        fds[0] = watch(self.iface.as_raw_fd());
        for (slot, fd) in fds[1..].iter_mut().zip(also) {
            *slot = watch(fd.as_raw_fd());
        }
        let fds = &mut fds[..=also.len()];

        match ppoll(fds, timeout) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => self.reads.woke(false),
            Err(error) => return Err(error),
            Ok(()) if fds[0].revents & !libc::POLLIN != 0 => {
                // Not "link down": that raises nothing. To go on would be to spin, for `ppoll`
                // would say so for ever.
                return Err(io::Error::new(
                    io::ErrorKind::NotFound,
                    format!("the interface {} was removed", self.name()),
                ));
            }
            Ok(()) => self.reads.woke(fds[0].revents & libc::POLLIN != 0),
        }
        Ok(())
    }

    /// The longest frame that an interface of this MTU may carry.
    fn max_frame(&self) -> usize {
        ETHERNET_HEADER + VLAN_TAG + self.mtu
    }

    /// Asks the kernel about the interface, by name.
    fn query(&self, request: libc::Ioctl) -> io::Result<libc::ifreq> {
        // Any socket will do; it only says which namespace is meant.
        // SAFETY: no pointers; the descriptor is checked and owned by nobody else.
        let socket = unsafe {
            let fd = libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0);
            if fd < 0 {
                return Err(io::Error::last_os_error());
            }
            OwnedFd::from_raw_fd(fd)
        };
        // SAFETY: a C struct of integers, arrays and pointers, for which zero is a value.
        let mut ifreq: libc::ifreq = unsafe { mem::zeroed() };
        // The last byte stays zero: the kernel's names are shorter than the field.
        let field = ifreq.ifr_name.len() - 1;
        for (to, from) in ifreq.ifr_name[..field].iter_mut().zip(self.name().bytes()) {
            *to = from as libc::c_char;
        }
        // SAFETY: both requests read and write one `struct ifreq`, which is what they are given,
        // whole.
        if unsafe { libc::ioctl(socket.as_raw_fd(), request, &mut ifreq) } < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(ifreq)
    }
}

impl AsFd for Tap {
    fn as_fd(&self) -> BorrowedFd<'_> {
        // SAFETY: `iface` owns the descriptor and lives as long as this borrow.
        unsafe { BorrowedFd::borrow_raw(self.iface.as_raw_fd()) }
    }
}

impl fmt::Debug for Tap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tap")
            .field("name", &self.name())
            .field("mtu", &self.mtu)
            .field("counters", &self.counters)
            .finish_non_exhaustive()
    }
}

impl Device for Tap {
    type RxToken<'a> = RxToken<'a>;
    type TxToken<'a> = TxToken<'a>;

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        // smoltcp's MTU of an Ethernet device includes the header, the kernel's does not.
        // See the docs of `DeviceCapabilities::max_transmission_unit`.
        capabilities.max_transmission_unit = ETHERNET_HEADER + self.mtu;
        capabilities
    }

    fn receive(&mut self, _timestamp: Instant) -> Option<(RxToken<'_>, TxToken<'_>)> {
        if !self.reads.take() {
            return None;
        }
        // A TAP cuts a frame to the buffer and says nothing: the byte too many is how we know.
        let limit = self.max_frame();
        let length = loop {
            match self.iface.recv(&mut self.rx[..=limit]) {
                Ok(length) => break length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.reads.empty();
                    if error.kind() != io::ErrorKind::WouldBlock {
                        self.counters.rx_errors += 1;
                    }
                    return None;
                }
            }
        };
        if length > limit {
            self.counters.rx_too_large += 1;
            return None;
        }
        self.counters.received += 1;
        let rx = RxToken { frame: &self.rx[..length] };
        let tx = TxToken { iface: &self.iface, buffer: &mut self.tx, counters: &mut self.counters };
        Some((rx, tx))
    }

    fn transmit(&mut self, _timestamp: Instant) -> Option<TxToken<'_>> {
        Some(TxToken { iface: &self.iface, buffer: &mut self.tx, counters: &mut self.counters })
    }
}

/// A frame that came in, in the [`Tap`]'s receive buffer.
#[derive(Debug)]
pub struct RxToken<'a> {
    frame: &'a [u8],
}

impl phy::RxToken for RxToken<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(self.frame)
    }
}

/// Room for one frame in the [`Tap`]'s transmit buffer; it goes to the kernel when it is filled.
#[derive(Debug)]
pub struct TxToken<'a> {
    iface: &'a Iface,
    buffer: &'a mut [u8],
    counters: &'a mut Counters,
}

impl phy::TxToken for TxToken<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, f: F) -> R {
        let Some(frame) = self.buffer.get_mut(..length) else {
            // No stack asks for more than the MTU. One that does gets its buffer; the frame goes
            // nowhere.
            self.counters.tx_dropped += 1;
            return f(&mut vec![0; length]);
        };
        let result = f(frame);
        match send(self.iface, frame) {
            Ok(()) => self.counters.sent += 1,
            Err(_) => self.counters.tx_dropped += 1,
        }
        result
    }
}

fn send(iface: &Iface, frame: &[u8]) -> io::Result<()> {
    loop {
        match iface.send(frame) {
            Ok(_) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Refuses what the kernel would refuse, and what `tun-tap` would cut short without a word.
fn check_name(name: &str) -> io::Result<()> {
    let reason = if name.is_empty() {
        "it is empty".to_owned()
    } else if name.len() >= libc::IFNAMSIZ {
        let max = libc::IFNAMSIZ - 1;
        format!("it has {} bytes, at most {max} are possible", name.len())
    } else if name == "." || name == ".." {
        "it is a directory's name".to_owned()
    } else if let Some(bad) = name.chars().find(|&c| forbidden_in_name(c)) {
        format!("it contains {bad:?}")
    } else if name.replacen("%d", "", 1).contains('%') {
        "it contains '%', and not as one %d".to_owned()
    } else {
        return Ok(());
    };
    let message: String = format!("{name:?} cannot be an interface's name: {reason}");
    Err(io::Error::new(io::ErrorKind::InvalidInput, message))
}

/// `dev_valid_name` of the kernel, and NUL, which would end the name early.
fn forbidden_in_name(c: char) -> bool {
    c == '\0' || c == '/' || c == ':' || c.is_whitespace()
}

fn ppoll(fds: &mut [libc::pollfd], timeout: Option<Duration>) -> io::Result<()> {
    let timeout = timeout.map(|duration| {
        let duration = CoreDuration::from(duration);
        libc::timespec {
            tv_sec: libc::time_t::try_from(duration.as_secs()).unwrap_or(libc::time_t::MAX),
            tv_nsec: duration.subsec_nanos() as _,
        }
    });
    let timeout: *const libc::timespec = timeout.as_ref().map_or(core::ptr::null(), |t| t);
    // SAFETY: pointer and length are one slice's; the timeout is null or points to a live timespec;
    // no signal mask.
    let ready = unsafe {
        libc::ppoll(fds.as_mut_ptr(), fds.len() as libc::nfds_t, timeout, core::ptr::null())
    };
    if ready < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for good in ["tap0", "a", "smolecho-12345-", "tap%d"] {
            assert!(check_name(good).is_ok(), "{good:?}");
        }
        for bad in ["", ".", "..", "a/b", "a b", "a:1", "a\0", "tap%s", "%d%d", "sixteen-bytes-xx"]
        {
            let error = check_name(bad).expect_err(bad);
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        }
    }
}
