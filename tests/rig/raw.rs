//! A peer without a stack: the test makes each of its segments.

use smolecho::smoltcp::wire::{IpEndpoint, TcpControl};

use super::frames::{Segment, Tcp, Way, who_has};
use super::{Family, Station, World, ms};

pub struct Raw {
    pub me: IpEndpoint,
    pub server: IpEndpoint,
    /// SND.NXT and RCV.NXT.
    pub seq: i32,
    pub ack: i32,
    /// Frames of the trace that `answers` has read.
    seen: usize,
}

impl Raw {
    /// A peer whose hardware address the node has learned from its request.
    pub fn new<F: Station>(world: &mut World<F>, family: Family, n: u16) -> Self {
        let raw = Self::unknown(family, n);
        world.inject_and_settle(who_has(raw.me.addr, family.node()));
        raw
    }

    /// A peer with a connection.
    #[track_caller]
    pub fn connected<F: Station>(world: &mut World<F>, family: Family, n: u16) -> Self {
        let mut raw = Self::new(world, family, n);
        raw.handshake(world);
        raw
    }

    /// A peer whose hardware address the node does not know.
    pub fn unknown(family: Family, n: u16) -> Self {
        let me = IpEndpoint::new(family.stranger(n), 40_000 + n);
        Raw { me, server: family.server(), seq: 7_000, ack: 0, seen: 0 }
    }

    pub fn segment<'p>(&self, control: TcpControl, payload: &'p [u8]) -> Segment<'p> {
        let (seq, ack) = (self.seq, Some(self.ack));
        Segment { from: self.me, to: self.server, control, seq, ack, window: 65_535, payload }
    }

    pub fn syn(&self) -> Segment<'static> {
        Segment { seq: self.seq, ..Segment::syn(self.me, self.server) }
    }

    /// Sends a segment and advances SND.NXT.
    pub fn send<F: Station>(&mut self, world: &mut World<F>, control: TcpControl, payload: &[u8]) {
        world.inject_and_settle(self.segment(control, payload).frame());
        self.seq += payload.len() as i32 + i32::from(control == TcpControl::Fin);
    }

    /// Sends a SYN; a SYN-ACK sets RCV.NXT.
    pub fn knock<F: Station>(&mut self, world: &mut World<F>) -> Option<Tcp> {
        self.seen = world.mark();
        world.inject_and_settle(self.syn().frame());
        let answer = self.answers(world).into_iter().find(|tcp| tcp.syn);
        if let Some(tcp) = answer {
            self.ack = tcp.seq.0.wrapping_add(1);
        }
        answer
    }

    #[track_caller]
    pub fn handshake<F: Station>(&mut self, world: &mut World<F>) {
        self.knock(world).expect("a SYN-ACK");
        self.seq += 1;
        self.send(world, TcpControl::None, &[]);
    }

    /// Acknowledges all new data and FINs, and returns the number of bytes.
    pub fn take<F: Station>(&mut self, world: &mut World<F>) -> usize {
        let mut got = 0;
        for tcp in self.answers(world) {
            if tcp.seq.0 == self.ack {
                got += tcp.len;
                self.ack = self.ack.wrapping_add(tcp.len as i32 + i32::from(tcp.fin));
            }
        }
        self.send(world, TcpControl::None, &[]);
        got
    }

    /// The node's segments since the last call.
    pub fn answers<F: Station>(&mut self, world: &mut World<F>) -> Vec<Tcp> {
        world.run_for(ms(4));
        let trace = &world.trace[self.seen..];
        self.seen += trace.len();
        trace
            .iter()
            .filter(|frame| frame.way == Way::FromNode)
            .filter_map(|frame| frame.tcp().filter(|tcp| tcp.to == self.me))
            .collect()
    }
}
