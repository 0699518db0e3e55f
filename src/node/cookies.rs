//! SYN cookies in the node: the answer to a SYN that keeps no state, and the connection that is restored
//! from the cookie when it comes back.

use smoltcp::iface::{Config as InterfaceConfig, Interface};
use smoltcp::phy::{DeviceCapabilities, TxToken};
use smoltcp::time::Instant;
use smoltcp::wire::{HardwareAddress, IpAddress, IpCidr, TcpControl, TcpSeqNumber};

use super::Node;
use super::inject::synthetic;
use crate::config::Config;
use crate::cookie::{Cookies, Returned};
use crate::phy::seq_tracker::Capabilities;
use crate::phy::single_frame::SingleFrame;
use crate::pool::slot::Slot;
use crate::random::SplitMix64;
use crate::segment::{Segment, SegmentRepr};

/// The cookies, if they are configured.
pub(super) fn new(config: &Config, slots: &[Slot<'_>], random: &mut SplitMix64) -> Option<Cookies> {
    if !config.syn_cookies {
        return None;
    }
    let room = slots.iter().map(|slot| slot.socket().recv_capacity()).min();
    let window = room.and_then(|room| room.try_into().ok()).unwrap_or(u16::MAX);
    Cookies::new((random.next(), random.next()), window)
}

impl Node<'_> {
    pub(super) fn gives_cookies(&self) -> bool {
        self.cookies.is_some()
    }

    /// The cookie that a segment brings back, if it does; `theirs` is the sequence number of the peer's SYN.
    pub(super) fn returned(
        &self,
        segment: &Segment<'_>,
        theirs: TcpSeqNumber,
        now: Instant,
    ) -> Option<Returned> {
        self.cookies.as_ref()?.take(&segment.tuple, theirs, segment.ack - 1, now)
    }

    /// Answers a SYN without keeping anything of it.
    pub(super) fn give_cookie<Tx: TxToken>(
        &mut self,
        syn: &Segment<'_>,
        segment_size: Option<u16>,
        frame: SingleFrame<'_, Tx>,
        now: Instant,
    ) {
        let Some(cookies) = &mut self.cookies else { return };
        let ours = cookies.give(&syn.tuple, syn.seq, segment_size, now);
        let mut answer = syn.answer(TcpControl::Syn, ours, syn.seq + 1, cookies.window());
        let headers = if matches!(syn.tuple.local.addr, IpAddress::Ipv4(_)) { 40 } else { 60 };
        answer.segment_size = u16::try_from(self.ip_mtu - headers).ok();
        answer.send(frame.into_reply());
        self.stats.cookies_given += 1;
    }

    /// Brings the slot's socket to the state that it would have, had it taken the SYN itself.
    pub(super) fn restore(
        &mut self,
        slot: usize,
        returned: Returned,
        segment: &Segment<'_>,
        now: Instant,
    ) {
        let syn = SegmentRepr {
            segment_size: Some(returned.segment_size()),
            ..segment.of_sender(TcpControl::Syn, returned.theirs())
        };
        let completes = SegmentRepr {
            ack: Some(segment.ack),
            ..segment.of_sender(TcpControl::None, returned.theirs() + 1)
        };
        // A keep-alive, one sequence number early: the socket answers it, and has announced its window
        // thereby. Before that it takes no text.
        let probe = SegmentRepr { seq: returned.theirs(), ..completes };

        self.inject_syn(slot, &syn, &returned, now);
        self.inject(slot, &completes, now);
        self.inject(slot, &probe, now);
        self.stats.cookies_returned += 1;
    }

    /// The SYN of a restored connection. smoltcp draws the initial sequence number from the seed of its
    /// interface, so this one passes through an interface of its own.
    fn inject_syn(
        &mut self,
        slot: usize,
        syn: &SegmentRepr<'_>,
        returned: &Returned,
        now: Instant,
    ) {
        let mut config = InterfaceConfig::new(HardwareAddress::Ethernet(self.mac));
        config.random_seed = returned.seed();
        let mut buffer = [0; SegmentRepr::MAX_LEN];
        let (sockets, seq) = self.pool.slot(slot).parts();
        let mut frame = synthetic(syn, &mut buffer, seq);
        let mut iface =
            Interface::new(config, &mut Capabilities(DeviceCapabilities::default()), now);
        iface.update_ip_addrs(|addresses| {
            let _ = addresses.push(IpCidr::new(syn.to.1.addr, 8));
        });
        iface.poll_ingress_single(now, &mut frame, sockets);
    }
}
