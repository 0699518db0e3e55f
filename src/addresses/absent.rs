//! What stands for a source of addresses that is not built in: types without a value, so that nothing
//! else has to ask which features are on. `Config::check` has refused to make one by then.

#![allow(dead_code)] // One of the two may be the real one.

use core::marker::PhantomData;

use smoltcp::iface::{Interface, SocketStorage};
use smoltcp::phy::{Device, TxToken};
use smoltcp::time::Instant;

use super::Learned;
use crate::config::Config;
use crate::phy::single_frame::SingleFrame;

enum Never {}

pub(super) struct Dhcp<'a>(Never, PhantomData<&'a ()>);

impl<'a> Dhcp<'a> {
    pub(super) fn new(_: &Config, _: Instant, _: &'a mut [SocketStorage<'a>]) -> Option<Self> {
        None
    }

    pub(super) fn deliver<T: TxToken>(
        &mut self,
        _: SingleFrame<'_, T>,
        _: &mut Interface,
        _: Instant,
    ) {
        match self.0 {}
    }

    pub(super) fn poll<D: Device + ?Sized>(
        &mut self,
        _: &mut Interface,
        _: Instant,
        _: &mut D,
    ) -> Learned {
        match self.0 {}
    }

    pub(super) fn poll_at(&self, _: &mut Interface, _: Instant) -> Option<Instant> {
        match self.0 {}
    }
}

pub(super) struct Slaac(Never);

impl Slaac {
    pub(super) fn new(_: &Config, _: Instant) -> Option<Self> {
        None
    }

    pub(super) fn advertised(&mut self, _: &[u8], _: Instant) -> Option<()> {
        match self.0 {}
    }

    pub(super) fn poll<D: Device + ?Sized>(&mut self, _: Instant, _: &mut D) -> Learned {
        match self.0 {}
    }

    pub(super) fn poll_at(&self) -> Option<Instant> {
        match self.0 {}
    }
}
