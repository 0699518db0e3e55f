//! Smaller segments for a connection whose path takes no larger ones (RFC 1191, RFC 8201).
//!
//! smoltcp sizes its segments by the MTU of its interface, and has no size for a path. So what such a
//! connection sends goes through an interface of its own, made for the turn: same device, smaller MTU.
//! It takes no memory between turns, and works with segments that the device cuts, too.

use core::mem;

use smoltcp::iface::{Config as InterfaceConfig, Interface, SocketSet};
#[cfg(feature = "proto-ipv6")]
use smoltcp::phy::ChecksumCapabilities;
use smoltcp::phy::{Device, PacketMeta};
use smoltcp::time::Instant;
use smoltcp::wire::{
    ArpOperation, ArpPacket, ArpRepr, EthernetAddress, EthernetFrame, EthernetProtocol,
    HardwareAddress, IpAddress, IpCidr,
};
#[cfg(feature = "proto-ipv6")]
use smoltcp::wire::{
    Icmpv6Packet, Icmpv6Repr, IpProtocol, Ipv6Packet, Ipv6Repr, NdiscNeighborFlags, NdiscRepr,
};

use super::Node;
use crate::event::Tuple;
use crate::path_mtu::{DISCOVERS, Path, TooBig};
use crate::phy::seq_tracker::{Capabilities, SeqState, SeqTracker, TrackedTxToken};
use crate::phy::single_frame::SingleFrame;

impl Node<'_> {
    /// Believes a router if it quotes a segment of ours that is still under way (RFC 5927 section 4.1) and
    /// tells a smaller MTU than is known. Returns the connection's slot.
    pub(super) fn narrow(
        &mut self,
        too_big: &TooBig,
        router: EthernetAddress,
        now: Instant,
    ) -> Option<usize> {
        let slot = self.pool.find(&too_big.tuple).filter(|_| DISCOVERS)?;
        let connection = self.pool.slot(slot);
        let &SeqState { snd_una, snd_nxt, .. } =
            connection.seq().filter(|_| connection.is_sending())?;
        let known = connection.path().map_or(self.ip_mtu, |path| path.mtu.get().into());
        let is_under_way = snd_una <= too_big.seq && too_big.seq < snd_nxt;
        if !is_under_way || !router.is_unicast() || usize::from(too_big.mtu.get()) >= known {
            return None;
        }
        *connection.path() = Some(Path { mtu: too_big.mtu, next_hop: router, learned_at: now });
        self.stats.path_mtus += 1;
        Some(slot)
    }

    /// RFC 1191 section 6.4: what was lost is sent again at once. smoltcp goes back to SND.UNA when its
    /// retransmission timer expires, so it is shown that instant, and no room for a segment; it sends all of
    /// them with the next egress.
    pub(super) fn rewind<D: Device + ?Sized>(&mut self, slot: usize, now: Instant, device: &mut D) {
        if !DISCOVERS {
            return;
        }
        let (sockets, seq) = self.pool.slot(slot).parts();
        if let Some(at) = self.iface.poll_at(now, sockets).filter(|at| *at > now) {
            self.iface.poll_egress(at, &mut SeqTracker::without_room(device, seq), sockets);
        }
    }

    /// [`transmit`](Self::transmit), by way of the path.
    pub(super) fn transmit_on_path<D: Device + ?Sized>(
        &mut self,
        slot: usize,
        has_more: bool,
        now: Instant,
        device: &mut D,
    ) -> Option<Instant> {
        if !DISCOVERS {
            return self.transmit(slot, has_more, now, device);
        }
        let path = self.pool.slot(slot).path();
        path.take_if(|path| path.is_old(now));
        match *path {
            None => self.transmit(slot, has_more, now, device),
            Some(path) => self.transmit_narrow(path, slot, has_more, now, device),
        }
    }

    /// Not inlined: only such a connection needs the stack for a second interface.
    #[inline(never)]
    fn transmit_narrow<D: Device + ?Sized>(
        &mut self,
        path: Path,
        slot: usize,
        has_more: bool,
        now: Instant,
        device: &mut D,
    ) -> Option<Instant> {
        let mut narrow = self.narrow_interface(path, slot, now, device)?;
        mem::swap(&mut self.iface, &mut narrow);
        let at = self.transmit(slot, has_more, now, device);
        mem::swap(&mut self.iface, &mut narrow);
        at
    }

    /// The interface for a connection with a smaller path MTU, which knows the next hop alone.
    fn narrow_interface<D: Device + ?Sized>(
        &mut self,
        Path { mtu, next_hop, .. }: Path,
        slot: usize,
        now: Instant,
        device: &mut D,
    ) -> Option<Interface> {
        let mut capabilities = device.capabilities();
        let Tuple { local, remote } = *self.pool.slot(slot).tuple();
        capabilities.max_transmission_unit = EthernetFrame::<&[u8]>::buffer_len(mtu.get().into());
        let config = InterfaceConfig::new(HardwareAddress::Ethernet(self.mac));
        let mut iface = Interface::new(config, &mut Capabilities(capabilities), now);
        // On a network that is everything, the peer is its own next hop.
        iface.update_ip_addrs(|own| {
            let _ = own.push(IpCidr::new(local.addr, 0));
        });
        let mut buffer = [0; TOLD];
        let told = tell((next_hop, remote.addr), (self.mac, local.addr), &mut buffer)?;
        let reply = TrackedTxToken { token: device.transmit(now)?, seq: &mut None };
        let mut frame = SingleFrame::new(told, PacketMeta::default(), reply);
        iface.poll_ingress_single(now, &mut frame, &mut SocketSet::new(&mut [][..]));
        Some(iface)
    }
}

/// Bytes of the longest frame that tells a hardware address: an advertisement with its option.
const TOLD: usize = EthernetFrame::<&[u8]>::buffer_len(40 + 32);

type Station = (EthernetAddress, IpAddress);

/// A neighbour's answer: an ARP reply, or an advertisement (RFC 4861 section 4.4).
fn tell((mac, address): Station, (to_mac, to): Station, buffer: &mut [u8; TOLD]) -> Option<&[u8]> {
    let mut frame = EthernetFrame::new_unchecked(&mut buffer[..]);
    frame.set_src_addr(mac);
    frame.set_dst_addr(to_mac);
    match (address, to) {
        (IpAddress::Ipv4(address), IpAddress::Ipv4(to)) => {
            frame.set_ethertype(EthernetProtocol::Arp);
            let reply = ArpRepr::EthernetIpv4 {
                operation: ArpOperation::Reply,
                source_hardware_addr: mac,
                source_protocol_addr: address,
                target_hardware_addr: to_mac,
                target_protocol_addr: to,
            };
            reply.emit(&mut ArpPacket::new_unchecked(frame.payload_mut()));
        }
        #[cfg(feature = "proto-ipv6")]
        (IpAddress::Ipv6(address), IpAddress::Ipv6(to)) => {
            frame.set_ethertype(EthernetProtocol::Ipv6);
            let advertisement = Icmpv6Repr::Ndisc(NdiscRepr::NeighborAdvert {
                flags: NdiscNeighborFlags::OVERRIDE,
                target_addr: address,
                lladdr: Some(mac.into()),
            });
            let checksums = ChecksumCapabilities::default();
            let ip = Ipv6Repr {
                src_addr: address,
                dst_addr: to,
                next_header: IpProtocol::Icmpv6,
                payload_len: advertisement.buffer_len(),
                // RFC 4861 section 7.1.2: no router has passed it on.
                hop_limit: 255,
            };
            ip.emit(&mut Ipv6Packet::new_unchecked(frame.payload_mut()));
            let mut icmp = Icmpv6Packet::new_unchecked(&mut frame.payload_mut()[40..]);
            advertisement.emit(&address, &to, &mut icmp, &checksums);
        }
        #[cfg(feature = "proto-ipv6")]
        _ => return None,
    }
    Some(buffer)
}
