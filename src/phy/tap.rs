//! A Linux TAP interface as a device: over the `tun-tap` crate (feature `phy-tap`), or with offloads, by an
//! open of our own (feature `phy-tap-offload`).
//!
//! This needs `std`, alone in this library, and has all that is `unsafe` in it: the system calls that
//! `tun-tap` and std do not wrap. `tap/tun.rs` is the way to the kernel, `tap/uring.rs` the one for many
//! frames at once, `tap/epoll.rs` the wait, `tap/timerfd.rs` its end; `tap/read_budget.rs` says how many frames to ask for,
//! `tap/rx_batch.rs` and `tap/tx_batch.rs` hold them on their way; `tap/vnet_hdr.rs` is what offloads make of a
//! frame.

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
    os::fd::{AsFd, BorrowedFd},
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

/// A VLAN tag makes a frame this much longer than the MTU allows, legally.
const VLAN_TAG: usize = 4;

/// No Ethernet interface of the kernel has a larger IP MTU.
const MAX_MTU: usize = 65_535;

/// Room for any frame at any MTU, so that the host may raise the MTU while we run.
const BUFFER: usize = ETHERNET_HEADER + VLAN_TAG + MAX_MTU;

/// Room for frames that were read together: of the usual size for as many as that may be, and of the largest for
/// a window's worth, with the acknowledgements.
const RX_BATCH: usize = 16 * (HEADER + BUFFER + 1);

/// Room for frames that leave together: of the usual size for as many.
const TX_BATCH: usize = 2 * (HEADER + BUFFER);

/// The longest frame that is left to the kernel to cut: what a capture's format takes.
#[cfg(feature = "phy-tap-offload")]
const UNCUT: usize = 65_535;

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
    /// Frames dropped because their TCP checksum was wrong: with offloads it is verified here, and
    /// only where the kernel has not done so.
    pub rx_checksum: u64,
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
///     tap.wait(Some(Duration::from_millis(100)))?;
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
///   returns `None` without asking the kernel. A request and its answer then cost one `epoll_wait`,
///   one `read` and one `write`.
/// - The grant doubles, up to 64, while wake-ups use all of theirs: under load many frames are
///   drained for one of them. It falls back to one read when a wake-up brought a single frame, and
///   is then slower to grow again.
/// - Frames that come together are read one behind the other, before the first is handed out, and what is
///   sent meanwhile leaves together: before more are read, before `receive` returns `None`, or at the next
///   `wait`. With the feature `phy-tap-uring`, and from Linux 6.4 on, more than two leave in one system
///   call, so that their receiver, where it shares our core, is woken by all of them and not by each; and
///   large ones are read in one. (A thread whose `Tap` has used io_uring and is dropped may see its next
///   blocking call end once with `EINTR`, as by a signal.)
///
/// So `None` means "nothing more for now", not "the queue is empty". Nothing is lost by that:
/// waiting is level-triggered, and the next `wait` returns at once while a frame is there. A
/// program that never calls `wait` is served too: a grant ends once, after that every `receive`
/// asks the kernel for one frame, and every frame sent leaves at once, until the next `wait`.
///
/// # When the host changes the interface
///
/// - Link down: frames sent are dropped and counted, and everything works again when it is up.
/// - MTU: the stack learns it once, at [`open`](Tap::open). Longer frames are dropped and counted;
///   see [`refresh_mtu`](Tap::refresh_mtu).
/// - Removed: `wait` fails. The interface will not come back under this descriptor; open it anew.
///
/// # Offloads
///
/// Opened with `open_offload` (feature `phy-tap-offload`), nobody sums up TCP that stays within the
/// machine, and bulk crosses to the kernel in frames of up to 64 KiB, whatever the MTU:
///
/// - The stack makes no TCP checksums, and verifies none: `capabilities` says so. A segment that the
///   kernel sends itself is trusted; one that came from elsewhere, and that nobody has verified, is
///   verified here.
/// - The stack may ask for a segment to be cut ([`PacketMeta`](phy::PacketMeta)), over IPv4: smoltcp 0.14 drops uncut
///   segments over IPv6 on their way out. Both families receive uncut ones.
/// - An interface that outlives the program keeps its offloads. [`open`](Tap::open) turns them off;
///   another's program may not, and then misses checksums.
///
/// Memory: 18 times 64 KiB, made at `open`, and the rings of io_uring where they are used; none per frame. The
/// kernel backs only the pages that are used.
pub struct Tap {
    tun: Tun,
    epoll: Epoll,
    mtu: usize,
    read_budget: ReadBudget,
    counters: Counters,
    rx_batch: RxBatch,
    // Of its own, because smoltcp writes the answer while it still reads the question.
    tx_batch: TxBatch,
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
        name::check(name)?;
        Tap::over(Tun::open(name)?)
    }

    /// The same with [offloads](Tap#offloads).
    ///
    /// # Errors
    ///
    /// Those of [`open`](Self::open), and [`Unsupported`](io::ErrorKind::Unsupported) where the kernel
    /// does none.
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

    /// The interface's name: the one given to [`open`](Tap::open), or what the kernel made of a
    /// pattern like `tap%d`.
    pub fn name(&self) -> &str {
        self.tun.name()
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
        let mtu = self.tun.mtu()?;
        self.mtu = usize::try_from(mtu).unwrap_or(0).min(MAX_MTU);
        Ok(self.mtu)
    }

    /// Whether the host's side is up. While it is not, every frame sent is dropped.
    pub fn is_up(&self) -> io::Result<bool> {
        self.tun.is_up()
    }

    /// What passed so far, and what was dropped.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// From now on, and until it is closed, [`wait`](Self::wait) ends when this descriptor is readable, too.
    ///
    /// # Errors
    ///
    /// It is watched already ([`AlreadyExists`](io::ErrorKind::AlreadyExists)), or no descriptor that
    /// `epoll` takes: a file is always readable.
    pub fn watch(&mut self, descriptor: impl AsFd) -> io::Result<()> {
        self.epoll.other(descriptor.as_fd())
    }

    /// Sleeps until a frame is there, a descriptor that is [watched](Self::watch) is readable, a signal was
    /// handled, or `timeout` is over.
    ///
    /// `None` sleeps without limit. The timeout is exact to what the kernel's timers can do (tens
    /// of microseconds), is never rounded to zero, and a timeout of zero only looks. The kernel's timer is set
    /// for what is due sooner than it rings, and not for what is due later: it then rings once for nothing,
    /// within the wait.
    ///
    /// # Errors
    ///
    /// The interface was removed ([`NotFound`](io::ErrorKind::NotFound)). A signal is no error.
    pub fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.flush();
        if !self.rx_batch.is_empty() {
            return Ok(());
        }
        match self.epoll.wait(timeout) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                self.read_budget.woke(false)
            }
            Err(error) => return Err(error),
            Ok(events) if events & !libc::EPOLLIN != 0 => {
                // Not "link down": that raises nothing. To go on would be to spin, for every wait
                // would say so.
                return Err(io::Error::new(
                    io::ErrorKind::NotFound,
                    format!("the interface {} was removed", self.name()),
                ));
            }
            Ok(events) => self.read_budget.woke(events & libc::EPOLLIN != 0),
        }
        Ok(())
    }

    /// Reads what is granted, and says whether anything is.
    fn fill(&mut self) -> bool {
        let most = self.read_budget.take();
        if most == 0 {
            return false;
        }
        // A TAP cuts a frame to the buffer and says nothing; an uncut segment is as long as it likes.
        let longest = if self.tun.offloads() { BUFFER } else { self.max_frame() };
        let Filled { asked, found, failed } = self.rx_batch.fill(most, longest, &mut self.tun);
        self.read_budget.came(asked, found);
        self.counters.rx_errors += u64::from(failed);
        found > 0
    }

    /// Whether a frame that was read is one for the stack. Counted either way.
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

    /// The longest frame that an interface of this MTU may carry.
    fn max_frame(&self) -> usize {
        ETHERNET_HEADER + VLAN_TAG + self.mtu
    }
}

/// A program that sleeps by this descriptor never calls [`wait`](Tap::wait): it says nothing of frames that have been
/// read already, or that wait to leave.
impl AsFd for Tap {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.tun.as_fd()
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
        // smoltcp's MTU of an Ethernet device includes the header, the kernel's does not.
        // See the docs of `DeviceCapabilities::max_transmission_unit`.
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
                // Where no grant ends the work, a frame that is dropped does.
                Some(_) => return None,
                None => {
                    self.flush();
                    if !self.fill() {
                        return None;
                    }
                }
            }
        };
        let waits = self.read_budget.is_granted();
        let (_, frame) = self.rx_batch.frame(number)?;
        let rx = RxToken { frame };
        let (tun, tx_batch, counters) = (&mut self.tun, &mut self.tx_batch, &mut self.counters);
        Some((rx, TxToken { tun, tx_batch, counters, waits, segment_size: None }))
    }

    fn transmit(&mut self, _timestamp: Instant) -> Option<TxToken<'_>> {
        let waits = self.read_budget.is_granted();
        let (tun, tx_batch, counters) = (&mut self.tun, &mut self.tx_batch, &mut self.counters);
        Some(TxToken { tun, tx_batch, counters, waits, segment_size: None })
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

/// Room for one frame in the [`Tap`]'s transmit buffer; it goes to the kernel when it is filled, or with
/// those that answer the frames that came with its own.
pub struct TxToken<'a> {
    tun: &'a mut Tun,
    tx_batch: &'a mut TxBatch,
    counters: &'a mut Counters,
    /// Whether it waits for the next `receive` or `wait`, and leaves with others.
    waits: bool,
    /// Into how large pieces the kernel is to cut the segment.
    segment_size: Option<NonZeroU16>,
}

impl phy::TxToken for TxToken<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, f: F) -> R {
        let TxToken { tun, tx_batch, counters, waits, segment_size } = self;
        let result = tx_batch.push(length, tun, counters, segment_size, f);
        if !waits {
            tx_batch.flush(tun, counters);
        }
        result
    }

    #[cfg(feature = "phy-tap-offload")]
    fn set_meta(&mut self, meta: phy::PacketMeta) {
        self.segment_size = meta.segmentation_offload_size;
    }
}
