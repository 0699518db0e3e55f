//! A peer whose every segment is made by hand: it does what no honest stack would.

use smolecho::smoltcp::wire::{IpEndpoint, TcpControl};

use super::frames::{Segment, Tcp, Way, who_has};
use super::{Family, Station, World, ms};

pub struct Raw {
    pub me: IpEndpoint,
    pub server: IpEndpoint,
    /// The next sequence number that it sends, and the one that it expects.
    pub seq: i32,
    pub ack: i32,
    /// Frames of the trace that it has looked at.
    seen: usize,
}

impl Raw {
    /// A stranger that the node can answer: it has made its hardware address known.
    pub fn new<F: Station>(world: &mut World<F>, family: Family, n: u16) -> Self {
        let raw = Self::unknown(family, n);
        world.inject_and_settle(who_has(raw.me.addr, family.node()));
        raw
    }

    /// A stranger whose hardware address nobody knows.
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

    /// Sends a segment and takes its length from the sequence space.
    pub fn send<F: Station>(&mut self, world: &mut World<F>, control: TcpControl, payload: &[u8]) {
        world.inject_and_settle(self.segment(control, payload).frame());
        self.seq += payload.len() as i32 + i32::from(control == TcpControl::Fin);
    }

    /// Sends a SYN and takes the answer's sequence number, if one came.
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

    /// Acknowledges all that came since it last looked, a FIN included.
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

    /// What the node sent to it since it last looked.
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
