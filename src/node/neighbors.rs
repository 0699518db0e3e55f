//! ARP and neighbour discovery, on their way to smoltcp or to an answer of the node itself.

use smoltcp::phy::TxToken;
use smoltcp::time::Instant;
use smoltcp::wire::IpAddress;

use super::Node;
use crate::neighbor::{Buffer, Reaction, Station};
use crate::phy::single_frame::SingleFrame;

impl Node<'_> {
    /// Takes a frame that may tell the hardware address of this next hop.
    #[inline(never)] // Inlined into the poll loop it takes 600 bytes more.
    pub(super) fn hear_neighbor(
        &mut self,
        next_hop: Option<IpAddress>,
        frame: SingleFrame<'_, impl TxToken>,
        now: Instant,
    ) {
        let bytes = frame.bytes();
        let alias = self.addresses.hear(bytes, &self.checksums, now);
        let station = Station {
            mac: self.mac,
            own: self.iface.ip_addrs(),
            #[cfg(feature = "proto-ipv6")]
            checksums: &self.checksums,
            alias,
        };
        let mut buffer = [0; size_of::<Buffer>()];
        let mut frame = match station.react(bytes, &mut buffer) {
            Reaction::Deliver => frame,
            Reaction::Retell(retold) => frame.with_bytes(retold),
            Reaction::Answer(answer) => {
                if let Some(token) = frame.into_reply() {
                    token.consume(answer.len(), |room| room.copy_from_slice(answer));
                }
                return;
            }
        };
        self.iface.poll_ingress_single(now, &mut frame, &mut self.common);
        if let Some(next_hop) = alias.map(IpAddress::Ipv4).or(next_hop) {
            self.pool.wake_waiting(&next_hop, now);
        }
    }
}
