//! A device for tests, and the frames of its peer.

use std::collections::VecDeque;

use smoltcp::phy::{ChecksumCapabilities, Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::time::Instant;
use smoltcp::wire::*;

pub(crate) const OUR_MAC: EthernetAddress = EthernetAddress([2, 0, 0, 0, 0, 1]);
pub(crate) const PEER_MAC: EthernetAddress = EthernetAddress([2, 0, 0, 0, 0, 2]);

#[derive(Default)]
pub(crate) struct Wire {
    pub(crate) inbox: VecDeque<Vec<u8>>,
    pub(crate) outbox: Vec<Vec<u8>>,
}

pub(crate) struct Rx(Vec<u8>);
pub(crate) struct Tx<'t>(&'t mut Vec<Vec<u8>>);

impl RxToken for Rx {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(&self.0)
    }
}

impl TxToken for Tx<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        let mut frame = vec![0; len];
        let result = f(&mut frame);
        self.0.push(frame);
        result
    }
}

impl Device for Wire {
    type RxToken<'t> = Rx;
    type TxToken<'t> = Tx<'t>;

    fn receive(&mut self, _: Instant) -> Option<(Rx, Tx<'_>)> {
        let frame = self.inbox.pop_front()?;
        Some((Rx(frame), Tx(&mut self.outbox)))
    }

    fn transmit(&mut self, _: Instant) -> Option<Tx<'_>> {
        Some(Tx(&mut self.outbox))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = 1514;
        capabilities
    }
}

/// An IPv4 packet from the peer: `write` fills the `len` bytes behind the header.
pub(crate) fn packet(
    mac: EthernetAddress,
    [from, to]: [Ipv4Address; 2],
    protocol: IpProtocol,
    len: usize,
    write: impl FnOnce(&mut [u8], &ChecksumCapabilities),
) -> Vec<u8> {
    let ip = IpRepr::new(from.into(), to.into(), protocol, len, 64);
    let sums = ChecksumCapabilities::default();
    frame(mac, EthernetProtocol::Ipv4, ip.buffer_len(), |buffer| {
        ip.emit(&mut buffer[..], &sums);
        write(&mut buffer[ip.header_len()..], &sums);
    })
}

/// A frame from the peer: `write` fills the `len` bytes behind the header.
pub(crate) fn frame(
    dst_addr: EthernetAddress,
    ethertype: EthernetProtocol,
    len: usize,
    write: impl FnOnce(&mut [u8]),
) -> Vec<u8> {
    let ethernet = EthernetRepr { src_addr: PEER_MAC, dst_addr, ethertype };
    let mut frame = vec![0; 14 + len];
    ethernet.emit(&mut EthernetFrame::new_unchecked(&mut frame[..]));
    write(&mut frame[14..]);
    frame
}
