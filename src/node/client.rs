//! Connections and queries that the node begins.

use smoltcp::time::Instant;
use smoltcp::wire::{IpAddress, IpEndpoint};

use super::{ConnectError, Node};
use crate::client::tcp::Message;
use crate::client::udp::{Query, UdpExchange};
use crate::event::Tuple;
use crate::udp_queue::{PortRole, TxSlot};

impl<'a> Node<'a> {
    /// Opens a connection; the following polls send `message`, verify its echo and close. Events report the
    /// progress; the last is [`Event::Closed`](crate::Event::Closed).
    ///
    /// # Errors
    ///
    /// The peer's address or port is invalid, the node has no address of its family, or no slot or port is
    /// free: see [`ConnectError`].
    pub fn connect(
        &mut self,
        remote: IpEndpoint,
        message: Message<'a>,
        now: Instant,
    ) -> Result<Tuple, ConnectError> {
        let local = self.source_for(remote)?;
        let slot = self.pool.vacant(now).ok_or(ConnectError::NoSlot)?;
        let tuple = self.unused_tuple(local, remote).ok_or(ConnectError::NoPort)?;

        self.free_slot(slot);
        let context = self.iface.context();
        self.pool
            .slot(slot)
            .connect(tuple, message, self.keep_alive, now, |socket| {
                socket.connect(context, tuple.remote, tuple.local).is_ok()
            })
            .then(|| {
                self.pool.enter(slot);
                self.pool.schedule(slot, Some(now));
                tuple
            })
            .ok_or(ConnectError::Unaddressable)
    }

    /// Starts a query; the following polls send its datagrams and receive the answers. Events report the
    /// progress; the last is [`Event::Reported`](crate::Event::Reported).
    ///
    /// # Errors
    ///
    /// The peer's address or port is invalid, the node has no address of its family, no port is free, or the
    /// datagrams are too large: see [`ConnectError`].
    pub fn query(&mut self, remote: IpEndpoint, query: Query<'a>) -> Result<Tuple, ConnectError> {
        if self.ports.is_empty() {
            return Err(ConnectError::NoSlot);
        }
        let local = self.source_for(remote)?;
        if query.len() > self.largest_datagram(remote.addr) {
            return Err(ConnectError::TooLarge);
        }
        let tuple = self.unused_tuple(local, remote).ok_or(ConnectError::NoPort)?;
        self.take_port(tuple.local.port, PortRole::Ask(tuple, UdpExchange::new(query)))
            .ok_or(ConnectError::NoSlot)?;
        Ok(tuple)
    }

    /// The local address for a peer.
    fn source_for(&self, remote: IpEndpoint) -> Result<IpAddress, ConnectError> {
        let own = self.local_addresses();
        if remote.port == 0 || !own.is_possible_peer(&remote.addr, &remote.addr) {
            return Err(ConnectError::Unaddressable);
        }
        let local = self.iface.get_source_address(&remote.addr);
        local.filter(|local| own.has(local)).ok_or(ConnectError::NoAddress)
    }

    /// A random local port (RFC 6056) that no listener, no port and no connection with this peer uses.
    fn unused_tuple(&mut self, local: IpAddress, remote: IpEndpoint) -> Option<Tuple> {
        const TRIES: usize = 32;
        for _ in 0..TRIES {
            let port = self.random.port();
            let tuple = Tuple { local: IpEndpoint::new(local, port), remote };
            let in_use = self.listener(port).is_some() || self.is_bound(port);
            if !in_use && self.pool.find(&tuple).is_none() {
                return Some(tuple);
            }
        }
        None
    }

    /// The largest payload of a datagram to this peer, in bytes.
    fn largest_datagram(&self, remote: IpAddress) -> usize {
        let memory = self.tx_slots.first().map_or(0, TxSlot::capacity);
        match remote {
            IpAddress::Ipv4(_) if cfg!(feature = "ipv4-fragmentation") => memory,
            _ => memory.min(self.largest_whole(remote)),
        }
    }
}
