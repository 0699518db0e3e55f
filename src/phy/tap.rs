//! A Linux TAP interface as a device: through the `tun-tap` crate (feature `phy-tap`), or with offloads through
//! its own system calls (feature `phy-tap-offload`).
//!
//! This is the only module of the crate that needs `std`, and the only one with `unsafe` code, for the system
//! calls that `tun-tap` and std do not wrap. `tap/tun.rs` opens, reads and writes the interface, `tap/uring.rs`
//! does so for many frames per system call, `tap/epoll.rs` waits, with a timeout from `tap/timerfd.rs`.
//! `tap/read_budget.rs` decides how many frames to read; `tap/rx_batch.rs` and `tap/tx_batch.rs` buffer frames;
//! `tap/vnet_hdr.rs` reads and writes the header that carries offloads.

extern crate std;

mod batch;
mod epoll;
mod name;
mod read_budget;
mod rx_batch;
mod timerfd;
mod tun;
mod tx_batch;
#[cfg(feature = "phy-tap-uring")]
mod uring;
mod vnet_hdr;

#[cfg(feature = "phy-tap-offload")]
use core::num::NonZeroUsize;
use core::{fmt, num::NonZeroU16};
use std::{
    format, io,
    os::fd::{AsFd, OwnedFd},
};

use smoltcp::{
    phy::{self, Checksum, Device, DeviceCapabilities, Medium},
    time::{Duration, Instant},
};

use self::epoll::Epoll;
use self::read_budget::ReadBudget;
use self::rx_batch::{Filled, RxBatch};
use self::tun::Tun;
use self::tx_batch::TxBatch;
use self::vnet_hdr::HEADER;
#[cfg(feature = "phy-tap-offload")]
pub use self::vnet_hdr::fill_checksum;
use super::ETHERNET_HEADER;

/// A VLAN tag, which may exceed the MTU, in bytes.
const VLAN_TAG: usize = 4;

/// The largest IP MTU of the kernel's Ethernet interfaces, in bytes.
const MAX_MTU: usize = 65_535;

/// Room for a frame at any MTU, because the host may raise the MTU at any time.
const BUFFER: usize = ETHERNET_HEADER + VLAN_TAG + MAX_MTU;

/// Room for frames that are read together: a full batch of 1,514 bytes each, or a TCP window's worth of uncut
/// segments and their acknowledgments.
const RX_BATCH: usize = 16 * (HEADER + BUFFER + 1);

/// Room for frames that are written together: a full batch of 1,514 bytes each.
const TX_BATCH: usize = 2 * (HEADER + BUFFER);

/// The longest uncut segment, in bytes: a capture file's limit.
#[cfg(feature = "phy-tap-offload")]
const UNCUT: usize = 65_535;

/// A [`Tap`]'s counters: every frame is counted as passed or dropped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Frames handed to the stack.
    pub received: u64,
    /// Frames handed to the kernel.
    pub sent: u64,
    /// Received frames dropped because they exceed the MTU.
    pub rx_too_large: u64,
    /// Received frames dropped because their TCP checksum is wrong. Only with offloads, and only for frames
    /// that the kernel has not verified.
    pub rx_checksum: u64,
    /// Reads that failed for a reason other than an empty queue.
    pub rx_errors: u64,
    /// Sent frames that the kernel refused: link down (`EIO`), no buffers (`ENOBUFS`, `EAGAIN`), or longer
    /// than any interface allows.
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
///         // pass the token to the stack
/// #       drop(rx);
///     }
///     tap.wait(Some(Duration::from_millis(100)))?;
/// }
/// # #[allow(unreachable_code)]
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Three system calls per round trip
///
/// For an echoed request, a simple loop polls, reads and writes, and reads once or twice more to find the
/// queue empty. On a TAP the system calls cost more than the stack, so [`wait`](Tap::wait) and
/// [`receive`](Device::receive) work together:
///
/// - A wake-up with a readable interface *grants* a number of reads; any other wake-up (timer, another
///   descriptor) grants none. After the granted reads, `receive` returns `None` without a system call. A
///   request and its answer then cost one `epoll_wait`, one `read` and one `write`.
/// - The grant doubles, up to 64 reads, while wake-ups use all of it: under load one wake-up drains many
///   frames. After a wake-up with a single frame it falls back to one read, and grows more slowly again.
/// - Frames that arrive together are read in a batch, before the first is returned. Frames that are sent
///   meanwhile are written in a batch: before the next read, before `receive` returns `None`, or at the next
///   `wait`. With the feature `phy-tap-uring` and Linux 6.4 or later, one system call writes a batch of more
///   than two frames, so that a receiver on the same core is woken once per batch, and one system call reads
///   a batch of large frames. (After a `Tap` that used io_uring is dropped, its thread's next blocking system
///   call may fail once with `EINTR`.)
///
/// So `None` means "nothing more for now", not "the queue is empty". No frame is lost by that: `wait` is
/// level-triggered and returns at once while a frame is queued. Without any `wait`, each `receive` reads one
/// frame, and each sent frame is written at once.
///
/// # When the host changes the interface
///
/// - Link down: sent frames are dropped and counted until the link is up again.
/// - MTU: it is read once, by [`open`](Tap::open). Longer frames are dropped and counted; see
///   [`refresh_mtu`](Tap::refresh_mtu).
/// - Removed: `wait` fails. A new interface of the same name needs a new `Tap`.
///
/// # Offloads
///
/// With `open_offload` (feature `phy-tap-offload`), TCP within the machine has no checksums, and bulk data
/// crosses to the kernel in frames of up to 64 KiB at any MTU:
///
/// - `capabilities` tells the stack neither to fill in nor to verify TCP checksums. `Tap` verifies segments
///   that come from another machine, unless the kernel has done so.
/// - Over IPv4, the stack may send uncut segments ([`PacketMeta`](phy::PacketMeta)), which the kernel cuts;
///   smoltcp 0.14 cannot send them over IPv6. Uncut segments are received over both.
/// - A persistent interface keeps its offloads. [`open`](Tap::open) turns them off; another program that does
///   not would receive frames without checksums.
///
/// Memory: 18 times 64 KiB, allocated by `open`, and io_uring's rings if they are used; none per frame. The
/// kernel backs only the pages in use.
pub struct Tap {
    tun: Tun,
    epoll: Epoll,
    mtu: usize,
    read_budget: ReadBudget,
    counters: Counters,
    rx_batch: RxBatch,
    // Apart from `rx_batch`, because smoltcp writes the answer while it reads the question.
    tx_batch: TxBatch,
}

impl Tap {
    /// Attaches to the TAP interface `name`, or creates it.
    ///
    /// An interface that this call created is removed when the `Tap` is dropped. Descriptors are closed on
    /// `exec`.
    ///
    /// # Errors
    ///
    /// - [`InvalidInput`](io::ErrorKind::InvalidInput): the name is not valid for an interface.
    /// - `ENOENT`, `ENODEV`, `EACCES`: `/dev/net/tun` is missing or not accessible.
    /// - `EPERM`: the interface does not exist and the process lacks `CAP_NET_ADMIN`, or the interface
    ///   belongs to another user.
    /// - `EBUSY`: another process holds the interface.
    /// - `EINVAL`: an interface of this name exists and is not a TAP.
    pub fn open(name: &str) -> io::Result<Tap> {
        name::check(name)?;
        Tap::over(Tun::open(name)?)
    }

    /// Like [`open`](Self::open), with [offloads](Tap#offloads).
    ///
    /// # Errors
    ///
    /// Those of [`open`](Self::open), and [`Unsupported`](io::ErrorKind::Unsupported) if the kernel has no
    /// offloads.
    #[cfg(feature = "phy-tap-offload")]
    pub fn open_offload(name: &str) -> io::Result<Tap> {
        name::check(name)?;
        Tap::over(Tun::open_offload(name)?)
    }

    fn over(tun: Tun) -> io::Result<Tap> {
        let epoll = Epoll::new(&tun)?;
        let mut tap = Tap {
            tun,
            epoll,
            mtu: 0,
            read_budget: ReadBudget::new(),
            counters: Counters::default(),
            rx_batch: RxBatch::new(RX_BATCH),
            tx_batch: TxBatch::new(TX_BATCH),
        };
        tap.refresh_mtu()?;
        Ok(tap)
    }

    /// The interface's name: that of [`open`](Tap::open), or the kernel's choice for a pattern like `tap%d`.
    pub fn name(&self) -> &str {
        self.tun.name()
    }

    /// The IP MTU in bytes, as `ip link` shows it: 14 less than smoltcp's MTU.
    pub fn mtu(&self) -> usize {
        self.mtu
    }

    /// Reads the interface's IP MTU again and returns it, in bytes.
    ///
    /// Call it before the node is created: smoltcp reads a device's capabilities once. The interface is looked
    /// up by name in the caller's network namespace.
    ///
    /// # Errors
    ///
    /// `ENODEV` if that namespace has no interface of this name.
    pub fn refresh_mtu(&mut self) -> io::Result<usize> {
        let mtu = self.tun.mtu()?;
        self.mtu = usize::try_from(mtu).unwrap_or(0).min(MAX_MTU);
        Ok(self.mtu)
    }

    /// Whether the interface is up on the host's side. While it is down, every sent frame is dropped.
    ///
    /// # Errors
    ///
    /// Those of [`refresh_mtu`](Self::refresh_mtu).
    pub fn is_up(&self) -> io::Result<bool> {
        self.tun.is_up()
    }

    /// The counters so far.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// The interface's descriptor, for a program that reads and writes frames itself.
    ///
    /// A `Tap` does not lend its descriptor, whose readiness knows nothing of the frames in its batches. Those
    /// that were read are lost here. With offloads, a `virtio_net_hdr` of 10 bytes precedes each frame.
    ///
    /// # Errors
    ///
    /// `EMFILE` if the process has no free descriptor.
    pub fn into_fd(self) -> io::Result<OwnedFd> {
        self.tun.as_fd().try_clone_to_owned()
    }

    /// Lets [`wait`](Self::wait) return also when this descriptor is readable, until it is closed.
    ///
    /// # Errors
    ///
    /// - [`AlreadyExists`](io::ErrorKind::AlreadyExists): it is watched already.
    /// - `EPERM`: it is a regular file or a directory, which `epoll` does not support.
    pub fn watch(&mut self, descriptor: impl AsFd) -> io::Result<()> {
        self.epoll.watch(descriptor.as_fd())
    }

    /// Writes the frames that were sent, then sleeps until a frame arrives, a [watched](Self::watch) descriptor
    /// is readable, a signal was handled, or `timeout` has passed.
    ///
    /// `None` sleeps without limit, `Some(Duration::ZERO)` does not sleep. The timeout is as exact as the
    /// kernel's timers (tens of microseconds) and never rounded to zero.
    ///
    /// # Errors
    ///
    /// [`NotFound`](io::ErrorKind::NotFound) if the interface was removed. A signal is not an error.
    pub fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.flush();
        if !self.rx_batch.is_empty() {
            return Ok(());
        }
        let is_signal = |error: &io::Error| error.kind() == io::ErrorKind::Interrupted;
        let events = match self.epoll.wait(timeout) {
            // The process may have been stopped meanwhile: frames that wait are older than any deadline.
            Err(error) if is_signal(&error) => match self.epoll.wait(Some(Duration::ZERO)) {
                Err(error) if is_signal(&error) => 0,
                events => events?,
            },
            events => events?,
        };
        if events & !libc::EPOLLIN != 0 {
            // `EPOLLERR` stays set, so every further wait would return at once. Link down does not set it.
            return Err(io::Error::new(
                io::ErrorKind::NotFound,
                format!("the interface {} was removed", self.name()),
            ));
        }
        self.read_budget.grant(events & libc::EPOLLIN != 0);
        Ok(())
    }

    /// Reads a batch of the granted frames. False if there was none.
    fn fill(&mut self) -> bool {
        let most = self.read_budget.take();
        if most == 0 {
            return false;
        }
        // A TAP truncates a frame to the buffer without a sign; an uncut segment can exceed the MTU.
        let longest = if self.tun.offloads() { BUFFER } else { self.max_frame() };
        let Filled { asked, found, failed } = self.rx_batch.fill(most, longest, &mut self.tun);
        self.read_budget.record(asked, found);
        self.counters.rx_errors += u64::from(failed);
        found > 0
    }

    /// Whether the stack may have a frame that was read. Counts the frame either way.
    fn admit(&mut self, number: usize) -> bool {
        let (limit, offloads) = (self.max_frame(), self.tun.offloads());
        let is_cut = self.rx_batch.is_cut(number);
        let Some((header, frame)) = self.rx_batch.frame(number) else {
            self.counters.rx_errors += 1;
            return false;
        };
        if is_cut || frame.len() > limit && !(offloads && vnet_hdr::is_uncut(header)) {
            self.counters.rx_too_large += 1;
            return false;
        }
        if offloads && !vnet_hdr::admit(header, frame) {
            self.counters.rx_checksum += 1;
            return false;
        }
        self.counters.received += 1;
        true
    }

    fn flush(&mut self) {
        self.tx_batch.flush(&mut self.tun, &mut self.counters);
    }

    /// The longest frame at this MTU, in bytes.
    fn max_frame(&self) -> usize {
        ETHERNET_HEADER + VLAN_TAG + self.mtu
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.flush();
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
        // smoltcp's MTU includes the Ethernet header, the kernel's does not.
        capabilities.max_transmission_unit = ETHERNET_HEADER + self.mtu;
        if self.tun.offloads() {
            capabilities.checksum.tcp = Checksum::None;
            #[cfg(feature = "phy-tap-offload")]
            {
                capabilities.segmentation.tcpv4 = NonZeroUsize::new(UNCUT);
            }
        }
        capabilities
    }

    fn receive(&mut self, _timestamp: Instant) -> Option<(RxToken<'_>, TxToken<'_>)> {
        let number = loop {
            match self.rx_batch.next() {
                Some(number) if self.admit(number) => break number,
                Some(_) if self.read_budget.is_granted() => {}
                // Without a grant, one read frame bounds the work, even if it was dropped.
                Some(_) => return None,
                None => {
                    self.flush();
                    if !self.fill() {
                        return None;
                    }
                }
            }
        };
        let batched = self.read_budget.is_granted();
        let (_, frame) = self.rx_batch.frame(number)?;
        let rx = RxToken { frame };
        let (tun, tx_batch, counters) = (&mut self.tun, &mut self.tx_batch, &mut self.counters);
        Some((rx, TxToken { tun, tx_batch, counters, batched, segment_size: None }))
    }

    fn transmit(&mut self, _timestamp: Instant) -> Option<TxToken<'_>> {
        let batched = self.read_budget.is_granted();
        let (tun, tx_batch, counters) = (&mut self.tun, &mut self.tx_batch, &mut self.counters);
        Some(TxToken { tun, tx_batch, counters, batched, segment_size: None })
    }
}

/// A received frame in the [`Tap`]'s receive buffer.
#[derive(Debug)]
pub struct RxToken<'a> {
    frame: &'a [u8],
}

impl phy::RxToken for RxToken<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(self.frame)
    }
}

/// Room for one frame in the [`Tap`]'s transmit buffer, which is written at once or with its batch.
pub struct TxToken<'a> {
    tun: &'a mut Tun,
    tx_batch: &'a mut TxBatch,
    counters: &'a mut Counters,
    /// Whether the frame is written with its batch, at the next `receive` or `wait`.
    batched: bool,
    /// The payload length of the segments that the kernel cuts the frame into.
    segment_size: Option<NonZeroU16>,
}

impl phy::TxToken for TxToken<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, f: F) -> R {
        let TxToken { tun, tx_batch, counters, batched, segment_size } = self;
        let result = tx_batch.push(length, tun, counters, segment_size, f);
        if !batched {
            tx_batch.flush(tun, counters);
        }
        result
    }

    #[cfg(feature = "phy-tap-offload")]
    fn set_meta(&mut self, meta: phy::PacketMeta) {
        self.segment_size = meta.segmentation_offload_size;
    }
}
