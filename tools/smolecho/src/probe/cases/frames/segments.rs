//! TCP segments that only an attacker or a bad link sends.

use std::time::{Duration, Instant};

use smoltcp::wire::{
    IPV4_MULTICAST_ALL_SYSTEMS as ALL_SYSTEMS, IPV6_LINK_LOCAL_ALL_NODES as ALL_NODES, IpAddress,
    IpCidr, IpEndpoint, IpProtocol, Ipv4Address, TcpControl, TcpPacket, TcpSeqNumber,
};

use super::station::{self, QUIET, Station};
use super::stream::{Stream, next_for};
use super::wire::{segment, tcp};
use crate::host::entropy::random;
use crate::probe::case::{Scene, Trouble};
use crate::probe::peer::Peer;

const HELLO: &[u8] = b"Hello, Server!";

/// A SYN with a wrong checksum, then the same one with the correct checksum.
pub(super) fn checksum(scene: &mut Scene) -> Result<String, Trouble> {
    let station = Station::new(scene)?;
    let local = IpEndpoint::new(station.address, station::port());
    let first = TcpSeqNumber(random() as i32);
    let mut syn = segment(local, station.target, TcpControl::Syn, first, None, &[]);
    let mut wrong = TcpPacket::new_unchecked(&mut syn[..]);
    wrong.set_checksum(wrong.checksum() ^ 0x5555);
    station.send(&station.frame(&tcp(local, station.target, &syn)))?;
    if next_for(&station, local, QUIET)?.is_some() {
        return Trouble::failed("a SYN with a wrong checksum was answered");
    }
    Stream::connect(&station).map(|_| String::new())
}

/// The frame has the target's own hardware address, as if it had passed the filter of the link.
pub(super) fn group(scene: &mut Scene) -> Result<String, Trouble> {
    let station = Station::new(scene)?;
    let groups: Vec<IpAddress> = match station.network {
        IpCidr::Ipv4(v4) => [Some(Ipv4Address::BROADCAST), v4.broadcast(), Some(ALL_SYSTEMS)]
            .into_iter()
            .flatten()
            .map(Into::into)
            .collect(),
        IpCidr::Ipv6(_) => vec![ALL_NODES.into()],
    };
    for address in groups {
        let local = IpEndpoint::new(station.address, station::port());
        let to = IpEndpoint::new(address, station.target.port);
        let syn = segment(local, to, TcpControl::Syn, TcpSeqNumber(1), None, &[]);
        station.send(&station.frame(&tcp(local, to, &syn)))?;
        let until = Instant::now() + QUIET / 2;
        while let Some(answer) = station.next(until)? {
            if answer.protocol == IpProtocol::Tcp && answer.to == local.addr {
                return Trouble::failed(format!("a SYN for {address} was answered"));
            }
        }
    }
    Stream::connect(&station).map(|_| String::new())
}

pub(super) fn replayed_syn(scene: &mut Scene) -> Result<String, Trouble> {
    attack(scene, |stream| stream.send(TcpControl::Syn, stream.first, None, &[]))
}

pub(super) fn blind_reset(scene: &mut Scene) -> Result<String, Trouble> {
    attack(scene, |stream| stream.send(TcpControl::Rst, stream.snd_nxt + 100, None, &[]))
}

pub(super) fn blind_data(scene: &mut Scene) -> Result<String, Trouble> {
    attack(scene, |stream| {
        let never_sent = stream.rcv_nxt + 100_000;
        stream.send(TcpControl::Psh, stream.snd_nxt, Some(never_sent), b"not the peer's")
    })
}

/// Uses a connection, attacks it, and uses it again.
fn attack(
    scene: &Scene,
    with: impl Fn(&Stream<'_>) -> Result<(), Trouble>,
) -> Result<String, Trouble> {
    let station = Station::new(scene)?;
    let elder = Stream::connect(&station)?;
    let mut stream = Stream::connect(&station)?;
    // Its slot is free again; a server that tries its sockets in order finds it first.
    drop(elder);
    stream.echo(HELLO)?;
    with(&stream)?;
    stream.echo(b"still there?")?;
    Ok(String::new())
}

/// SYNs from many ports of one spare address, in lots that a small MAC can buffer, with an honest client after
/// every 500. In the end all are reset, so that nothing stays open.
pub(super) fn syn_flood(scene: &mut Scene) -> Result<String, Trouble> {
    const SYNS: u16 = 2000;
    const LOT: u16 = 20;
    const BETWEEN_CALLS: u16 = 500;
    const ISS: TcpSeqNumber = TcpSeqNumber(7);
    let station = Station::new(scene)?;
    let all = |control, seq, mut each: Box<dyn FnMut(u16) -> Result<(), Trouble> + '_>| {
        for n in 0..SYNS {
            let local = IpEndpoint::new(station.address, 10_000 + n);
            let said = segment(local, station.target, control, seq, None, &[]);
            station.send(&station.frame(&tcp(local, station.target, &said)))?;
            if n % LOT == LOT - 1 {
                // Reads the answers meanwhile.
                let until = Instant::now() + Duration::from_millis(2);
                while station.next(until)?.is_some() {}
            }
            each(n + 1)?;
        }
        Ok(())
    };
    let call = |n: u16| match n % BETWEEN_CALLS {
        0 => Peer::connect(scene).and_then(|mut peer| peer.echo(HELLO)),
        _ => Ok(()),
    };
    let held = all(TcpControl::Syn, ISS, Box::new(call));
    all(TcpControl::Rst, ISS + 1, Box::new(|_| Ok(())))?;
    held.map(|()| String::new())
}
