//! A TCP connection built segment by segment.

use std::time::{Duration, Instant};

use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{IpEndpoint, IpProtocol, TcpControl, TcpPacket, TcpRepr, TcpSeqNumber};

use super::station::{self, Station};
use super::wire::{segment, tcp};
use crate::host::entropy::random;
use crate::probe::case::Trouble;

/// How long to wait before a retransmission.
const AGAIN: Duration = Duration::from_millis(300);

/// A connection of a station, reset on drop.
pub(super) struct Stream<'s> {
    station: &'s Station,
    local: IpEndpoint,
    pub(super) first: TcpSeqNumber,
    /// SND.NXT and RCV.NXT (RFC 9293 section 3.3.1).
    pub(super) snd_nxt: TcpSeqNumber,
    pub(super) rcv_nxt: TcpSeqNumber,
}

/// The fields of a received segment.
pub(super) struct Segment {
    control: TcpControl,
    seq: TcpSeqNumber,
    ack: Option<TcpSeqNumber>,
    payload: Vec<u8>,
}

impl<'s> Stream<'s> {
    pub(super) fn connect(station: &'s Station) -> Result<Stream<'s>, Trouble> {
        let local = IpEndpoint::new(station.address, station::port());
        let first = TcpSeqNumber(random() as i32);
        let mut stream = Stream { station, local, first, snd_nxt: first, rcv_nxt: TcpSeqNumber(0) };
        while Instant::now() < station.until {
            stream.send(TcpControl::Syn, first, None, &[])?;
            let Some(answer) = stream.next(AGAIN)? else { continue };
            match (answer.control, answer.ack) {
                (TcpControl::Syn, Some(ack)) if ack == first + 1 => {
                    stream.snd_nxt = ack;
                    stream.rcv_nxt = answer.seq + 1;
                    stream.acknowledge()?;
                    return Ok(stream);
                }
                (TcpControl::Rst, _) => return Trouble::failed("a SYN of our own was refused"),
                _ => {}
            }
        }
        Trouble::failed("a SYN of our own was not answered")
    }

    /// Sends a segment of this connection, or a forged one.
    pub(super) fn send(
        &self,
        control: TcpControl,
        seq: TcpSeqNumber,
        ack: Option<TcpSeqNumber>,
        payload: &[u8],
    ) -> Result<(), Trouble> {
        let segment = segment(self.local, self.station.target, control, seq, ack, payload);
        self.station.send(&self.station.frame(&tcp(self.local, self.station.target, &segment)))
    }

    fn acknowledge(&self) -> Result<(), Trouble> {
        self.send(TcpControl::None, self.snd_nxt, Some(self.rcv_nxt), &[])
    }

    /// Checks that these bytes are echoed, with retransmissions.
    pub(super) fn echo(&mut self, data: &[u8]) -> Result<(), Trouble> {
        let mut received = Vec::new();
        while Instant::now() < self.station.until {
            self.send(TcpControl::Psh, self.snd_nxt, Some(self.rcv_nxt), data)?;
            while let Some(segment) = self.next(AGAIN)? {
                if segment.control == TcpControl::Rst {
                    return Trouble::failed("it reset the connection");
                }
                if segment.seq == self.rcv_nxt && !segment.payload.is_empty() {
                    self.rcv_nxt += segment.payload.len();
                    received.extend(segment.payload);
                    self.acknowledge()?;
                }
                if received == data {
                    self.snd_nxt += data.len();
                    return self.acknowledge();
                }
                if !data.starts_with(&received) {
                    return Trouble::failed("it echoed other bytes than were sent");
                }
                if segment.control == TcpControl::Fin {
                    return Trouble::failed("it closed the connection");
                }
            }
        }
        Trouble::failed("the connection does not echo any more")
    }

    fn next(&self, patience: Duration) -> Result<Option<Segment>, Trouble> {
        next_for(self.station, self.local, patience)
    }
}

impl Drop for Stream<'_> {
    fn drop(&mut self) {
        let _ = self.send(TcpControl::Rst, self.snd_nxt, None, &[]);
    }
}

/// The next segment from the target to this local port.
pub(super) fn next_for(
    station: &Station,
    local: IpEndpoint,
    patience: Duration,
) -> Result<Option<Segment>, Trouble> {
    let until = Instant::now() + patience;
    while let Some(packet) = station.next(until)? {
        if packet.protocol != IpProtocol::Tcp || packet.to != local.addr {
            continue;
        }
        let Ok(tcp) = TcpPacket::new_checked(&packet.payload[..]) else { continue };
        let (from, to) = (station.target.addr, local.addr);
        let Ok(tcp) = TcpRepr::parse(&tcp, &from, &to, &ChecksumCapabilities::ignored()) else {
            continue;
        };
        if (tcp.src_port, tcp.dst_port) == (station.target.port, local.port) {
            let (control, seq, ack) = (tcp.control, tcp.seq_number, tcp.ack_number);
            return Ok(Some(Segment { control, seq, ack, payload: tcp.payload.to_vec() }));
        }
    }
    Ok(None)
}
