//! A peer that tracks one connection: after any segment that a test sends in its name it can continue
//! correctly.

use smolecho::smoltcp::wire::{IpEndpoint, TcpControl};

use super::frames::{Frame, Segment, Tcp, Way, who_has};
use super::pattern::pattern;
use super::{Family, Station, World};

pub struct Peer {
    pub me: IpEndpoint,
    pub node: IpEndpoint,
    pub iss: i32,
    /// SND.UNA and SND.WND, and the node's SND.NXT.
    pub una: i32,
    pub offered: u16,
    pub node_next: i32,
    /// RCV.NXT, the window we advertise, and the last acknowledgement that we sent.
    pub expects: i32,
    pub window: u16,
    pub told: i32,
    pub back: Vec<u8>,
    pub node_closed: bool,
    pub reset: bool,
    pub seen: usize,
}

impl Peer {
    /// A peer with a port of its own, whose hardware address the node has learned from its request.
    pub fn new<F: Station>(world: &mut World<F>, family: Family, n: u16) -> Self {
        let me = IpEndpoint::new(family.stranger(n % 1000), 10_000 + n);
        world.inject_and_settle(who_has(me.addr, family.node()));
        Peer {
            me,
            node: family.server(),
            iss: 7_000 + i32::from(n) * 100_003,
            una: 0,
            offered: 0,
            node_next: 0,
            expects: 0,
            window: 65_535,
            told: 0,
            back: Vec::new(),
            node_closed: false,
            reset: false,
            seen: world.mark(),
        }
    }

    /// The sequence number of the byte at this place of the stream.
    pub fn at(&self, place: usize) -> i32 {
        self.iss.wrapping_add(1 + place as i32)
    }

    /// The place of SND.UNA in the stream.
    pub fn place(&self) -> usize {
        self.una.wrapping_sub(self.at(0)).max(0) as usize
    }

    pub fn segment<'p>(
        &self,
        control: TcpControl,
        seq: i32,
        ack: Option<i32>,
        payload: &'p [u8],
    ) -> Segment<'p> {
        Segment { from: self.me, to: self.node, control, seq, ack, window: self.window, payload }
    }

    pub fn syn(&self) -> Segment<'static> {
        self.segment(TcpControl::Syn, self.iss, None, &[])
    }

    /// Sends the piece of the stream between two places.
    #[track_caller]
    pub fn say<F: Station>(&mut self, world: &mut World<F>, from: usize, to: usize, fin: bool) {
        let control = if fin { TcpControl::Fin } else { TcpControl::None };
        let payload = pattern(from..to);
        let segment = self.segment(control, self.at(from), Some(self.expects), &payload);
        world.inject(segment.frame());
        self.told = self.expects;
        self.look(world);
    }

    /// Sends a SYN and returns whether a SYN-ACK came.
    pub fn knock<F: Station>(&mut self, world: &mut World<F>) -> bool {
        world.inject(self.syn().frame());
        self.look(world).iter().any(|tcp| tcp.syn)
    }

    #[track_caller]
    pub fn open<F: Station>(&mut self, world: &mut World<F>) {
        assert!(self.knock(world), "no SYN-ACK");
        self.say(world, 0, 0, false);
    }

    /// Waits for answers, processes and returns them.
    #[track_caller]
    pub fn look<F: Station>(&mut self, world: &mut World<F>) -> Vec<Tcp> {
        world.run_for(world.latency * 4);
        let frames: Vec<Frame> = world.trace[self.seen..].to_vec();
        self.seen = world.mark();
        let to_me = |frame: &&Frame| frame.way == Way::FromNode;
        let mut segments = Vec::new();
        for frame in frames.iter().filter(to_me) {
            if let Some(tcp) = frame.tcp().filter(|tcp| tcp.to == self.me) {
                self.take(&tcp, frame.payload());
                segments.push(tcp);
            }
        }
        segments
    }

    #[track_caller]
    fn take(&mut self, tcp: &Tcp, payload: &[u8]) {
        let seq = tcp.seq.0;
        if tcp.rst {
            self.reset = true;
            return;
        }
        if let Some(ack) = tcp.ack.filter(|ack| tcp.syn || ack.0.wrapping_sub(self.una) > 0) {
            self.una = ack.0;
        }
        self.offered = tcp.window;
        if tcp.syn {
            self.expects = seq.wrapping_add(1);
            self.node_next = self.expects;
            return;
        }
        let known = self.expects.wrapping_sub(seq);
        if let Some(new) = usize::try_from(known).ok().and_then(|known| payload.get(known..)) {
            let place = self.back.len();
            assert_eq!(new, pattern(place..place + new.len()), "wrong bytes from {place} on");
            self.back.extend(new);
            self.expects = self.expects.wrapping_add(new.len() as i32);
            let end = seq.wrapping_add(payload.len() as i32);
            if tcp.fin && self.expects == end {
                self.node_closed = true;
                self.expects = self.expects.wrapping_add(1);
            }
        }
        let end = seq.wrapping_add((tcp.len + usize::from(tcp.fin)) as i32);
        if end.wrapping_sub(self.node_next) > 0 {
            self.node_next = end;
        }
    }

    /// Continues correctly: sends unacknowledged bytes until all `total` are echoed, then closes. Returns
    /// whether both sides have closed.
    #[track_caller]
    pub fn live<F: Station>(&mut self, world: &mut World<F>, total: usize) -> bool {
        self.window = 65_535;
        for _ in 0..200 {
            self.look(world);
            if self.reset {
                return false;
            }
            let place = self.place();
            if place > total && self.node_closed {
                if self.told != self.expects {
                    self.say(world, place, place, false);
                }
                return true;
            }
            let piece = (total - place.min(total)).min(usize::from(self.offered)).min(1220);
            let all_back = self.back.len() == total;
            self.say(world, place, place + piece, all_back && place == total);
        }
        false
    }
}
