//! An IPv4 address from a DHCP server (RFC 2131), through smoltcp's socket for it.

use smoltcp::iface::{Interface, SocketHandle, SocketSet, SocketStorage};
use smoltcp::phy::{Device, TxToken};
use smoltcp::socket::dhcpv4::{Event, Socket};
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{IpAddress, IpCidr};

use super::Learned;
use crate::config::{Config, is_host_address};
use crate::phy::seq_tracker::SeqTracker;
use crate::phy::single_frame::SingleFrame;

/// How long a server has to answer before it is asked again (RFC 2131 section 4.1: 4 s at first).
const DISCOVER_TIMEOUT: Duration = Duration::from_secs(4);

/// A server that refuses what it offers, or lends for no time, is asked so often in so long: smoltcp
/// would begin again at once.
const IN_A_ROW: u8 = 8;
const ROW: Duration = Duration::from_secs(10);

pub(super) struct Dhcp<'a> {
    sockets: SocketSet<'a>,
    handle: SocketHandle,
    learned: Learned,
    in_a_row: u8,
    row_ends: Instant,
}

impl<'a> Dhcp<'a> {
    /// If the configuration asks for it; `storage` has room for one socket then.
    pub(super) fn new(
        config: &Config,
        now: Instant,
        storage: &'a mut [SocketStorage<'a>],
    ) -> Option<Self> {
        config.dhcpv4.then(|| {
            let mut sockets = SocketSet::new(storage);
            let mut socket = Socket::new();
            let mut retry = socket.get_retry_config();
            retry.discover_timeout = DISCOVER_TIMEOUT;
            socket.set_retry_config(retry);
            let handle = sockets.add(socket);
            Dhcp { sockets, handle, learned: Learned::default(), in_a_row: 0, row_ends: now }
        })
    }

    pub(super) fn deliver<Tx: TxToken>(
        &mut self,
        mut frame: SingleFrame<'_, Tx>,
        iface: &mut Interface,
        now: Instant,
    ) {
        iface.poll_ingress_single(now, &mut frame, &mut self.sockets);
    }

    pub(super) fn poll<D: Device + ?Sized>(
        &mut self,
        iface: &mut Interface,
        now: Instant,
        device: &mut D,
    ) -> Learned {
        if self.may_ask(iface, now) {
            iface.poll_egress(now, &mut SeqTracker::new(device, &mut None), &mut self.sockets);
        }
        match self.sockets.get_mut::<Socket<'a>>(self.handle).poll() {
            Some(Event::Configured(config)) => {
                // Servers say 0.0.0.0 where they mean none, and smoltcp panics on its way there.
                self.learned = Learned {
                    address: Some(IpCidr::Ipv4(config.address)).filter(is_host_address),
                    router: config.router.map(IpAddress::Ipv4).filter(IpAddress::is_unicast),
                };
            }
            Some(Event::Deconfigured) => self.learned = Learned::default(),
            None => {}
        }
        self.learned
    }

    pub(super) fn poll_at(&self, iface: &mut Interface, now: Instant) -> Option<Instant> {
        let at = iface.poll_at(now, &self.sockets)?;
        Some(if self.in_a_row < IN_A_ROW { at } else { at.max(self.row_ends) })
    }

    /// Whether something is due, and not too soon after too much.
    fn may_ask(&mut self, iface: &mut Interface, now: Instant) -> bool {
        if self.row_ends <= now {
            (self.in_a_row, self.row_ends) = (0, now + ROW);
        }
        let may = self.poll_at(iface, now).is_some_and(|at| at <= now);
        self.in_a_row += u8::from(may);
        may
    }
}
