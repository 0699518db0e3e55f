//! Adapts any driver of `embassy-net-driver` 0.2 (feature `phy-embassy`): the Ethernet MAC of STM32
//! (`embassy-stm32`), W5500, W6100, ENC28J60, ADIN1110, CYW43, ESP-hosted.
//!
//! A [`Bridge`] passes the driver's own buffers on, without a copy or an allocation. It adds at most 3 % to the
//! instructions of a round trip on the emulated boards; `cargo xtask boards` checks this.
//!
//! ```
//! use core::task::Waker;
//! use smolecho::phy::embassy::{Bridge, NotEthernet};
//! use smolecho::phy::{Device, WakeDevice};
//! use smolecho::smoltcp::time::Instant;
//!
//! fn poll_once(driver: impl embassy_net_driver::Driver) -> Result<(), NotEthernet> {
//!     let mut device = Bridge::new(driver)?;
//!     let mac = device.hardware_address(); // for `Config::new`
//!     assert!(device.capabilities().max_transmission_unit >= 14 + 576);
//!
//!     // A loop that sleeps registers a waker; one that polls all the time needs none.
//!     device.register_waker(Waker::noop());
//!     while let Some((rx, _reply)) = device.receive(Instant::ZERO) {
//! #       drop(rx);
//!     }
//! #   let _ = mac;
//!     Ok(())
//! }
//! ```
//!
//! # Two ways to wait
//!
//! - **An executor:** `smolecho::run` (feature `async`) registers the task's waker before each poll.
//! - **A loop of your own** that sleeps until an interrupt: register a waker that sets a flag, clear the flag
//!   before the poll, and check it before the sleep with interrupts disabled. With [`Waker::noop`], the
//!   default, a frame that arrives between the poll and the sleep waits for the next interrupt.
//!
//! A driver with a `Runner` needs an executor in either case: the runner moves the frames.
//!
//! # For driver authors
//!
//! The bridge relies on these parts of the contract of [`embassy_net_driver::Driver`]:
//!
//! - `hardware_address` **must** be an Ethernet address, and final before the bridge is created.
//! - `capabilities().max_transmission_unit` **must** be the longest frame in bytes, without its check
//!   sequence: IP MTU + 14, as for smoltcp.
//! - `capabilities().checksum` is the work left **to the stack**: with `Checksum::None` the driver **must**
//!   verify and fill in checksums itself.
//! - `receive` and `transmit` **must not** wait. If they return `None`, they **must** store the context's
//!   waker, and wake it when a frame arrives or room is free.
//! - `link_state` **must** wake it when the link changes. While the link is down, `transmit` may return
//!   `None`; a token that it returned **must** take its frame, which is then lost.
//! - A frame **must** be whole: one that does not fit into a buffer is dropped, not truncated.
//! - The node consumes every received frame, but drops many transmit tokens unused.

use core::{
    fmt,
    task::{Context, Waker},
};

pub use embassy_net_driver;
use embassy_net_driver::{Checksum as Left, Driver, HardwareAddress, LinkState};
use smoltcp::phy::{self, Checksum, ChecksumCapabilities, Device, DeviceCapabilities, Medium};
use smoltcp::time::Instant;

use super::wake_device::{self, WakeDevice};

/// An `embassy-net-driver` driver as a smoltcp device.
pub struct Bridge<D> {
    driver: D,
    address: [u8; 6],
    waker: Waker,
}

impl<D: Driver> Bridge<D> {
    /// Wraps a driver. Until [`register_waker`](WakeDevice::register_waker) is called, it wakes no task.
    ///
    /// # Errors
    ///
    /// [`NotEthernet`] if the driver's hardware address is of another kind.
    pub fn new(driver: D) -> Result<Self, NotEthernet> {
        match driver.hardware_address() {
            HardwareAddress::Ethernet(address) => {
                Ok(Bridge { driver, address, waker: Waker::noop().clone() })
            }
            _ => Err(NotEthernet),
        }
    }

    /// The driver's hardware address, for [`Config::new`](crate::Config::new).
    pub const fn hardware_address(&self) -> [u8; 6] {
        self.address
    }

    /// The state of the driver's link. A change wakes the waker of [`register_waker`](WakeDevice::register_waker).
    pub fn link_state(&mut self) -> wake_device::LinkState {
        match self.driver.link_state(&mut Context::from_waker(&self.waker)) {
            LinkState::Up => wake_device::LinkState::Up,
            LinkState::Down => wake_device::LinkState::Down,
        }
    }

    /// The driver itself.
    pub const fn driver(&mut self) -> &mut D {
        &mut self.driver
    }
}

impl<D: Driver> WakeDevice for Bridge<D> {
    fn register_waker(&mut self, waker: &Waker) -> wake_device::LinkState {
        self.waker.clone_from(waker);
        self.link_state()
    }
}

impl<D: Driver> Device for Bridge<D> {
    type RxToken<'t>
        = Received<D::RxToken<'t>>
    where
        Self: 't;
    type TxToken<'t>
        = Room<D::TxToken<'t>>
    where
        Self: 't;

    fn receive(&mut self, _: Instant) -> Option<(Self::RxToken<'_>, Self::TxToken<'_>)> {
        let (rx, tx) = self.driver.receive(&mut Context::from_waker(&self.waker))?;
        Some((Received(rx), Room(tx)))
    }

    fn transmit(&mut self, _: Instant) -> Option<Self::TxToken<'_>> {
        self.driver.transmit(&mut Context::from_waker(&self.waker)).map(Room)
    }

    /// Both traits include the Ethernet header in the MTU, and list the checksums left to the stack.
    fn capabilities(&self) -> DeviceCapabilities {
        let theirs = self.driver.capabilities();
        let mut checksum = ChecksumCapabilities::ignored();
        checksum.ipv4 = left_to_the_stack(theirs.checksum.ipv4);
        checksum.udp = left_to_the_stack(theirs.checksum.udp);
        checksum.tcp = left_to_the_stack(theirs.checksum.tcp);
        checksum.icmpv4 = left_to_the_stack(theirs.checksum.icmpv4);
        #[cfg(feature = "proto-ipv6")]
        {
            checksum.icmpv6 = left_to_the_stack(theirs.checksum.icmpv6);
        }
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = theirs.max_transmission_unit;
        capabilities.max_burst_size = theirs.max_burst_size;
        capabilities.checksum = checksum;
        capabilities
    }
}

const fn left_to_the_stack(left: Left) -> Checksum {
    match left {
        Left::Both => Checksum::Both,
        Left::Rx => Checksum::Rx,
        Left::Tx => Checksum::Tx,
        Left::None => Checksum::None,
    }
}

/// A received frame in the driver's buffer.
pub struct Received<T>(T);

impl<T: embassy_net_driver::RxToken> phy::RxToken for Received<T> {
    #[inline]
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        self.0.consume(|frame| f(frame))
    }
}

/// Room for a frame to send in the driver's buffer.
pub struct Room<T>(T);

impl<T: embassy_net_driver::TxToken> phy::TxToken for Room<T> {
    #[inline]
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        self.0.consume(len, f)
    }
}

/// The driver carries IP packets or another medium's frames; a node needs Ethernet frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotEthernet;

impl fmt::Display for NotEthernet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the driver has no Ethernet address: choose one that carries Ethernet frames")
    }
}

impl core::error::Error for NotEthernet {}
