//! How a SYN cookie becomes a connection: the answer to a SYN that nobody remembers, and what the socket
//! must have seen when the cookie comes back.

use smoltcp::iface::{Config as InterfaceConfig, Interface};
use smoltcp::phy::{PacketMeta, TxToken};
use smoltcp::time::Instant;
use smoltcp::wire::{HardwareAddress, IpAddress, IpCidr, TcpControl, TcpSeqNumber};

use super::Node;
use crate::cookie::{self, Cookies, Returned};
use crate::gate::Header;
use crate::phy::seq_tracker::TrackedTxToken;
use crate::phy::single_frame::SingleFrame;
use crate::segment::Segment;

impl Node<'_> {
    /// Where they are not built in, this lets the compiler leave all of it out.
    pub(super) fn gives_cookies(&self) -> bool {
        cfg!(feature = "syn-cookies") && self.cookies.is_some()
    }

    fn cookies(&mut self) -> Option<&mut Cookies> {
        self.cookies.as_mut().filter(|_| cfg!(feature = "syn-cookies"))
    }

    /// The cookie that a segment brings back, if it does; `theirs` is the number of the peer's SYN.
    pub(super) fn returned(
        &mut self,
        header: &Header,
        theirs: TcpSeqNumber,
        now: Instant,
    ) -> Option<Returned> {
        self.cookies()?.take(header.tuple, theirs, header.ack - 1, now)
    }

    /// Answers a SYN without remembering it.
    pub(super) fn give_cookie<Tx: TxToken>(
        &mut self,
        syn: &Segment,
        frame: SingleFrame<'_, Tx>,
        now: Instant,
    ) {
        let Some(cookies) = self.cookies() else { return };
        let ours = cookies.give(&syn.tuple(), syn.seq, syn.segment_size, now);
        let mut answer = syn.answer(TcpControl::Syn, ours, syn.seq + 1, cookies.window);
        let headers = if matches!(syn.from.1.addr, IpAddress::Ipv4(_)) { 40 } else { 60 };
        answer.segment_size = u16::try_from(self.ip_mtu - headers).ok();
        answer.send(frame.into_reply());
        self.stats.cookies_given += 1;
    }

    /// Makes the socket what it would be, had it taken the SYN itself.
    pub(super) fn restore(&mut self, slot: usize, returned: Returned, frame: &[u8], now: Instant) {
        let Some(ack) = Segment::read(frame, &self.checksums).filter(|_| self.gives_cookies())
        else {
            return;
        };
        let syn = Segment {
            control: TcpControl::Syn,
            seq: returned.theirs,
            ack: None,
            segment_size: Some(returned.segment_size),
            ..ack
        };
        let (control, seq) = (TcpControl::None, returned.theirs + 1);
        let completes = Segment { control, seq, segment_size: None, ..ack };
        // One number too early, as a keep-alive: the socket answers, and has thereby announced its
        // window. Before that it takes no data.
        let probe = Segment { seq: returned.theirs, ..completes };

        self.inject(slot, &syn, Some(returned), now);
        self.inject(slot, &completes, None, now);
        self.inject(slot, &probe, None, now);
        self.stats.cookies_returned += 1;
    }

    /// Shows a socket a segment that nobody sent; what it answers does not leave.
    fn inject(&mut self, slot: usize, segment: &Segment, first: Option<Returned>, now: Instant) {
        let mut buffer = [0; Segment::MAX_LEN];
        let frame = &mut buffer[..segment.len()];
        segment.write(frame);
        let (sockets, said) = self.pool.slot(slot).parts();
        let reply = TrackedTxToken { token: Nowhere, said };
        let mut frame = SingleFrame::new(frame, PacketMeta::default(), reply);
        match first {
            None => self.iface.poll_ingress_single(now, &mut frame, sockets),
            // smoltcp draws our initial sequence number, from the seed of its interface.
            Some(returned) => {
                let address = returned.tuple.local.addr;
                let mut config = InterfaceConfig::new(HardwareAddress::Ethernet(self.mac));
                config.random_seed = cookie::seed_for(returned.ours);
                let mut iface = Interface::new(config, &mut frame, now);
                iface.update_ip_addrs(|addresses| {
                    let _ = addresses.push(IpCidr::new(address, 8));
                });
                iface.poll_ingress_single(now, &mut frame, sockets)
            }
        };
    }
}

/// Takes a frame that is not to leave.
struct Nowhere;

impl TxToken for Nowhere {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        let mut buffer = [0; Segment::MAX_LEN];
        f(&mut buffer[..len.min(Segment::MAX_LEN)])
    }
}
