//! What neighbours say, on its way to smoltcp or to an answer of our own.

use smoltcp::phy::{PacketMeta, TxToken};
use smoltcp::time::Instant;

use super::Node;
use crate::neighbor::{Heard, Message, Reaction};
use crate::phy::single_frame::SingleFrame;

impl Node<'_> {
    pub(super) fn hear_neighbor(
        &mut self,
        frame: &[u8],
        meta: PacketMeta,
        single: SingleFrame<'_, impl TxToken>,
        now: Instant,
    ) {
        let heard = Heard::read(frame, &self.checksums);
        let reaction = heard.map(|heard| {
            self.addresses.heard(&heard, now);
            heard.reaction(self.mac, self.iface.ip_addrs(), self.addresses.off_link_router())
        });
        match reaction {
            Some(Reaction::Retell(message)) => {
                let mut told = [0; Message::MAX_LEN];
                let told = &mut told[..message.len()];
                message.write(told);
                self.deliver(SingleFrame::with(told, meta, single.into_reply()), now);
            }
            Some(Reaction::Answer(message)) => {
                self.stats.delivered += 1;
                message.send(single.into_reply());
            }
            Some(Reaction::Deliver) | None => self.deliver(single, now),
        }
    }
}
