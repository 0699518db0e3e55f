//! A Linux TAP interface as a device: over the `tun-tap` crate (feature `phy-tap`), or with offloads, by an
//! open of our own (feature `phy-tap-offload`).
//!
//! This needs `std`, alone in this library. `tap/line.rs` is the way to the kernel, and has what is
//! `unsafe`; `tap/offload.rs` is what offloads make of a frame; `tap/reads.rs` and
//! `tap/outbox.rs` are how often to read, and when to write.

extern crate std;

mod guess;
mod line;
mod name;
mod offload;
mod outbox;
mod reads;

#[cfg(feature = "phy-tap-offload")]
use core::num::NonZeroUsize;
use core::{fmt, num::NonZeroU16};
use std::{
    boxed::Box,
    format, io,
    os::fd::{AsFd, BorrowedFd},
    vec,
};

use smoltcp::{
    phy::{self, Checksum, Device, DeviceCapabilities, Medium},
    time::{Duration, Instant},
};

use self::line::{Line, Watch};
use self::offload::HEADER;
#[cfg(feature = "phy-tap-offload")]
pub use self::offload::fill_checksum;
use self::outbox::Outbox;
use self::reads::Reads;
use super::ETHERNET_HEADER;

/// A VLAN tag makes a frame this much longer than the MTU allows, legally.
const VLAN_TAG: usize = 4;

/// No Ethernet interface of the kernel has a larger IP MTU.
const MAX_MTU: usize = 65_535;

/// Room for any frame at any MTU, so that the host may raise the MTU while we run.
const BUFFER: usize = ETHERNET_HEADER + VLAN_TAG + MAX_MTU;

/// Room for frames that wait for each other: of the usual size for as many as are read at a time.
const OUTBOX: usize = 2 * (HEADER + BUFFER);

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
///   returns `None` without asking the kernel. A request and its answer then cost one `epoll_pwait2`,
///   one `read` and one `write`.
/// - The grant doubles, up to 64, while wake-ups use all of theirs: under load many frames are
///   drained for one of them. It falls back to one read when a wake-up brought a single frame, and
///   is then slower to grow again.
///
/// - Under load, frames that leave wait for each other while frames are there to be read, and leave
///   together, before `receive` returns `None` or at the next `wait`: else each would wake its receiver,
///   and where that shares our core it would go on at once, frame by frame. Where frames come one by
///   one they leave at once; and a program that never calls `wait` never has one waiting.
///
/// So `None` means "nothing more for now", not "the queue is empty". Nothing is lost by that:
/// waiting is level-triggered, and the next `wait` returns at once while a frame is queued. A
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
/// Memory: three times 64 KiB, made at `open`; none per frame. The kernel backs only the pages
/// that are used.
pub struct Tap {
    line: Line,
    watch: Watch,
    mtu: usize,
    reads: Reads,
    counters: Counters,
    rx: Box<[u8]>,
    // Of its own, because smoltcp writes the answer while it still reads the question.
    tx: Outbox,
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
        Tap::over(Line::open(name)?)
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
        Tap::over(Line::open_offload(name)?)
    }

    fn over(line: Line) -> io::Result<Tap> {
        let watch = Watch::new(&line)?;
        let mut tap = Tap {
            line,
            watch,
            mtu: 0,
            reads: Reads::new(),
            counters: Counters::default(),
            rx: vec![0; HEADER + BUFFER + 1].into_boxed_slice(),
            tx: Outbox::new(OUTBOX),
        };
        tap.refresh_mtu()?;
        Ok(tap)
    }

    /// The interface's name: the one given to [`open`](Tap::open), or what the kernel made of a
    /// pattern like `tap%d`.
    pub fn name(&self) -> &str {
        self.line.name()
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
        let mtu = self.line.mtu()?;
        self.mtu = usize::try_from(mtu).unwrap_or(0).min(MAX_MTU);
        Ok(self.mtu)
    }

    /// Whether the host's side is up. While it is not, every frame sent is dropped.
    pub fn is_up(&self) -> io::Result<bool> {
        self.line.is_up()
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
        self.watch.other(descriptor.as_fd())
    }

    /// Sleeps until a frame is there, a descriptor that is [watched](Self::watch) is readable, a signal was
    /// handled, or `timeout` is over.
    ///
    /// `None` sleeps without limit. The timeout is exact to what the kernel's timers can do (tens
    /// of microseconds, and a millisecond before Linux 5.11), is never rounded to zero, and a timeout of zero
    /// only looks.
    ///
    /// # Errors
    ///
    /// The interface was removed ([`NotFound`](io::ErrorKind::NotFound)). A signal is no error.
    pub fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.tx.flush(&self.line, &mut self.counters);
        match self.watch.wait(timeout) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => self.reads.woke(false),
            Err(error) => return Err(error),
            Ok(events) if events & !libc::EPOLLIN != 0 => {
                // Not "link down": that raises nothing. To go on would be to spin, for every wait
                // would say so.
                return Err(io::Error::new(
                    io::ErrorKind::NotFound,
                    format!("the interface {} was removed", self.name()),
                ));
            }
            Ok(events) => self.reads.woke(events & libc::EPOLLIN != 0),
        }
        Ok(())
    }

    /// Takes the next frame, behind the room for its header. It is cut behind `limit` and a byte, but not
    /// where it may be uncut.
    fn read(&mut self, limit: usize) -> io::Result<usize> {
        if self.line.offloads() {
            self.line.read(&mut self.rx).map(|length| length.saturating_sub(HEADER))
        } else {
            self.line.read(&mut self.rx[HEADER..=HEADER + limit])
        }
    }

    /// The longest frame that an interface of this MTU may carry.
    fn max_frame(&self) -> usize {
        ETHERNET_HEADER + VLAN_TAG + self.mtu
    }
}

impl AsFd for Tap {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.line.as_fd()
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.tx.flush(&self.line, &mut self.counters);
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
        if self.line.offloads() {
            capabilities.checksum.tcp = Checksum::None;
            #[cfg(feature = "phy-tap-offload")]
            {
                capabilities.segmentation.tcpv4 = NonZeroUsize::new(UNCUT);
            }
        }
        capabilities
    }

    fn receive(&mut self, _timestamp: Instant) -> Option<(RxToken<'_>, TxToken<'_>)> {
        if !self.reads.take() {
            self.tx.flush(&self.line, &mut self.counters);
            return None;
        }
        self.tx.will_read(&self.line, &mut self.counters);
        // A TAP cuts a frame to the buffer and says nothing: the byte too many is how we know.
        let limit = self.max_frame();
        let length = loop {
            let error = match self.read(limit) {
                Ok(length) => break length,
                Err(error) => error,
            };
            if self.tx.found_none(&self.line, &mut self.counters) {
                continue;
            }
            self.reads.empty();
            if error.kind() != io::ErrorKind::WouldBlock {
                self.counters.rx_errors += 1;
            }
            return None;
        };
        if self.reads.is_granted() {
            self.tx.has_read();
        }
        let (header, frame) = self.rx.split_first_chunk_mut()?;
        let frame = &mut frame[..length];
        if length > limit && !(self.line.offloads() && offload::is_uncut(header)) {
            self.counters.rx_too_large += 1;
            return None;
        }
        if self.line.offloads() && !offload::admit(header, frame) {
            self.counters.rx_checksum += 1;
            return None;
        }
        self.counters.received += 1;
        let tx = TxToken {
            line: &self.line,
            outbox: &mut self.tx,
            counters: &mut self.counters,
            segment_size: None,
        };
        Some((RxToken { frame }, tx))
    }

    fn transmit(&mut self, _timestamp: Instant) -> Option<TxToken<'_>> {
        Some(TxToken {
            line: &self.line,
            outbox: &mut self.tx,
            counters: &mut self.counters,
            segment_size: None,
        })
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
/// those that follow when the frames that are there have been received.
pub struct TxToken<'a> {
    line: &'a Line,
    outbox: &'a mut Outbox,
    counters: &'a mut Counters,
    /// Into how large pieces the kernel is to cut the segment.
    segment_size: Option<NonZeroU16>,
}

impl phy::TxToken for TxToken<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, f: F) -> R {
        let TxToken { line, outbox, counters, segment_size } = self;
        outbox.push(length, line, counters, segment_size, f)
    }

    #[cfg(feature = "phy-tap-offload")]
    fn set_meta(&mut self, meta: phy::PacketMeta) {
        self.segment_size = meta.segmentation_offload_size;
    }
}
