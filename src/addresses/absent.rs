//! Address sources that are not built in: types without a value, so that no other file asks which features
//! are on. `Config::check` refuses a configuration that needs one.

#![allow(dead_code)] // One of the two may be the real one.

use smoltcp::phy::{ChecksumCapabilities, Device};
use smoltcp::time::Instant;
#[cfg(all(feature = "conflict-detection", not(feature = "dhcpv4")))]
use smoltcp::wire::Ipv4Address;
use smoltcp::wire::{EthernetAddress, IpAddress, IpCidr};

use super::Learned;
use crate::config::Config;
#[cfg(any(feature = "conflict-detection", feature = "dhcpv4"))]
use crate::neighbor::Heard;

enum Never {}

pub(super) struct Dhcp(Never);

impl Dhcp {
    pub(super) fn new(_: &Config, _: Instant) -> Option<Self> {
        None
    }

    pub(super) fn deliver(&mut self, _: &[u8], _: Instant, _: &ChecksumCapabilities) -> Option<()> {
        match self.0 {}
    }

    pub(super) fn poll<D: Device + ?Sized>(&mut self, _: Instant, _: &mut D) -> Learned {
        match self.0 {}
    }

    pub(super) fn poll_at(&self) -> Instant {
        match self.0 {}
    }

    pub(super) fn link_up(&mut self, _: Instant) {
        match self.0 {}
    }

    pub(super) fn decline(&mut self, _: Instant) {
        match self.0 {}
    }
}

#[derive(Default)]
pub(super) struct OffLink;

impl OffLink {
    pub(super) fn follow(&mut self, _: &Learned, _: Instant) {}

    pub(super) fn ask_again(&mut self, _: Instant) {}

    #[cfg(all(feature = "conflict-detection", not(feature = "dhcpv4")))]
    pub(super) fn hear(&mut self, _: &Heard, _: Instant) -> Option<Ipv4Address> {
        None
    }

    pub(super) fn poll<D: Device + ?Sized>(&mut self, _: EthernetAddress, _: Instant, _: &mut D) {}

    pub(super) fn poll_at(&self) -> Option<Instant> {
        None
    }
}

pub(super) fn next_hop(learned: &Learned) -> Option<IpAddress> {
    learned.router
}

pub(super) struct Slaac(Never);

impl Slaac {
    pub(super) fn new(_: &Config, _: Instant) -> Option<Self> {
        None
    }

    pub(super) fn link_up(&mut self, _: Instant) {
        match self.0 {}
    }

    pub(super) fn advertised(&mut self, _: &[u8], _: Instant) -> Option<()> {
        match self.0 {}
    }

    pub(super) fn poll<D: Device + ?Sized>(&mut self, _: bool, _: Instant, _: &mut D) -> Learned {
        match self.0 {}
    }

    pub(super) fn poll_at(&self) -> Option<Instant> {
        match self.0 {}
    }
}

pub(super) struct Claims(Never);

impl Claims {
    pub(super) fn new(_: &Config) -> Option<Self> {
        None
    }

    pub(super) fn contains(&self, _: IpAddress) -> bool {
        match self.0 {}
    }

    pub(super) fn begin(&mut self, _: IpCidr, _: Instant) {
        match self.0 {}
    }

    pub(super) fn end(&mut self, _: IpCidr) {
        match self.0 {}
    }

    pub(super) fn link_changed(&mut self, _: bool, _: Instant) {
        match self.0 {}
    }

    pub(super) fn poll_at(&self) -> Option<Instant> {
        match self.0 {}
    }

    pub(super) fn poll<D: Device + ?Sized>(&mut self, _: Instant, _: &mut D) -> Option<Outcome> {
        match self.0 {}
    }

    #[cfg(feature = "dhcpv4")]
    pub(super) fn hear(&mut self, _: &Heard, _: Instant) {
        match self.0 {}
    }
}

pub(super) enum Outcome {
    Won(IpCidr),
    Conflict { cidr: IpCidr, mac: EthernetAddress, is_lost: bool },
}
