//! ARP and neighbour discovery, on their way to smoltcp or to an answer of the node itself.

use smoltcp::phy::TxToken;
use smoltcp::time::Instant;
use smoltcp::wire::IpAddress;

use super::Node;
use crate::neighbor::{Heard, Message, Reaction};
use crate::phy::single_frame::SingleFrame;

impl Node<'_> {
    /// Takes a frame that may tell the hardware address of this next hop.
    pub(super) fn hear_neighbor(
        &mut self,
        next_hop: Option<IpAddress>,
        mut frame: SingleFrame<'_, impl TxToken>,
        now: Instant,
    ) {
        let heard = Heard::read(frame.bytes(), &self.checksums);
        let alias = heard.and_then(|heard| self.addresses.hear(&heard, now));
        let reaction = heard.map_or(Reaction::Deliver, |heard| {
            heard.reaction(self.mac, self.iface.ip_addrs(), alias)
        });
        match reaction {
            Reaction::Retell(message) => {
                let mut retold = [0; Message::MAX_LEN];
                let retold = &mut retold[..message.len()];
                message.write(retold);
                let mut frame = frame.with_bytes(retold);
                self.iface.poll_ingress_single(now, &mut frame, &mut self.common);
            }
            Reaction::Answer(message) => message.send(frame.into_reply()),
            Reaction::Deliver => {
                self.iface.poll_ingress_single(now, &mut frame, &mut self.common);
            }
        }
        if let Some(next_hop) = alias.map(IpAddress::Ipv4).or(next_hop) {
            self.pool.wake_waiting(&next_hop, now);
        }
    }
}
